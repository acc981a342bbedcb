# SPDX-License-Identifier: Apache-2.0
"""A server that echoes the key, and sends control characters and endless texts, in every field it has."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.exceptions import KlingError
from airflow_provider_kling.hooks.kling import KlingHook
from tests.unit.hooks.scripted_server import Reply
from tests.unit.operators.answers import FILE, v1
from tests.unit.operators.conftest import TaskInstance
from tests.unit.operators.one_job import (
    READERS,
    SINGLE,
    Kling,
    Variant,
    run_batch,
    running,
    server,
)

__all__ = ["running", "server"]

KEY = "sk-test-key"
"""Of the connection of these tests."""

TEXT = f"Incorrect API key provided: {KEY} \x1b[31mred\r\nWARNING a forged line\x00\u202e{'x y ' * 1_250}"
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
LONGEST = 3_000
ALL = {**SINGLE, **READERS, "batch": run_batch}

ANSWERS: dict[str, Any] = {
    "a job that failed": v1(
        task_status="failed", task_status_msg=TEXT, task_info={"note": TEXT}, session_id=TEXT
    ),
    "a job that succeeded": v1(
        task_status_msg=TEXT,
        task_info={"external_task_id": None, "note": TEXT},
        task_result={"videos": [{"id": TEXT, "url": FILE, "duration": TEXT, TEXT: TEXT}]},
    ),
    "a job without its file": v1(task_status_msg=TEXT, task_result={"videos": [{"id": TEXT}]}),
    "a refusal": Reply(400, {"code": 1201, "message": TEXT, "request_id": TEXT}, {"X-Note": KEY}),
    "a refused key": Reply(401, {"error": {"message": TEXT, "code": TEXT}}),
    "a page": Reply(403, f"<html>{TEXT}</html>".encode()),
}


def is_fit(text: str, longest: int = LONGEST) -> None:
    assert KEY not in text
    assert not CONTROL.search(text), ascii(text[:300])
    assert "\nWARNING a forged line" not in text
    assert len(text) <= longest, text[:300]


# A sensor waits on as long as its reads are refused.
CASES = {
    f"{answer}, {variant}": (ANSWERS[answer], ALL[variant])
    for answer in ANSWERS
    for variant in ALL
    if not (isinstance(ANSWERS[answer], Reply) and "sensor" in variant)
}


@pytest.mark.parametrize(("response", "option"), CASES.values(), ids=list(CASES))
def test_nothing_of_it_comes_through(
    *,
    ti: TaskInstance,
    server: Kling,
    tmp_path: Path,
    option: Variant,
    response: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    server.query = response
    if isinstance(response, Reply):
        server.create = response
    try:
        result = option(ti, tmp_path)
    except KlingError as error:
        result = {}
        is_fit(str(error))
        for part in (error.request_id, error.task_id, error.external_task_id):
            is_fit(part or "")
    stored = [path.read_text() for path in tmp_path.rglob("*.json*")]
    for text in (json.dumps([ti.xcoms, result], ensure_ascii=False), *stored):
        assert KEY not in text
    for record in caplog.records:
        if "kling" in record.name or "airflow.task" in record.name:
            is_fit(record.getMessage())


@pytest.mark.parametrize("reply", [ANSWERS["a refusal"], ANSWERS["a refused key"], ANSWERS["a page"]])
def test_the_result_of_a_test_of_the_connection(server: Kling, reply: Reply) -> None:
    server.query = reply
    works, text = KlingHook().test_connection()
    assert not works
    is_fit(text)

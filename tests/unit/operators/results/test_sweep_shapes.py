# SPDX-License-Identifier: Apache-2.0
"""A sweep reads results in every shape, and a job without its file is a failure, not a stored result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.exceptions import KlingError
from airflow_provider_kling.operators.results import KlingResultSweepOperator
from tests.unit.hooks.scripted_server import Received, Reply
from tests.unit.operators import answers
from tests.unit.operators.conftest import TaskInstance, context_of
from tests.unit.operators.one_job import NAME, SLUG, Kling, running, server
from tests.unit.results.conftest import MP4

__all__ = ["running", "server"]

WITH_FILE = {name: shape for name, shape in answers.WITH_FILE.items() if name.startswith("v1")}
WITHOUT_FILE = ("no result", "empty list", "null url", "another kind")


@pytest.fixture
def ti() -> TaskInstance:
    return TaskInstance()


def sweep(ti: TaskInstance, server: Kling, out: Path, shape: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sweep a list that holds one job, which queries show as well."""
    server.query = shape

    def answer(request: Received) -> Reply:
        report = Kling._answer(server, request)
        if "pageNum" not in request.target:
            return report
        page = json.loads(report.body)
        data = page["data"] if isinstance(page["data"], dict) else json.loads(page["data"])
        return Reply(200, {"code": 0, "data": [data] if "pageNum=1&" in request.target else []})

    monkeypatch.setattr(server, "route", answer)
    task = KlingResultSweepOperator(task_id="film", endpoints=[SLUG], output_path=str(out))
    return task.execute(context_of(ti))


@pytest.mark.parametrize("shape", WITH_FILE.values(), ids=list(WITH_FILE))
def test_a_listed_job_is_stored(
    ti: TaskInstance, server: Kling, tmp_path: Path, shape: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep(ti, server, tmp_path, shape, monkeypatch)
    assert [path.read_bytes() for path in tmp_path.rglob("*.mp4")] == [MP4]
    assert any(call.endswith(NAME) for call in server.calls)


@pytest.mark.parametrize("name", WITHOUT_FILE)
def test_a_listed_job_without_its_file_fails_the_sweep(
    ti: TaskInstance, server: Kling, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KlingError):
        sweep(ti, server, tmp_path, answers.WITHOUT_FILE[name], monkeypatch)
    assert not list(tmp_path.rglob("manifest.json"))

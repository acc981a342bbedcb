# SPDX-License-Identifier: Apache-2.0
"""Every shape of an answer, through the real operators, sensor, fetch and batch, against a real server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling import exceptions
from airflow_provider_kling.exceptions import (
    JobState,
    KlingContentRefused,
    KlingError,
    KlingResultMissing,
    KlingTaskFailed,
    KlingWaitInterrupted,
)
from airflow_provider_kling.operators.video2 import KlingTextToVideo2Operator
from airflow_provider_kling.submission import submit
from airflow_provider_kling.version_compat import AirflowFailException
from tests.unit.hooks.scripted_server import Received, Reply
from tests.unit.operators import answers, one_job
from tests.unit.operators.answers import FILE, v1, whole
from tests.unit.operators.conftest import PATH, TaskInstance, run
from tests.unit.operators.one_job import (
    NAME,
    NO_JOB,
    READERS,
    SINGLE,
    TWO,
    WAYS,
    Kling,
    Variant,
    each,
    fetch,
    ledger,
    run_batch,
    through,
)
from tests.unit.results.conftest import MP4

running, server = one_job.running, one_job.server


@through(WAYS)
@each(answers.WITH_FILE)
def test_a_success_holds_its_file(
    ti: TaskInstance, server: Kling, tmp_path: Path, variant: Variant, shape: Any
) -> None:
    server.query = shape
    result = variant(ti, tmp_path)
    assert result["status"] == "succeed"
    assert result["task_id"] == "8"
    files = [
        item for items in result.values() if isinstance(items, list) for item in items if item.get("url")
    ]
    assert [item["url"] for item in files] == [server.url + NAME]
    if files[0].get("path"):
        assert Path(files[0]["path"]).read_bytes() == MP4
    assert json.dumps(result, allow_nan=False)
    assert server.creates == (variant in SINGLE.values())


@each(answers.WITH_FILE)
def test_a_row_with_its_file_is_done(ti: TaskInstance, server: Kling, tmp_path: Path, shape: Any) -> None:
    server.query = shape
    assert run_batch(ti, tmp_path)["done"] == 1
    stored = list(tmp_path.rglob("*.mp4"))
    assert [path.read_bytes() for path in stored] == [MP4]
    assert server.creates == 1


@through(WAYS)
@each(answers.WITHOUT_FILE)
def test_a_success_without_its_file_is_none(
    ti: TaskInstance, server: Kling, tmp_path: Path, variant: Variant, shape: Any
) -> None:
    server.query = shape
    with pytest.raises(KlingResultMissing) as missing:
        variant(ti, tmp_path)
    assert missing.value.job is JobState.ENDED
    assert missing.value.task_id == "8"
    assert "ended as succeed but holds no file" in str(missing.value)[:90]
    assert server.creates == (variant in SINGLE.values())
    assert not list(tmp_path.rglob("*.*"))


@each(answers.WITHOUT_FILE)
def test_a_row_without_its_file_is_not_done(
    ti: TaskInstance, server: Kling, tmp_path: Path, shape: Any
) -> None:
    server.query = shape
    with pytest.raises(KlingError, match="0 of 1 rows are done"):
        run_batch(ti, tmp_path)
    assert ledger(tmp_path)["state"] == "submitted", "the next try attaches to it"
    assert server.creates == 1


@through(TWO)
@each(answers.NUMBERS)
def test_times_and_numbers_of_a_response_are_read(
    ti: TaskInstance, server: Kling, tmp_path: Path, variant: Variant, shape: Any
) -> None:
    text, right = shape
    server.query = whole(**text) if "task_result" not in text else v1(**text)
    result = variant(ti, tmp_path)
    shown = {**result["videos"][0], **result}
    assert {name: shown.get(name) for name in right} == right
    assert json.dumps(result, allow_nan=False)


@each(answers.NUMBERS)
def test_times_and_numbers_of_a_row_are_read(
    ti: TaskInstance, server: Kling, tmp_path: Path, shape: Any
) -> None:
    text, _ = shape
    server.query = whole(**text) if "task_result" not in text else v1(**text)
    assert run_batch(ti, tmp_path)["done"] == 1
    for path in tmp_path.rglob("*.json*"):
        for line in path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]:
            json.loads(line, parse_constant=pytest.fail)


@through(WAYS)
@each(answers.CHARGES)
def test_charges_of_a_response_are_read(
    ti: TaskInstance, server: Kling, tmp_path: Path, variant: Variant, shape: Any
) -> None:
    text, units, charges = shape
    server.query = whole(**text)
    result = variant(ti, tmp_path)
    assert (result["units"], result["charges"]) == (units, charges)
    for path in tmp_path.rglob("manifest.json"):
        assert json.loads(path.read_text())["charges"] == charges


@each(answers.CHARGES)
def test_charges_of_a_row_are_read(ti: TaskInstance, server: Kling, tmp_path: Path, shape: Any) -> None:
    said, units, charges = shape
    server.query = whole(**said)
    summary = run_batch(ti, tmp_path)
    (line,) = [json.loads(text) for text in (tmp_path / "results.jsonl").read_text().splitlines()]
    for row in (line, ledger(tmp_path)):
        assert (row.get("units"), row.get("charges", [])) == (units, charges)
    cash = {row["currency"]: row["amount"] for row in charges if row["type"] == "cash" and row["amount"]}
    assert summary["cash_charged"] == cash
    assert summary["done_without_charge"] == (not charges)


@through(TWO)
@pytest.mark.parametrize("text", answers.STATUS_WORDS["succeed"])
def test_words_of_a_success(
    ti: TaskInstance, server: Kling, tmp_path: Path, variant: Variant, text: str
) -> None:
    server.query = whole(task_status=text)
    assert variant(ti, tmp_path)["status"] == "succeed"


@through(TWO)
@pytest.mark.parametrize("text", answers.STATUS_WORDS["failed"])
def test_words_of_a_failure(
    ti: TaskInstance, server: Kling, tmp_path: Path, variant: Variant, text: str
) -> None:
    server.query = v1(task_status=text)
    with pytest.raises(KlingTaskFailed) as failed:
        variant(ti, tmp_path)
    assert failed.value.job is JobState.ENDED


@through(WAYS)
@each(answers.REASONS)
def test_reasons_of_a_failure(
    ti: TaskInstance, server: Kling, tmp_path: Path, variant: Variant, shape: Any
) -> None:
    text, expected_text, content = shape
    server.query = v1(task_status="failed", **text)
    with pytest.raises(KlingContentRefused if content else KlingTaskFailed, match=expected_text) as failed:
        variant(ti, tmp_path)
    assert failed.value.job is JobState.ENDED


@pytest.mark.parametrize("content", [False, True], ids=["failed", "refused"])
def test_the_state_of_a_row_that_failed(
    ti: TaskInstance, server: Kling, tmp_path: Path, content: bool
) -> None:
    reason = "Failure to pass the risk control system" if content else "render crashed"
    server.query = v1(task_status="failed", task_status_msg=reason)
    with pytest.raises(KlingError):
        run_batch(ti, tmp_path)
    assert ledger(tmp_path)["state"] == ("refused" if content else "failed")


@through(SINGLE)
@each(answers.REFUSALS)
@pytest.mark.parametrize("name", ["request_id", "requestId"])
def test_refusals_have_the_right_error(
    *, ti: TaskInstance, server: Kling, tmp_path: Path, variant: Variant, shape: Any, name: str
) -> None:
    status, body, kind, expected_text, code = shape
    server.create, server.query = Reply(status, {**body, name: "r-77"}), NO_JOB
    with pytest.raises(getattr(exceptions, kind), match=expected_text) as refused:
        variant(ti, tmp_path)
    assert (refused.value.code, refused.value.request_id) == (code, "r-77")
    assert refused.value.job is JobState.NOT_CREATED
    assert server.creates == 1


@each(answers.REFUSALS)
def test_a_row_that_is_refused(ti: TaskInstance, server: Kling, tmp_path: Path, shape: Any) -> None:
    status, body, kind, expected_text, _ = shape
    server.create, server.query = Reply(status, body), NO_JOB
    with pytest.raises(KlingError):
        run_batch(ti, tmp_path)
    row = ledger(tmp_path)
    states = {"KlingRequestInvalid": "invalid", "KlingContentRefused": "refused", "KlingAccountError": "open"}
    assert row["state"] == states[kind]
    assert expected_text in str(row.get("error")) or kind == "KlingAccountError"
    assert not row.get("task_id")
    assert server.creates == 1


@each(answers.UNCLEAR)
def test_the_job_of_a_row_is_looked_up_after_an_unclear_response(
    ti: TaskInstance, server: Kling, tmp_path: Path, shape: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, body = shape
    server.create, server.query = Reply(status, body), whole()
    monkeypatch.setattr(submit, "LOOKUP_DELAYS", (0.01, 0.01, 0.01))
    summary = run_batch(ti, tmp_path)
    assert (summary["done"], summary["attached"]) == (1, 1)
    assert server.creates == 1


@through(SINGLE)
@each(answers.UNCLEAR)
def test_after_an_unclear_response_the_job_is_looked_up(
    *,
    ti: TaskInstance,
    server: Kling,
    tmp_path: Path,
    variant: Variant,
    shape: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    status, body = shape
    server.create = Reply(status, body)
    server.query = whole()
    monkeypatch.setattr(submit, "LOOKUP_DELAYS", (0.01, 0.01, 0.01))
    result = variant(ti, tmp_path)
    assert result["task_id"] == "8"
    assert server.creates == 1
    assert any(call.startswith(f"GET {PATH}/af-") for call in server.calls)


@through(SINGLE)
def test_a_refusal_inside_a_success_after_which_there_is_a_job(
    ti: TaskInstance, server: Kling, tmp_path: Path, variant: Variant
) -> None:
    server.create = Reply(200, {"code": 1102, "message": "no credit"})
    assert variant(ti, tmp_path)["task_id"] == "8"
    assert server.creates == 1


@through(SINGLE)
@pytest.mark.parametrize(
    ("body", "final"),
    [
        (b"Failure to pass the risk control system", True),
        ("内容审核未通过".encode(), True),
        (b"<html><h1>Blocked</h1>This request violates the site's policy</html>", False),
        (b"Bad Request", False),
        (b"task not found", False),
    ],
    ids=["words", "Chinese words", "a firewall's page", "other words", "not found"],
)
def test_refusals_that_are_no_json(
    *,
    ti: TaskInstance,
    server: Kling,
    tmp_path: Path,
    variant: Variant,
    body: bytes,
    final: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.create, server.query = Reply(400, body), NO_JOB
    monkeypatch.setattr(submit, "LOOKUP_DELAYS", (0.01, 0.01, 0.01))
    with pytest.raises(KlingContentRefused if final else KlingWaitInterrupted) as refused:
        variant(ti, tmp_path)
    assert refused.value.job is (JobState.NOT_CREATED if final else JobState.MAY_EXIST)
    assert server.creates == 1


@pytest.mark.parametrize("body", [b"blocked: sensitive", {"message": "risk control"}], ids=["text", "JSON"])
def test_a_read_is_never_refused_for_its_content(
    ti: TaskInstance, server: Kling, tmp_path: Path, body: Any
) -> None:
    server.query = Reply(403, body)
    with pytest.raises(KlingError) as refused:
        fetch(ti, tmp_path)
    assert not isinstance(refused.value, AirflowFailException)


OTHER = {
    "data of another job": v1(task_id="7", task_result={"videos": [{"url": "https://a.example/7.mp4"}]}),
    "a list of another job": {"code": 0, "data": [whole(task_id="7")["data"]]},
    "a list of two others": {"code": 0, "data": [whole(task_id="7")["data"], whole(task_id="6")["data"]]},
}


@through(READERS)
@each(OTHER)
def test_a_response_about_another_job_is_not_used(
    *,
    ti: TaskInstance,
    server: Kling,
    tmp_path: Path,
    variant: Variant,
    shape: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.query = shape
    right = whole()
    requested = 0

    def answer(request: Received) -> Reply:
        nonlocal requested
        requested += request.target != NAME
        server.query = shape if requested < 2 else right
        return Kling._answer(server, request)

    monkeypatch.setattr(server, "route", answer)
    if variant is fetch:
        with pytest.raises(KlingError, match="is about another job"):
            variant(ti, tmp_path)
    else:
        assert variant(ti, tmp_path)["videos"][0]["url"] == server.url + NAME


def _newer(**more: Any) -> dict[str, Any]:
    outputs = [{"type": "video", "url": FILE}]
    return {"id": "8", "status": "succeeded", "create_time": answers.CREATED, "outputs": outputs, **more}


@pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferrable"])
def test_a_query_of_several_is_for_the_job_that_was_requested(
    ti: TaskInstance, server: Kling, deferrable: bool
) -> None:
    bill = [
        {"charge_type": "unit", "amount": "2.4"},
        {"charge_type": "cash", "amount": "0.35", "currency": "USD"},
    ]
    other = _newer(id="7", outputs=[{"type": "video", "url": "https://a.example/7.mp4"}], billing=[])
    server.create = Reply(200, {"code": 0, "data": {"id": "8", "status": "submitted"}})
    server.query = {"code": 0, "data": [other, _newer(billing=bill)]}
    task = KlingTextToVideo2Operator(
        task_id="film",
        model_name="kling-3.0-turbo",
        prompt="A boat",
        retries=3,
        poll_interval=0.2,
        deferrable=deferrable,
    )
    result = run(task, ti)
    assert (result["task_id"], result["videos"][0]["url"]) == ("8", server.url + NAME)
    assert [(row["type"], row["amount"]) for row in result["charges"]] == [("units", "2.4"), ("cash", "0.35")]
    assert result["external_task_id"].startswith("af-"), "an answer without it does not lose it"

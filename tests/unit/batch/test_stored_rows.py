# SPDX-License-Identifier: Apache-2.0
"""A batch re-uses jobs and stored results of the same requests, and pays for the others alone."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.batch import stored_rows
from airflow_provider_kling.budget import KlingBudget
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import (
    KlingBudgetSpent,
    KlingContentRefused,
    KlingRequestInvalid,
    KlingSubmissionUnknown,
)
from airflow_provider_kling.utils.storage import StorageTransientError
from tests.unit.batch.conftest import PATH, SLUG, Batch, rows

RISK = "Failure to pass the risk control system"


def total(kling: Emulator) -> int:
    """All requests that the emulator got."""
    return sum(kling.requests.values())


def tonight(batch: Batch, number: int = 1, **defaults: Any) -> Batch:
    """The same batch in another run, at the same output path."""
    other = Batch(batch.output, **{**batch._defaults, **defaults})
    other.ti = replace(batch.ti, run_id=f"night-{number}")
    return other


@pytest.fixture
def shared(tmp_path: Path) -> Batch:
    """A batch whose rows share their jobs with other tasks."""
    return Batch(str(tmp_path / "out"), idempotency_scope="inputs")


def test_another_run_pays_only_for_changed_rows(kling: Emulator, shared: Batch) -> None:
    first = shared.run(rows(6))
    assert (first["made"], first["reused"], first["units_charged"]) == (6, 0, "48")
    asked = total(kling)

    night = tonight(shared)
    summary = night.run([*rows(5), {"prompt": "changed"}])

    assert (summary["done"], summary["made"], summary["reused"], summary["units_charged"]) == (6, 1, 5, "8")
    assert kling.count("POST", PATH) == 7
    lines = night.lines("results.jsonl")
    assert [line["units"] for line in lines] == ["0"] * 5 + ["8"]
    origins = [line.get("reused_from") for line in lines]
    assert origins[5] is None
    assert {(origin["dag_id"], origin["run_id"]) for origin in origins[:5]} == {
        ("shop", "manual__2026-11-20")
    }
    assert all(Path(line["images"][0]["path"]).is_file() for line in lines)
    # Nothing but the changed row's job was asked for: its create call, polls and file.
    assert total(kling) - asked <= 12


def test_equal_rows_pay_once_even_if_both_create_calls_have_an_unknown_outcome(
    start: Callable[..., Emulator], shared: Batch
) -> None:
    kling = start(job_seconds=1.0)
    # One of the two create calls; its look-up finds the job of the other one.
    kling.faults.set({"server_error": 2})
    summary = shared.run([{"prompt": "equal"}] * 2)
    assert kling.faults.fired["server_error"] > 0
    assert (len(kling.jobs), summary["done"], summary["reused"]) == (1, 2, 1)
    assert float(summary["units_charged"]) == float(kling.summary["charged_units"])
    assert sorted(line["units"] for line in shared.lines("results.jsonl")) == ["0", "8"]


def test_a_retry_and_a_clear_of_a_batch_submit_no_reused_row(kling: Emulator, shared: Batch) -> None:
    shared.run(rows(3))
    night = tonight(shared)
    for batch in (night, night.retry(), night.clear()):
        summary = batch.run(rows(3))
        assert (summary["done"], summary["reused"], summary["units_charged"]) == (3, 3, "0")
    assert len(kling.jobs) == 3


def test_a_run_attaches_to_the_job_of_a_missing_stored_file(
    kling: Emulator, shared: Batch, tmp_path: Path
) -> None:
    shared.run(rows(2))
    elsewhere = tonight(Batch(str(tmp_path / "elsewhere"), **shared._defaults))
    summary = elsewhere.run(rows(2))
    assert (summary["made"], summary["attached"], summary["reused"], summary["units_charged"]) == (
        0,
        2,
        2,
        "0",
    )
    assert len(kling.jobs) == 2
    jobs = {job.task_id for job in kling.jobs}
    lines = elsewhere.lines("results.jsonl")
    assert {line["reused_from"]["kling_task_id"] for line in lines} == jobs
    manifest = json.loads(elsewhere.files()[f"{lines[0]['task_id']}/manifest.json"])
    assert manifest["units"] == "8", "a manifest says what the job was charged, also for a re-used job"


def test_equal_rows_of_one_batch_share_one_job(kling: Emulator, shared: Batch) -> None:
    summary = shared.run([{"prompt": "same"}, {"prompt": "same"}, {"prompt": "other"}])
    assert summary["done"] == 3
    assert len(kling.jobs) == 2
    assert summary["units_charged"] == "16"


def test_another_take_submits_other_jobs_once(kling: Emulator, shared: Batch) -> None:
    shared.run(rows(2))
    for number in (1, 2):
        tonight(shared, number, take="2").run(rows(2))
    assert len(kling.jobs) == 4
    # Also in the same run of the same task.
    assert shared.clear().run(rows(2), take=3)["made"] == 2
    assert len(kling.jobs) == 6


def test_reused_rows_do_not_count_for_the_limit(kling: Emulator, shared: Batch, tmp_path: Path) -> None:
    shared.run(rows(3))
    assert tonight(shared).run([*rows(3), {"prompt": "new"}], max_units=8)["units_charged"] == "8"
    # Jobs that are not stored here are looked up before the limit is held against them.
    elsewhere = tonight(Batch(str(tmp_path / "elsewhere"), **shared._defaults), 2)
    assert elsewhere.run(rows(3), max_units=0)["reused"] == 3
    with pytest.raises(KlingBudgetSpent):
        elsewhere.clear().run([*rows(3), {"prompt": "yet another"}], max_units=0)
    assert len(kling.jobs) == 4


def test_reused_rows_do_not_count_for_a_shared_budget(kling: Emulator, shared: Batch, tmp_path: Path) -> None:
    shared.run(rows(3))
    budget = KlingBudget("catalogue", 8, path=str(tmp_path / "budget"))
    elsewhere = tonight(Batch(str(tmp_path / "elsewhere"), **shared._defaults))
    elsewhere.run([*rows(3), {"prompt": "new"}], budget=budget)
    assert budget.spent(dag_id=elsewhere.ti.dag_id, run_id=elsewhere.ti.run_id) == 8


def test_two_concurrent_batches_submit_each_job_once(kling: Emulator, shared: Batch, tmp_path: Path) -> None:
    batches = [
        tonight(Batch(str(tmp_path / f"out-{number}"), **shared._defaults), number) for number in range(2)
    ]
    done: list[dict[str, Any]] = []
    threads = [threading.Thread(target=lambda b=batch: done.append(b.run(rows(8)))) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [summary["done"] for summary in done] == [8, 8]
    assert len(kling.jobs) == 8
    assert sum(int(summary["units_charged"]) for summary in done) == 64


@pytest.mark.parametrize("dialect", ["cometapi", "gateway"])
def test_a_host_without_unique_ids_causes_a_warning(
    dialect: str,
    start: Callable[..., Emulator],
    shared: Batch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    kling = start(dialect=dialect)
    shared.run(rows(2))
    assert "idempotency_scope='inputs'" in caplog.text
    assert tonight(shared).run(rows(2))["reused"] == 2
    assert len(kling.jobs) == 2, "what is stored is re-used at every host"
    elsewhere = tonight(Batch(str(tmp_path / "elsewhere"), **shared._defaults))
    elsewhere.ti = replace(elsewhere.ti, dag_id="another")
    if dialect == "cometapi":
        assert elsewhere.run(rows(2))["reused"] == 2
        return
    with pytest.raises(KlingSubmissionUnknown):
        elsewhere.run(rows(2))
    assert "or set take" in elsewhere.lines("failures.jsonl")[0]["error"]
    assert len(kling.jobs) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"regenerate": True}, "set take"),
        ({"idempotency_scope": "input"}, "'run' or 'inputs'"),
        ({"on_refused": "ignore"}, "'fail' or 'return'"),
        ({"take": True}, "text or a number"),
    ],
)
def test_contradicting_parameters_are_refused(shared: Batch, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(KlingRequestInvalid, match=words):
        shared.operator(rows(1), **arguments)


def test_a_shared_row_may_not_set_its_id(kling: Emulator, shared: Batch) -> None:
    with pytest.raises(KlingRequestInvalid, match="cannot be given with idempotency_scope"):
        shared.run([{"prompt": "a", "external_task_id": "mine"}], on_failure="fail")
    assert not kling.jobs


def test_an_unreachable_storage_stops_the_batch_before_payment(
    kling: Emulator, shared: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise StorageTransientError("no answer")

    monkeypatch.setattr(stored_rows.ResultIndex, "list_files", fail)
    monkeypatch.setattr(stored_rows, "outage_delay", lambda _: 0.0)
    with pytest.raises(Exception, match=r"does not respond; check .*Stored results cannot be looked for"):
        shared.run(rows(2))
    assert not kling.jobs


@pytest.mark.parametrize("where", ["at submission", "by the job"])
@pytest.mark.parametrize("scope", ["run", "inputs"])
def test_refused_rows_count_as_results_with_on_refused_return(
    where: str, scope: str, kling: Emulator, batch: Batch
) -> None:
    word = "refused_word" if where == "at submission" else "failed_word"
    kling.faults.set({word: "7", "fail_reason": RISK})
    arguments = {"idempotency_scope": scope, "on_refused": "return", "on_failure": "fail"}
    requests = [{"prompt": f"product {number}", "labels": {"row": number}} for number in range(5, 9)]

    summary = batch.run(requests, **arguments)

    assert (summary["done"], summary["refused"], summary["failed"], summary["skipped"]) == (3, 1, 0, {})
    (line,) = batch.lines("refused.jsonl")
    job = next((job for job in kling.jobs if "7" in job.body["prompt"]), None)
    assert (job is None) == (where == "at submission")
    assert (line["status"], line["state"], line["prompt"], line["row"]) == (
        *("refused", "refused", "product 7", 3),
    )
    assert (line["task_id"], line["endpoint"]) == (job and job.task_id, SLUG)
    assert (line["labels"], line["request"]) == ({"row": "7"}, {"prompt": "product 7"})
    assert RISK in line["reason"] if job else "1301" in line["reason"]
    assert "failures.jsonl" not in batch.files()
    # A retry has nothing left to do, and refuses nothing again.
    made = kling.count("POST", PATH)
    assert batch.retry().run(requests, **arguments)["refused"] == 1
    assert kling.count("POST", PATH) == made
    # A night later the same row of shared jobs is refused by the job that was, and no other one is made.
    if scope == "inputs":
        made = len(kling.jobs)
        assert tonight(batch).run(requests, **arguments)["refused"] == 1
        assert len(kling.jobs) == made


def test_refused_rows_fail_the_batch_otherwise(kling: Emulator, batch: Batch) -> None:
    kling.faults.set({"refused_word": "product"})
    with pytest.raises(KlingContentRefused):
        batch.run(rows(1))
    assert batch.lines("refused.jsonl")[0]["status"] == "refused"


@pytest.mark.parametrize(
    "rows_of_a_night", [400, pytest.param(5000, marks=pytest.mark.slow)], ids=["400 rows", "5000 rows"]
)
def test_a_run_with_three_changed_rows_requests_only_these(
    rows_of_a_night: int, start: Callable[..., Emulator], tmp_path: Path
) -> None:
    kling = start(job_seconds=0.05, slots=500, scale=0.02, units=1e6)
    catalogue = rows(rows_of_a_night)
    first = Batch(str(tmp_path / "out"), idempotency_scope="inputs", concurrency=100)
    first.run(catalogue)
    asked = total(kling)
    changed = [{"prompt": f"changed {number}"} for number in range(3)]

    summary = tonight(first).run([*changed, *catalogue[3:]])

    assert (summary["done"], summary["made"], summary["reused"]) == (rows_of_a_night, 3, rows_of_a_night - 3)
    assert summary["units_charged"] == "24"
    # Create calls, polls and files of three jobs, whatever the number of rows.
    assert total(kling) - asked < 40

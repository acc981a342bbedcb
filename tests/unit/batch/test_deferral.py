# SPDX-License-Identifier: Apache-2.0
"""A deferrable batch gives its worker back while jobs run, and does what a held one does."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, TaskDeferred

from airflow_provider_kling.batch import deferral
from airflow_provider_kling.batch import input as input_module
from airflow_provider_kling.batch.config import Shard
from airflow_provider_kling.batch.input import row_reader
from airflow_provider_kling.batch.preflight import have_rows_changed
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import (
    JobState,
    KlingAccountError,
    KlingBudgetSpent,
    KlingError,
    KlingServerError,
    KlingTaskFailed,
    KlingTaskTimeout,
)
from airflow_provider_kling.operators.batch import KlingBatchOperator
from airflow_provider_kling.triggers import batch_wakeup
from scripts.local_airflow import wait_until
from tests.support.dag_runs import run as run_dag
from tests.unit.batch.conftest import PATH, Batch, Tries, rows
from tests.unit.operators.conftest import context_of, fire

__all__ = ["run_dag"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Defer also for jobs of a second."""
    monkeypatch.setattr(batch_wakeup, "MIN_DEFERRAL", 0.3)
    monkeypatch.setattr(batch_wakeup, "_SOON", 0.0)
    monkeypatch.setattr(deferral, "FIRST_LEAD", 0.0)


class Parts:
    """Carries out a try with all its deferrals, each part in an operator of its own."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.deferrals: list[TaskDeferred] = []
        self.events: list[dict[str, Any]] = []

    def run(
        self, requests: Any, between: Callable[[TaskDeferred], object] = lambda _: None, **more: Any
    ) -> dict[str, Any]:
        """Run a try to its end, and return the summary.

        :param between: called at each deferral, before the trigger runs.
        """
        go_on: Callable[[KlingBatchOperator, Any], Any] = lambda operator, context: operator.execute(context)  # noqa: E731
        while True:
            operator = self.batch.operator(requests, deferrable=True, **more)
            try:
                return dict(go_on(operator, context_of(self.batch.ti)))
            except TaskDeferred as deferred:
                self.deferrals.append(deferred)
                json.dumps(deferred.trigger.serialize())
                between(deferred)
                event = fire(deferred)
                self.events.append(event)
                kwargs = json.loads(json.dumps(deferred.kwargs))

                def go_on(
                    operator: Any, context: Any, method: str = deferred.method_name, event: Any = event,
                    kwargs: Any = kwargs,
                ) -> Any:  # fmt: skip
                    return getattr(operator, method)(context, event=event, **kwargs)


@pytest.fixture
def parts(batch: Batch) -> Parts:
    return Parts(batch)


def test_no_worker_is_held_while_jobs_run(start: Callable[..., Emulator], parts: Parts) -> None:
    kling = start(job_seconds=1.0, slots=4)
    summary = parts.run(rows(12), concurrency=4)
    assert (summary["done"], summary["made"], summary["attached"]) == (12, 12, 0)
    assert kling.count("POST", PATH) == len(kling.jobs) == 12
    assert len(parts.deferrals) >= 3
    assert all(1 <= len(each.trigger.jobs) <= 4 for each in parts.deferrals)
    assert parts.deferrals[0].trigger.rows_left
    assert not parts.deferrals[-1].trigger.rows_left
    assert {line["airflow"]["try_number"] for line in parts.batch.ledger().values()} == {1}


@pytest.mark.parametrize(
    ("template", "warned"),
    [
        ("{{ macros.datetime.now() }}", True),
        ("{{ macros.uuid.uuid4() }}", True),
        ("try {{ ti.try_number }}", True),
        ("{{ ts }} now", False),
    ],
)
def test_rows_that_differ_in_each_try_cause_a_warning_and_no_deferral(
    template: str,
    warned: bool,
    start: Callable[..., Emulator],
    batch: Batch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kling = start(job_seconds=1.0, slots=4)
    lines: list[str] = []
    log = SimpleNamespace(warning=lambda text, *values: lines.append(text % values), info=lambda *_: None)
    monkeypatch.setattr(KlingBatchOperator, "log", log)
    operator = batch.operator([{"prompt": f"a boat {template}"}], deferrable=True)
    operator.render_template_fields(
        {
            "macros": SimpleNamespace(datetime=datetime, uuid=uuid),
            "ti": batch.ti,
            "ts": "2026-11-28T00:00:00+00:00",
        }
    )
    if not warned:
        with pytest.raises(TaskDeferred):
            operator.execute(context_of(batch.ti))
        assert not [line for line in lines if "differs" in line]
        return
    assert operator.execute(context_of(batch.ti))["done"] == 1
    assert len(kling.jobs) == 1
    (line,) = [line for line in lines if "differs" in line]
    assert line.startswith(
        "requests differs in each try, so a retry makes those rows again and pays for them"
    )
    assert "such as {{ ts }}" in line


def test_finished_rows_are_not_read_again(
    start: Callable[..., Emulator], parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(job_seconds=1.0, slots=4)
    hashed: list[Any] = []
    real = input_module._hash
    monkeypatch.setattr(input_module, "_hash", lambda *requests: hashed.append(requests) or real(*requests))
    summary = parts.run(rows(40), concurrency=4, between=lambda _: hashed.clear())
    assert summary["done"] == 40
    assert len(hashed) < 12, "the last part reads the last rows"
    assert parts.deferrals[-2].kwargs["state"]["position"] >= 30
    assert sorted(line["row"] for line in parts.batch.lines("results.jsonl")) == list(range(1, 41))


@pytest.mark.parametrize("case", ["equal rows", "moved rows"])
def test_all_rows_are_read_again_if_their_numbers_have_changed(
    start: Callable[..., Emulator], parts: Parts, case: str
) -> None:
    kling = start(job_seconds=1.0, slots=4)
    requests = [*rows(5), *rows(3)] if case == "equal rows" else rows(8)
    if case == "moved rows":
        assert parts.batch.run(rows(2))["done"] == 2
        requests = list(reversed(requests))
        parts.batch.retry()
    summary = parts.run(requests, concurrency=4)
    assert (summary["done"], len(kling.jobs)) == (8, 8)
    assert all(each.kwargs["state"]["rows"] == 0 for each in parts.deferrals)


def test_rows_added_during_a_deferral_are_not_submitted(
    start: Callable[..., Emulator], parts: Parts, tmp_path: Path
) -> None:
    kling, file = start(job_seconds=1.0, slots=2), tmp_path / "rows.jsonl"

    def write(*requests: dict[str, Any]) -> None:
        file.write_text("\n".join(map(json.dumps, requests)))

    write(*rows(6))
    first = iter([lambda: write({"prompt": "new"}, *rows(6))])
    summary = parts.run(str(file), concurrency=2, between=lambda _: next(first, lambda: None)())
    assert (summary["rows"], summary["done"]) == (6, 6), "the input counts as it was when the try began"
    summary = Parts(parts.batch.clear()).run(str(file), concurrency=2)
    assert (summary["rows"], summary["done"]) == (7, 7)
    assert len(kling.jobs) == len({job.body["prompt"] for job in kling.jobs}) == 7


@pytest.mark.parametrize("change", ["appended", "replaced"])
def test_other_rows_than_the_try_began_with_are_no_success(
    start: Callable[..., Emulator], parts: Parts, tmp_path: Path, change: str
) -> None:
    """Of a file that is rewritten, the rows that were read before and the others would be a mixture."""
    kling, file = start(job_seconds=1.0, slots=2), tmp_path / "rows.jsonl"

    def write(requests: list[dict[str, Any]]) -> None:
        file.write_text("\n".join(map(json.dumps, requests)))

    other = [{"prompt": f"new {number}"} for number in range(6)]
    second = [*rows(6), *other[:1]] if change == "appended" else other
    write(rows(6))
    with pytest.raises(KlingError, match=r"^Retry to read the rows again: they have changed") as failed:
        parts.run(str(file), concurrency=2, between=lambda _: write(second))
    assert "-1" not in str(failed.value)
    count = {"appended": "7 of 7", "replaced": "6 of 6"}[change]
    assert f"{count} rows are done and stored, 0 were not submitted" in str(failed.value)
    made = len(kling.jobs)
    summary = Parts(parts.batch.retry()).run(str(file), concurrency=2)
    assert summary["rows"] == summary["done"] == len(second), "a retry has the rows as they are now"
    assert len({job.body["prompt"] for job in kling.jobs}) == len(kling.jobs), "none is paid twice"
    assert len(kling.jobs) - made == (0 if change == "appended" else 2)


def test_a_state_of_an_older_version_has_no_digest() -> None:
    state = deferral.DeferralState.from_json({"began": 1.0, "rows": 3})
    assert not have_rows_changed(state, ["a-0"])
    assert not have_rows_changed(None, ["a-0"])


def test_a_number_of_shards_that_changes_while_the_task_is_deferred_moves_no_row(
    start: Callable[..., Emulator], parts: Parts
) -> None:
    kling, shards = start(job_seconds=1.0, slots=2), [2]

    def operator(requests: Any, **more: Any) -> KlingBatchOperator:
        return Batch.operator(parts.batch, requests, shard=0, shards=shards[0], **more)

    parts.batch.operator = operator  # type: ignore[method-assign]
    own = [row.number for row in Shard(0, 2).reader(row_reader(rows(12)))()]
    summary = parts.run(rows(12), concurrency=4, between=lambda _: shards.__setitem__(0, 3))
    assert (summary["rows"], summary["done"]) == (len(own), len(own))
    assert sorted(parts.batch.ledger()) == own
    assert len(kling.jobs) == len(own)


def test_an_output_path_that_is_lost_during_a_deferral_is_no_final_error(
    start: Callable[..., Emulator], parts: Parts
) -> None:
    """The jobs of the first part are paid for, so the error must not say that there is none."""
    kling = start(job_seconds=1.0)
    output, aside = Path(parts.batch.output), Path(f"{parts.batch.output}.aside")

    def lose(_: TaskDeferred) -> None:
        output.rename(aside)
        output.touch()

    with pytest.raises(KlingServerError, match="a part of its path is a file") as caught:
        parts.run(rows(3), between=lose)
    assert not isinstance(caught.value, AirflowFailException)
    assert caught.value.job is JobState.MAY_EXIST
    output.unlink()
    aside.rename(output)
    parts.batch.retry()
    assert parts.run(rows(3))["attached"] == len(kling.jobs) == 3


def test_the_measured_width_survives_a_deferral(start: Callable[..., Emulator], parts: Parts) -> None:
    kling = start(job_seconds=1.0, slots=3)
    assert parts.run(rows(9), concurrency=8)["done"] == 9
    assert len(kling.jobs) == 9
    assert {len(each.trigger.jobs) for each in parts.deferrals} <= {1, 2, 3}
    assert parts.deferrals[0].kwargs["state"]["width"] == 3


def test_failed_rows_are_not_resubmitted_in_the_same_try(
    start: Callable[..., Emulator], parts: Parts
) -> None:
    kling = start(job_seconds=1.0, slots=4)
    kling.faults.set({"failed_job": 3, "fail_reason": "an internal error"})
    with pytest.raises(KlingTaskFailed, match="3 rows failed"):
        parts.run(rows(9), concurrency=4)
    assert len(kling.jobs) == 9
    assert parts.batch.states().count("failed") == 3
    kling.faults.set({"failed_job": 0})
    assert Parts(parts.batch.retry()).run(rows(9), concurrency=4)["made"] == 3


def test_nothing_is_submitted_after_too_many_failures(start: Callable[..., Emulator], parts: Parts) -> None:
    kling = start(job_seconds=1.0, slots=4)
    kling.faults.set({"failed_word": "product", "fail_reason": "an internal error"})
    with pytest.raises(KlingTaskFailed):
        parts.run(rows(20), concurrency=4, on_failure="fail")
    assert len(kling.jobs) <= 8


def test_the_budget_holds_over_all_parts(start: Callable[..., Emulator], parts: Parts) -> None:
    kling = start(job_seconds=1.0, slots=2)
    with pytest.raises(KlingBudgetSpent, match="5 of 9 rows are done"):
        parts.run(rows(9), concurrency=2, max_units=45)
    assert len(kling.jobs) == 5


def test_the_next_try_attaches_to_a_job_whose_wait_timed_out(
    start: Callable[..., Emulator], parts: Parts
) -> None:
    kling = start(job_seconds=60, slots=3)
    with pytest.raises(KlingTaskTimeout, match=r"attach to 3 jobs\. They have not ended in time"):
        parts.run(rows(3), concurrency=3, timeout=1.5)
    assert len(parts.deferrals) <= 3
    kling.advance(100)
    summary = Parts(parts.batch.retry()).run(rows(3), concurrency=3, timeout=30)
    assert (summary["done"], summary["made"], summary["attached"]) == (3, 0, 3)
    assert len(kling.jobs) == 3


def test_execution_timeout_counts_from_the_beginning_of_the_try(
    start: Callable[..., Emulator], parts: Parts
) -> None:
    start(job_seconds=60, slots=3)
    with pytest.raises(KlingTaskTimeout, match="execution_timeout=0:00:05 has passed"):
        parts.run(rows(3), concurrency=3, execution_timeout=timedelta(seconds=5))
    assert len(parts.deferrals) == 1


def test_an_account_without_credit_ends_the_try_with_its_reason(
    start: Callable[..., Emulator], parts: Parts
) -> None:
    kling = start(job_seconds=1.0, slots=2, units=3 * 8)
    with pytest.raises(KlingAccountError):
        parts.run(rows(6), concurrency=2)
    assert parts.batch.states().count("done") == 3
    assert len(kling.jobs) == 3


def test_a_deferral_without_a_triggerer_is_explained(start: Callable[..., Emulator], batch: Batch) -> None:
    # Its module moved between versions of Airflow.
    ended_by_airflow = type("TaskDeferralTimeout", (AirflowException,), {})
    operator = batch.operator(rows(1), deferrable="true")
    assert operator.deferrable is True

    def timed_out(*_: Any, **__: Any) -> None:
        raise ended_by_airflow("Trigger timeout")

    operator.execute_complete = timed_out  # type: ignore[method-assign]
    with pytest.raises(KlingTaskTimeout, match="No triggerer watched the jobs"):
        operator.resume_execution("execute_complete", {"event": {}}, context_of(batch.ti))


def test_a_batch_continues_after_an_unknown_event(
    start: Callable[..., Emulator], batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine even these jobs run for long enough to defer again.
    monkeypatch.setattr("airflow_provider_kling.batch.batch_run.CHECK_SECONDS", 60.0)
    start(job_seconds=0.2)
    summary = batch.operator(rows(2), deferrable=False).execute_complete(context_of(batch.ti), None)  # type: ignore[arg-type]
    assert summary["done"] == 2


def test_synchronous_endpoints_and_calls_inside_a_task_hold_the_worker(
    start: Callable[..., Emulator], batch: Batch, tmp_path: Path
) -> None:
    start(job_seconds=0.5)
    speech = [
        {"text": f"line {number}", "voice_id": "genshin_vindi2", "voice_language": "en"} for number in (1, 2)
    ]
    assert batch.run(speech, endpoint="audio/tts", deferrable=True)["done"] == 2
    other = SimpleNamespace(task_id="my_function")
    summary = batch.operator(rows(2), deferrable=True, output_path=str(tmp_path / "b")).execute(
        context_of(batch.ti, task=other)
    )
    assert summary["done"] == 2


@pytest.mark.airflow
def test_a_deferrable_batch_runs_in_airflow(run_dag: Any, tmp_path: Path, kling_emulator: Emulator) -> None:
    states, values = run_dag(
        f"""
        from airflow_provider_kling.operators.batch import KlingBatchOperator
        KlingBatchOperator(
            task_id="batch", endpoint="images/generations", deferrable=True, concurrency=2,
            requests=[{{"prompt": f"{{{{{{{{ dag.dag_id }}}}}}}} {{number}}"}} for number in range(5)],
            output_path="{tmp_path}/out", poll_interval=0.2, contact_sheet=False,
        )
        """
    )
    assert states == {"batch": "success"}
    assert values["batch"]["done"] == 5
    assert len(kling_emulator.jobs) == 5


def test_a_worker_that_is_killed_after_a_deferral_loses_nothing(
    start: Callable[..., Emulator], parts: Parts, tries: Callable[[Emulator], Tries]
) -> None:
    """A spot worker dies while it goes on; Airflow tries again from the start, and the ledger knows."""
    kling = start(job_seconds=1.0, slots=4)
    run = tries(kling)
    run.count = 1

    def killed(_: TaskDeferred) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        parts.run(rows(12), between=killed, concurrency=4)
    pid = run.start(rows(12), concurrency=4)
    wait_until(lambda: len(kling.jobs) >= 6, 120, "the next try to submit", every=0.02)
    run.kill(pid)
    run.finish(rows(12))
    assert parts.batch.states() == ["done"] * 12
    assert len(kling.jobs) == len({job.external_task_id for job in kling.jobs}) == 12

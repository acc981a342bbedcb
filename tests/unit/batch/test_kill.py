# SPDX-License-Identifier: Apache-2.0
"""Real processes, real signals: a batch that is ended saves what it knows, a killed one loses nothing."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_kling.batch import runner as task_module
from airflow_provider_kling.batch.ledger import Ledger
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingError
from scripts.local_airflow import wait_until
from tests.unit.batch.conftest import PATH, Batch, Tries, rows
from tests.unit.batch.workers import FAILED, INTERRUPTED
from tests.unit.operators.conftest import context_of


@pytest.mark.parametrize(("handler", "code"), [("Airflow 3", FAILED), ("Airflow 2", INTERRUPTED)])
def test_sigterm_writes_the_ledger_and_stops_submission(
    start: Callable[..., Emulator],
    batch: Batch,
    tries: Callable[[Emulator], Tries],
    handler: str,
    code: int,
) -> None:
    kling = start(job_seconds=60, slots=6)
    run = tries(kling)
    pid = run.start(rows(20), concurrency=6, handler=handler)
    wait_until(lambda: len(kling.jobs) == 6, 120, "six jobs to run")
    time.sleep(0.2)
    ended, seconds = run.end(pid)
    assert ended == code
    assert seconds < 50, "the jobs take 60 s"
    assert len(kling.jobs) == 6
    (said, *_) = run.workers.said("Stopped. Kling cannot cancel jobs: 6 continue and may be charged (")
    assert all(job.task_id in said for job in kling.jobs)
    assert "No lines of the ledger" in said
    submitted = [line for line in batch.ledger().values() if line["state"] == "submitted"]
    assert {line["task_id"] for line in submitted} == {job.task_id for job in kling.jobs}
    kling.advance(120)
    # Rows are prepared in parallel: the six are not always the first six.
    run.finish([rows(20)[line["number"] - 1] for line in submitted])
    assert kling.count("POST", PATH) == 6


def test_a_stop_before_the_rows_are_read_submits_nothing(kling: Emulator, batch: Batch) -> None:
    """As while the connection or the output path is read, which may take seconds."""
    operator = batch.operator(rows(3))
    operator.on_kill()
    with pytest.raises(KlingError, match=r"^Stopped: 0 of 3 rows are done and stored, 3 were not submitted"):
        operator.execute(context_of(batch.ti))
    assert kling.count("POST", PATH) == 0
    assert batch.retry().run(rows(3))["done"] == 3


def test_a_create_call_in_progress_at_sigterm_is_recorded(
    start: Callable[..., Emulator], batch: Batch, tries: Callable[[Emulator], Tries]
) -> None:
    kling = start(job_seconds=60)
    kling.faults.set({"stall_after": 0.5})
    run = tries(kling)
    pid = run.start(rows(1))
    wait_until(lambda: kling.stalled, 120, "the call to be held", every=0.02)
    assert run.end(pid)[0] == FAILED
    assert [line["task_id"] for line in batch.ledger().values()] == [kling.jobs[0].task_id]


def test_a_create_call_without_response_is_looked_up_by_the_next_try(
    start: Callable[..., Emulator], batch: Batch, tries: Callable[[Emulator], Tries]
) -> None:
    kling = start()
    kling.faults.set({"stall_after": -1})
    run = tries(kling)
    pid = run.start(rows(1))
    wait_until(lambda: kling.stalled, 120, "the call to be held")
    ended, seconds = run.end(pid)
    assert ended == FAILED
    assert seconds < 50, "the call is never answered"
    assert batch.states() == ["planned"]
    run.finish(rows(1))
    assert (len(kling.jobs), batch.states()) == (1, ["done"])


def test_a_retry_continues_after_airflows_timeout(
    start: Callable[..., Emulator], tries: Callable[[Emulator], Tries]
) -> None:
    kling = start(job_seconds=1.0, slots=4)
    run = tries(kling)
    began = time.monotonic()
    run.start(rows(12), concurrency=4, timeout=2.0)
    assert run.workers.wait() == INTERRUPTED
    assert time.monotonic() - began < 2.0 + 30
    run.finish(rows(12))
    assert len(kling.jobs) == len({job.external_task_id for job in kling.jobs}) == 12


@pytest.mark.parametrize("seed", range(2))
def test_kills_at_random_times_lose_no_job_and_cause_no_second_charge(
    start: Callable[..., Emulator], batch: Batch, tries: Callable[[Emulator], Tries], seed: int
) -> None:
    kling, chance = start(job_seconds=0.5), random.Random(seed)
    kling.faults.set({"lost_response": 7, "late_error": 9, "server_error": 11})
    run = tries(kling)
    for _ in range(5):
        pid = run.start(rows(40))
        time.sleep(chance.uniform(0.1, 0.8))
        run.kill(pid)
    run.finish(rows(40))
    assert len(kling.jobs) == len({job.external_task_id for job in kling.jobs}) == 40
    assert float(kling.summary["charged_units"]) == 40 * 8
    assert batch.states() == ["done"] * 40
    assert len(batch.lines("results.jsonl")) == 40


def test_a_stop_before_the_start_submits_nothing(
    kling: Emulator, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator, look = batch.operator(rows(5)), task_module.preflight

    def slow_preflight(*args: Any, **more: Any) -> Any:
        operator.on_kill()
        return look(*args, **more)

    monkeypatch.setattr(task_module, "preflight", slow_preflight)
    with pytest.raises(KlingError, match="Stopped: 0 of 5 rows are done and stored, 5 were not submitted"):
        operator.execute(context_of(batch.ti))
    assert kling.count("POST", PATH) == 0
    batch.operator(rows(5)).on_kill()


def test_a_hanging_storage_does_not_delay_the_stop(
    start: Callable[..., Emulator], batch: Batch, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    kling, hanging = start(job_seconds=60), threading.Event()
    operator = batch.operator(rows(4), concurrency=2)
    write = Ledger._write

    def hang(self: Ledger, entries: Any) -> str:
        if len(kling.jobs) >= 2:
            hanging.wait(60)
        return write(self, entries)

    monkeypatch.setattr(Ledger, "_write", hang)
    seconds = []

    def end() -> None:
        wait_until(lambda: len(kling.jobs) == 2, 120, "two jobs", every=0.01)
        time.sleep(0.2)
        began = time.monotonic()
        operator.on_kill()
        seconds.append(time.monotonic() - began)

    ender = threading.Thread(target=end)
    ender.start()
    with pytest.raises(KlingError, match="Stopped"):
        operator.execute(context_of(batch.ti))
    ender.join()
    hanging.set()
    assert seconds[0] < 30
    (said,) = [text for text in caplog.messages if text.startswith("Stopped.")]
    assert "No lines" not in said

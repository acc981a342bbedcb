# SPDX-License-Identifier: Apache-2.0
"""A new try, a clear, a new worker: what is done is not made again, what runs is attached to."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from airflow_provider_kling.api.endpoint import get_endpoint
from airflow_provider_kling.batch.input import row_reader
from airflow_provider_kling.batch.ledger import Ledger
from airflow_provider_kling.batch.ledger_entry import LedgerEntry, RowState
from airflow_provider_kling.batch.ledger_writer import LedgerWriter
from airflow_provider_kling.batch.limiter import AdaptiveWidth, ConcurrencyLimiter
from airflow_provider_kling.batch.progress import Progress
from airflow_provider_kling.batch.resume import ResumeAction as Do
from airflow_provider_kling.batch.resume import Resumer, resume_action
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import (
    KlingContentRefused,
    KlingServerError,
    KlingSubmissionUnknown,
    KlingTaskFailed,
    KlingTaskTimeout,
)
from airflow_provider_kling.utils.storage import resolve_path
from tests.unit.batch.conftest import PATH, SLUG, Batch, entries_of, rows


def line(state: RowState, **more: object) -> LedgerEntry:
    return LedgerEntry("a", state, 1, **more)  # type: ignore[arg-type]


def rewrite(batch: Batch, number: int, **changes: Any) -> LedgerEntry:
    """Set a row's line in the ledger, as a worker that was killed may have left it."""
    (fknown_id,) = entries_of(batch.output)
    ledger = Ledger(resolve_path(fknown_id))
    ledger.load()
    known = next(entry for entry in ledger.entries.values() if entry.number == number)
    entry = known.with_state(**{"facts": None, "result": None, "units": None, **changes})
    # What is done stays done: a line that takes that back must be the only one.
    for path in Path(fknown_id).iterdir():
        path.unlink()
    ledger.entries[entry.key] = entry
    for each in list(ledger.entries.values()):
        ledger.record(each)
    ledger.flush()
    return entry


def test_the_same_rows_at_another_endpoint_are_other_jobs(kling: Emulator, batch: Batch) -> None:
    """Kling takes a name once only, whatever the endpoint."""
    same = [{"model_name": "kling-v3", **row} for row in rows(3)]
    batch.run(same)
    summary = batch.clear().run(same, endpoint="videos/text2video")
    assert (summary["done"], summary["unknown"], summary["made"]) == (3, 0, 3)
    assert len(kling.jobs) == 6


def test_a_job_is_looked_up_by_the_id_in_the_ledger(kling: Emulator, batch: Batch) -> None:
    """The id in the ledger may differ from the computed one."""
    batch.run(rows(2))
    known_id = "af-" + "0" * 32
    posted = requests.post(
        f"{kling.url}{PATH}",
        json={"model_name": "kling-v3", "prompt": "product 1", "external_task_id": known_id},
        headers={"Authorization": f"Bearer {kling.connection()['password']}"},
        timeout=5,
    )
    task_id = posted.json()["data"]["task_id"]
    rewrite(batch, 1, state=RowState.INTENT, external_task_id=known_id, task_id=None)
    summary = batch.retry().run(rows(2))
    assert (summary["done"], summary["made"], summary["attached"]) == (2, 0, 1)
    assert batch.ledger()[1]["task_id"] == task_id


def test_a_clear_of_a_finished_batch_submits_nothing(kling: Emulator, batch: Batch) -> None:
    first = batch.run(rows(6))
    for again in (batch.retry(), batch.clear(), batch.clear().retry()):
        summary = again.run(rows(6))
        assert summary == {**first, "made": 0}
    assert kling.count("POST", PATH) == 6


def test_regenerate_submits_everything_again_only_after_a_clear(kling: Emulator, batch: Batch) -> None:
    batch.run(rows(3), regenerate=True)
    assert batch.retry().run(rows(3), regenerate=True)["made"] == 0
    assert batch.clear().run(rows(3), regenerate=True)["made"] == 3
    assert batch.retry().run(rows(3), regenerate=True)["made"] == 0
    assert len(kling.jobs) == 6


def test_rows_may_be_added_moved_changed_and_removed(kling: Emulator, batch: Batch) -> None:
    batch.run(rows(4))
    one, two, _, four = rows(4)
    summary = batch.clear().run([four, {"prompt": "new"}, two, {**one, "n": 2}])
    assert (summary["rows"], summary["done"], summary["made"]) == (4, 4, 2)
    assert summary["units_charged"] == str(4 * 8 + 8 + 16), "what was taken out was paid all the same"
    numbers = {line["row"]: line["external_task_id"] for line in batch.lines("results.jsonl")}
    assert numbers[1] == batch_job(kling, "product 4").external_task_id
    assert len(numbers) == 4


def batch_job(kling: Emulator, prompt: str) -> Any:
    return next(job for job in kling.jobs if job.body["prompt"] == prompt)


def test_a_retry_attaches_to_a_running_job_with_one_look_up(
    start: Callable[..., Emulator], batch: Batch
) -> None:
    kling = start(job_seconds=2.0)
    with pytest.raises(KlingTaskTimeout, match=r"attach to 3 jobs\. They have not ended in time"):
        batch.run(rows(3), timeout=0.5)
    assert batch.states() == ["submitted"] * 3
    kling.advance(10)
    summary = batch.retry().run(rows(3))
    assert (summary["done"], summary["made"], summary["attached"]) == (3, 0, 3)
    assert kling.count("POST", PATH) == len(kling.jobs) == 3
    for job in kling.jobs:
        request = json.loads(batch.files()[f"{job.task_id}/manifest.json"])["request"]
        assert request["prompt"] == job.body["prompt"]


def test_the_time_of_an_attached_job_counts_from_its_submission(
    start: Callable[..., Emulator], batch: Batch
) -> None:
    start(job_seconds=3600.0)
    with pytest.raises(KlingTaskTimeout):
        batch.run(rows(1), timeout=0.5)
    earlier = batch.ledger()[1]["submitted_at"] - 590_000
    rewrite(batch, 1, state=RowState.SUBMITTED, submitted_at=earlier)
    began = time.monotonic()
    with pytest.raises(KlingTaskTimeout):
        batch.retry().run(rows(1), timeout=592)
    assert time.monotonic() - began < 300


def test_a_job_created_while_its_worker_was_killed_is_found_by_its_id(kling: Emulator, batch: Batch) -> None:
    batch.run(rows(3))
    rewrite(batch, 2, state=RowState.INTENT, task_id=None)
    summary = batch.retry().run(rows(3))
    assert (summary["done"], summary["made"], summary["attached"]) == (3, 0, 1)
    assert kling.count("POST", PATH) == 3
    assert batch.ledger()[2]["task_id"] == batch_job(kling, "product 2").task_id


def test_a_create_call_that_did_not_reach_kling_is_repeated(kling: Emulator, batch: Batch) -> None:
    batch.run(rows(3))
    rewrite(batch, 2, state=RowState.INTENT, task_id=None, external_task_id="af-never-arrived", estimate="8")
    kling.reset()
    summary = batch.retry().run(rows(3))
    assert (summary["done"], summary["made"]) == (3, 1)
    assert len(kling.jobs) == 1


async def test_a_failed_look_up_is_repeated_before_the_submission(tmp_path: Path) -> None:
    class Down:
        async def find_task(self, endpoint: Any, name: str) -> None:
            raise KlingServerError(f"no answer about {name}")

    log = logging.getLogger("kling-tests")
    book = LedgerWriter(
        Ledger(resolve_path(str(tmp_path))), Progress(1, ("a",)), ConcurrencyLimiter(AdaptiveWidth(1)), log
    )
    config = SimpleNamespace(deferred=False, endpoint=get_endpoint(SLUG), clear_count=0)
    run: Any = SimpleNamespace(config=config, writer=book, can_look_up=True, proves_absence=True, log=log)
    client: Any = Down()
    resumer = Resumer(run, lambda line: client, _never)
    line = LedgerEntry("a", RowState.INTENT, 1, external_task_id="af-1", estimate="8")
    await resumer.run([line])
    assert resumer.may_exist == {"a"}
    assert book.get("a") is None, "nothing new is known, so nothing is noted"


def _never(*_: Any) -> None:
    raise AssertionError("there is nothing to attach to")


def test_a_retry_submits_only_failed_rows(kling: Emulator, batch: Batch) -> None:
    kling.faults.set({"failed_word": "product 3", "fail_reason": "an internal error"})
    with pytest.raises(KlingTaskFailed, match=r"1 rows failed, 0 may; .*4 of 5 rows are done"):
        batch.run(rows(5))
    kling.faults.clear()
    summary = batch.retry().run(rows(5))
    assert (summary["done"], summary["made"], summary["attached"]) == (5, 1, 0)
    assert kling.count("POST", PATH) == 6
    assert kling.count("GET", f"{PATH}/{{id}}") < 40
    assert "failures.jsonl" not in batch.files(), "a corrected row is not a failure"


def test_each_attempt_of_a_failing_row_has_its_own_id(kling: Emulator, batch: Batch) -> None:
    kling.faults.set({"failed_word": "product", "fail_reason": "an internal error"})
    for _ in range(3):
        with pytest.raises(KlingTaskFailed):
            batch.run(rows(1))
        batch.retry()
    kling.faults.clear()
    assert batch.run(rows(1))["done"] == 1
    assert len({job.external_task_id for job in kling.jobs}) == 4


def test_refused_rows_are_submitted_again_only_after_a_clear(kling: Emulator, batch: Batch) -> None:
    kling.faults.set({"refused_word": "product 2"})
    with pytest.raises(KlingContentRefused):
        batch.run(rows(3))
    kling.faults.clear()
    with pytest.raises(KlingContentRefused):
        batch.retry().run(rows(3))
    assert len(kling.jobs) == 2
    assert batch.clear().run(rows(3))["done"] == 3
    assert len(kling.jobs) == 3


def test_a_lost_response_without_look_up_is_resubmitted_only_after_a_clear(
    start: Callable[..., Emulator], batch: Batch
) -> None:
    kling = start(dialect="gateway")
    kling.faults.set({"lost_response": 3})
    with pytest.raises(KlingSubmissionUnknown, match=r"1 rows failed, 0 may; .*2 of 3 rows are done"):
        batch.run(rows(3), concurrency=1)
    kling.faults.clear()
    path = f"/kling{PATH}"
    with pytest.raises(KlingSubmissionUnknown):
        batch.retry().run(rows(3))
    assert kling.count("POST", path) == 3
    assert batch.clear().run(rows(3))["made"] == 1
    assert len(kling.jobs) == 4


def test_without_a_look_up_a_killed_workers_call_is_not_repeated(
    start: Callable[..., Emulator], batch: Batch
) -> None:
    kling = start(dialect="gateway")
    batch.run(rows(3))
    rewrite(batch, 2, state=RowState.INTENT, task_id=None)
    with pytest.raises(KlingSubmissionUnknown):
        batch.retry().run(rows(3))
    assert len(kling.jobs) == 3
    assert "cannot be asked" in batch.ledger()[2]["error"]


def test_five_thousand_rows_are_resumed_in_seconds_with_few_requests(
    start: Callable[..., Emulator], batch: Batch
) -> None:
    kling = start(job_seconds=1000)
    requests = rows(5000)
    keys = [row.key for row in row_reader(requests)()]
    with pytest.raises(KlingTaskTimeout):
        batch.run(requests[:3], timeout=0.3)
    (fknown_id,) = entries_of(batch.output)
    ledger = Ledger(resolve_path(fknown_id))
    ledger.load()
    for number, key in enumerate(keys[3:], 4):
        made = {"images": [{"index": 0, "path": f"/out/{number}/0-image.png"}]}
        ledger.record(LedgerEntry(key, RowState.DONE, number, task_id=str(number), units="8", result=made))
        if number % 90 == 0:
            ledger.flush()
    ledger.flush()
    before = sum(kling.requests.values())
    kling.advance(2000)
    began = time.monotonic()
    summary = batch.retry().run(requests)
    seconds = time.monotonic() - began
    assert (summary["done"], summary["made"], summary["attached"]) == (5000, 0, 3)
    assert seconds < 60, f"{seconds:.1f} s"
    assert sum(kling.requests.values()) - before <= 3 + 3 + 3


@pytest.mark.parametrize(
    "damage", [b'{"key": "cut', b"\xff\xfe\n", b"[]\n", b'{"key": "a", "state": "gone"}\n']
)
@pytest.mark.parametrize("dialect", ["kling", "gateway"])
def test_a_damaged_ledger_line_causes_no_second_job(
    start: Callable[..., Emulator], batch: Batch, dialect: str, damage: bytes
) -> None:
    kling = start(dialect=dialect)
    batch.run(rows(2))
    for name in batch.files():
        if name.startswith("_ledger/"):
            (Path(batch.output) / name).write_bytes(damage)
    if dialect == "kling":
        assert batch.retry().run(rows(2))["attached"] == 2
    else:
        with pytest.raises(KlingSubmissionUnknown, match="Damaged ledger lines"):
            batch.retry().run(rows(2))
    assert len(kling.jobs) == 2


@pytest.mark.parametrize(
    ("state", "asked", "not_asked", "cleared", "at_once"),
    [
        (RowState.DONE, Do.SKIP, Do.SKIP, Do.SKIP, Do.SKIP),
        (
            RowState.PENDING,
            Do.RESUBMIT,
            Do.RESUBMIT,
            Do.RESUBMIT,
            Do.RESUBMIT,
        ),
        (
            RowState.FAILED,
            Do.RESUBMIT,
            Do.RESUBMIT,
            Do.RESUBMIT,
            Do.RESUBMIT,
        ),
        (
            RowState.INVALID,
            Do.RESUBMIT,
            Do.RESUBMIT,
            Do.RESUBMIT,
            Do.RESUBMIT,
        ),
        (
            RowState.REFUSED,
            Do.SKIP,
            Do.SKIP,
            Do.RESUBMIT,
            Do.SKIP,
        ),
        (
            RowState.EXPIRED,
            Do.SKIP,
            Do.SKIP,
            Do.RESUBMIT,
            Do.SKIP,
        ),
        (
            RowState.REJECTED,
            Do.SKIP,
            Do.SKIP,
            Do.RESUBMIT,
            Do.SKIP,
        ),
        (
            RowState.SUBMITTED,
            Do.REATTACH,
            Do.REATTACH,
            Do.REATTACH,
            Do.RESUBMIT,
        ),
        (
            RowState.INTENT,
            Do.LOOK_UP,
            Do.MARK_UNKNOWN,
            Do.RESUBMIT,
            Do.RESUBMIT,
        ),
        (
            RowState.UNKNOWN,
            Do.LOOK_UP,
            Do.SKIP,
            Do.RESUBMIT,
            Do.RESUBMIT,
        ),
    ],
)
def test_the_action_for_a_row_depends_on_its_state_and_on_the_host(
    state: RowState,
    asked: Do,
    not_asked: Do,
    cleared: Do,
    at_once: Do,
) -> None:
    earlier = line(state, clear_count=1)
    assert resume_action(earlier, can_look_up=True, synchronous=False, clear_count=1) is asked
    assert resume_action(earlier, can_look_up=False, synchronous=False, clear_count=1) is not_asked
    assert resume_action(earlier, can_look_up=False, synchronous=False, clear_count=2) is cleared
    assert resume_action(earlier, can_look_up=False, synchronous=True, clear_count=1) is at_once


def test_a_retry_resubmits_no_row_whose_job_may_exist() -> None:
    for state, looks_up in product((RowState.INTENT, RowState.UNKNOWN, RowState.SUBMITTED), (True, False)):
        assert (
            resume_action(line(state), can_look_up=looks_up, synchronous=False, clear_count=0)
            is not Do.RESUBMIT
        )

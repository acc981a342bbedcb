# SPDX-License-Identifier: Apache-2.0
"""Each job is reported once, when it ends, in whatever order jobs end."""

from __future__ import annotations

import json
import random

import pytest

from airflow_provider_kling.api.task import KlingTask, TaskStatus
from airflow_provider_kling.triggers.task_lists import (
    LOOKBACK_MS,
    MAX_RUN_MS,
    OVERLAP_MS,
    JobWatermark,
    watermarks_from_json,
)

NOW = 1_800_000_000_000


def job(ident: str, created: int, status: TaskStatus = TaskStatus.SUCCEED, updated: int = 0) -> KlingTask:
    return KlingTask(ident, status, str(status), "", created_at=created, updated_at=updated or created + 1000)


def look(mark: JobWatermark, *rows: KlingTask, now: int | None = None) -> list[str]:
    mark.begin(now)
    found = [task.task_id for task in mark.ended(sorted(rows, key=lambda row: -(row.created_at or 0)))]
    mark.finish()
    return found


@pytest.fixture
def mark() -> JobWatermark:
    """A watermark that has seen an empty list."""
    mark = JobWatermark.starting(NOW, None)
    look(mark)
    return mark


def test_what_had_ended_before_is_not_reported() -> None:
    mark = JobWatermark.starting(NOW, None)
    assert look(mark, job("old", NOW - 9000), job("runs", NOW - 5000, TaskStatus.PROCESSING)) == []
    assert look(mark, job("old", NOW - 9000), job("runs", NOW - 5000)) == ["runs"]


def test_a_start_in_the_past_reports_what_ended_since() -> None:
    mark = JobWatermark.starting(NOW, NOW - 3_600_000)
    early = job("early", NOW - 5_000_000, updated=NOW - 3_700_000)
    late = job("late", NOW - 5_000_000, updated=NOW - 3_500_000)
    assert look(mark, early, late) == ["late"]
    assert mark.since <= NOW - 3_600_000
    assert JobWatermark.starting(NOW, NOW - 1).since == NOW - 1 - LOOKBACK_MS


def test_jobs_that_end_out_of_order_are_each_reported_once(mark: JobWatermark) -> None:
    first, second = (job(name, NOW + at, TaskStatus.PROCESSING) for name, at in (("1", 0), ("2", 1)))
    assert look(mark, first, second) == []
    assert look(mark, first, job("2", NOW + 1)) == ["2"]
    assert look(mark, job("1", NOW), job("2", NOW + 1)) == ["1"]
    assert look(mark, job("1", NOW), job("2", NOW + 1)) == []


def test_a_page_of_known_rows_is_the_last_one(mark: JobWatermark) -> None:
    look(mark, job("1", NOW), job("2", NOW + 200_000))
    assert mark.since == NOW + 200_000 - OVERLAP_MS
    assert mark.reaches([job("1", NOW)])
    assert not mark.reaches([job("2", NOW + 200_000)])
    assert set(mark.seen) == {"2"}


def test_a_job_that_never_ends_does_not_hold_the_watermark_forever(mark: JobWatermark) -> None:
    stuck = job("stuck", NOW, TaskStatus.PROCESSING)
    look(mark, stuck, job("1", NOW + MAX_RUN_MS + 1))
    assert mark.since > NOW


def test_it_continues_after_a_restart(mark: JobWatermark) -> None:
    look(mark, job("1", NOW), job("runs", NOW + 1, TaskStatus.PROCESSING))
    stored = json.loads(json.dumps({"/tasks": mark.to_json(), "bad": {"since": "x"}, "none": None}))
    second = watermarks_from_json(stored)
    assert set(second) == {"/tasks"}
    assert look(second["/tasks"], job("1", NOW), job("runs", NOW + 1), job("2", NOW + 2)) == ["2", "runs"]
    assert watermarks_from_json("text") == {}


def test_rows_without_a_time_are_reported_once(mark: JobWatermark) -> None:
    odd = KlingTask("odd", TaskStatus.FAILED, "failed", "")
    assert look(mark, odd) == ["odd"]
    assert look(mark, odd) == []


@pytest.mark.parametrize("seed", range(5))
def test_any_course_of_events_reports_each_job_once(seed: int) -> None:
    chance = random.Random(seed)
    mark = JobWatermark.starting(NOW, None)
    look(mark)
    ends = {
        str(number): (NOW + number * 7_000, NOW + number * 7_000 + chance.randint(1, 900_000))
        for number in range(300)
    }
    reported: list[str] = []
    for now in range(NOW, NOW + 3_300_000, 30_000):
        rows = [
            job(name, created, TaskStatus.SUCCEED if end <= now else TaskStatus.PROCESSING, min(end, now))
            for name, (created, end) in ends.items()
            if created <= now
        ]
        expected = [row for row in rows if (row.created_at or 0) >= mark.since - 1]
        reported += look(mark, *expected)
    assert sorted(reported) == sorted(ends)
    assert len(mark.seen) < 20


YEAR_MS = 365 * 24 * 3_600_000


def test_a_time_of_the_far_future_hides_no_later_job(mark: JobWatermark) -> None:
    """One wrong row of the host must not end the watch for ever."""
    wrong = job("wrong", NOW + 70 * YEAR_MS)
    assert look(mark, wrong, job("1", NOW), now=NOW) == ["wrong", "1"]
    assert look(mark, wrong, job("2", NOW + 60_000), job("1", NOW), now=NOW + 60_000) == ["2"]
    assert mark.since <= NOW + 60_000


def test_a_stored_watermark_of_the_far_future_is_not_trusted() -> None:
    mark = JobWatermark.from_json({"since": NOW + 70 * YEAR_MS, "seen": {"1": NOW}})
    assert mark
    assert look(mark, job("2", NOW + 60_000), job("1", NOW), now=NOW + 60_000) == ["2"]


@pytest.mark.parametrize("hours", [-14, -8, 0, 8, 14])
@pytest.mark.parametrize("empty_at_first", [True, False], ids=["empty", "not_empty"])
def test_the_clock_of_the_host_may_differ(hours: int, empty_at_first: bool) -> None:
    there = NOW + hours * 3_600_000
    mark = JobWatermark.starting(NOW, None)
    first = [] if empty_at_first else [job("old", there - 5000)]
    assert look(mark, *first, now=NOW) == []
    assert look(mark, *first, job("1", there), now=NOW + 1000) == ["1"]
    assert look(mark, *first, job("1", there), job("2", there + 90_000), now=NOW + 91_000) == ["2"]


OLD, NEW = NOW - 9 * LOOKBACK_MS, NOW
PAGES: dict[str, tuple[list[int], bool]] = {
    "new rows": ([NEW, NEW, NEW], False),
    "one old row": ([OLD], True),
    "old rows at the end": ([NEW, OLD, OLD, OLD], True),
    "a wrong time in the middle": ([NEW, OLD, NEW, NEW, NEW], False),
    "a wrong time at the end": ([NEW, NEW, NEW, OLD], False),
    "without times": ([0, 0], False),
    "old rows and some without times": ([OLD, 0, OLD, 0], True),
    "the oldest first": ([OLD, OLD, NEW], False),
    "nothing": ([], False),
}


@pytest.mark.parametrize(("created", "last"), PAGES.values(), ids=PAGES)
def test_where_reading_ends(mark: JobWatermark, created: list[int], last: bool) -> None:
    rows = [job(str(number), made) for number, made in enumerate(created)]
    assert mark.reaches(rows) is last


def test_hundreds_of_jobs_of_the_same_moment_are_each_reported_once(mark: JobWatermark) -> None:
    rows = [job(str(number), NOW) for number in range(250)]
    mark.begin(NOW)
    found: list[str] = []
    for page in (rows[:100], rows[100:200], rows[200:]):
        found += [task.task_id for task in mark.ended(page)]
        assert not mark.reaches(page)
    mark.finish()
    assert sorted(found) == sorted(task.task_id for task in rows)
    assert look(mark, *rows, now=NOW) == []


@pytest.mark.parametrize("missing_polls", [1, 3])
def test_a_running_job_that_a_poll_does_not_list_is_reported_when_it_ends(
    mark: JobWatermark, missing_polls: int
) -> None:
    other = job("other", NOW + 3_600_000)
    assert look(mark, job("first", NOW, TaskStatus.PROCESSING)) == []
    assert look(mark, other) == ["other"]
    for _ in range(missing_polls):
        assert look(mark, job("later", NOW + 7_200_000, TaskStatus.PROCESSING), other) == []
    assert look(mark, job("first", NOW), other) == ["first"]
    assert look(mark, job("later", NOW + 7_200_000), job("first", NOW), other) == ["later"]
    assert mark.since == NOW + 7_200_000 - OVERLAP_MS


def test_a_job_that_was_removed_does_not_stop_the_watermark_for_ever(mark: JobWatermark) -> None:
    look(mark, job("removed", NOW, TaskStatus.PROCESSING))
    look(mark, job("later", NOW + MAX_RUN_MS + 1))
    assert mark.since == NOW + MAX_RUN_MS + 1 - OVERLAP_MS


def test_a_job_that_a_list_did_not_report_is_stored_as_such(mark: JobWatermark) -> None:
    """Another list may report it: one that has read it as running a moment before."""
    first = JobWatermark.starting(NOW, None)
    assert look(first, job("before", NOW - 1000)) == []
    assert first.unreported == {"before"}
    again = JobWatermark.from_json(json.loads(json.dumps(first.to_json())))
    assert again is not None
    assert again.unreported == {"before"}
    look(again, job("later", NOW + 10 * OVERLAP_MS))
    assert again.unreported == set(), "as seen, it is settled"
    assert "unreported" not in again.to_json()

# SPDX-License-Identifier: Apache-2.0
"""What a sweep decides, whatever the lists look like."""

from __future__ import annotations

import threading
import time
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kling.api.task import KlingTask, TaskStatus
from airflow_provider_kling.exceptions import KlingAuthError, KlingResultExpired, KlingResultNotKept
from airflow_provider_kling.results.sweep import (
    MAX_CONSECUTIVE_FAILURES,
    PendingResult,
    ResultStatus,
    SweepReport,
    classify_task,
    iter_tasks_since,
    sort_by_expiry,
    store_all,
)

VIDEO = {"videos": [{"url": "https://h/v.mp4"}]}
SOUNDS = {"audios": [{"url_mp3": "https://h/a.mp3", "url_wav": "https://h/a.wav"}]}
HELD = {"8": [{"0-video": 1}]}


def task(task_id: Any, created_at: int | None = 0) -> KlingTask:
    return KlingTask(
        str(task_id), TaskStatus.SUCCEED, "succeed", created_at=created_at, updated_at=created_at
    )


@given(
    ages=st.lists(st.integers(0, 50)).map(sorted),
    size=st.integers(1, 7),
    new_between=st.integers(0, 2),
    since_age=st.integers(0, 60),
)
def test_every_job_since_is_seen_once(ages: list[int], size: int, new_between: int, since_age: int):
    """Also while new jobs are made between two pages, and move others to later pages."""
    listed = [task(n, 1000 - age) for n, age in enumerate(ages)]
    pages = 0

    def read_page(number: int) -> list[KlingTask]:
        nonlocal pages
        pages += 1
        if number > 1:
            listed[:0] = [task(f"new-{number}-{n}", 1000) for n in range(min(new_between, size - 1))]
        return listed[(number - 1) * size : number * size]

    expected = [each.task_id for each in listed if each.created_at >= 1000 - since_age]
    seen = [each.task_id for each in islice(iter_tasks_since(read_page, 1000 - since_age), 10_000)]
    assert len(seen) == len(set(seen))
    assert [each for each in seen if not each.startswith("new")] == expected


def test_older_pages_are_not_read():
    numbers = []

    def read_page(number: int) -> list[KlingTask]:
        numbers.append(number)
        return [task(10 * number + n, 100 - 10 * number - n) for n in range(5)]

    assert len(list(iter_tasks_since(read_page, 75))) == 10
    assert numbers == [1, 2, 3]


@pytest.mark.parametrize("at", range(3))
def test_one_wrong_time_ends_no_sweep(at: int) -> None:
    pages = [[task(1, 100), task(2, 99), task(3, 98)], [task(4, 97), task(5, 96)], []]
    pages[0][at] = task(f"wrong {at}", 1)
    seen = [each.task_id for each in iter_tasks_since(lambda number: pages[number - 1], 50)]
    assert seen == [each.task_id for page in pages for each in page if each.created_at != 1]


def test_a_list_that_repeats_itself_ends():
    assert len(list(iter_tasks_since(lambda _: [task(1), task(2)], 0))) == 2


def test_jobs_without_a_date_are_looked_at():
    pages = [[task(1, None)], [task(2, None)], []]
    assert len(list(iter_tasks_since(lambda number: pages[number - 1], 50))) == 2


@pytest.mark.parametrize(
    ("status", "result", "stored", "now", "finding"),
    [
        (TaskStatus.PROCESSING, {}, {}, 0, ResultStatus.UNFINISHED),
        (TaskStatus.UNKNOWN, {}, {}, 0, ResultStatus.UNFINISHED),
        (TaskStatus.FAILED, {}, {}, 0, ResultStatus.NO_FILES),
        (TaskStatus.SUCCEED, {"elements": [{"element_id": 1}]}, {}, 0, ResultStatus.NO_FILES),
        (TaskStatus.SUCCEED, VIDEO, HELD, 10**15, ResultStatus.STORED_BEFORE),
        (TaskStatus.SUCCEED, VIDEO, {"9": [{"0-video": 1}]}, 0, ResultStatus.MISSING),
        (TaskStatus.SUCCEED, VIDEO, {"8": [{}, {"0-poster": 1}]}, 0, ResultStatus.MISSING),
        (TaskStatus.SUCCEED, VIDEO, {"8": [{}, {"0-video": 1}]}, 0, ResultStatus.STORED_BEFORE),
        (TaskStatus.SUCCEED, SOUNDS, {"8": [{"0-audio": 1}]}, 0, ResultStatus.MISSING),
        (TaskStatus.SUCCEED, SOUNDS, {"8": [{"0-audio": 2}]}, 0, ResultStatus.STORED_BEFORE),
        (TaskStatus.SUCCEED, {}, HELD, 0, ResultStatus.STORED_BEFORE),
        (TaskStatus.SUCCEED, {}, {"8": [{}]}, 0, ResultStatus.MISSING),
        (TaskStatus.SUCCEED, {}, {}, 0, ResultStatus.MISSING),
        (TaskStatus.SUCCEED, VIDEO, {}, 30 * 86_400_000 - 1, ResultStatus.MISSING),
        (TaskStatus.SUCCEED, VIDEO, {}, 30 * 86_400_000, ResultStatus.EXPIRED),
    ],
)
def test_the_state_of_a_result(status: Any, result: Any, stored: Any, now: int, finding: ResultStatus):
    assert classify_task(KlingTask("8", status, "", updated_at=0, result=result), stored, now) is finding


def test_ids_that_are_no_names_of_folders_are_found_again():
    """Such as those with a slash: the folder has another name."""
    from airflow_provider_kling.results.files import task_folder

    stored = {task_folder({"task_id": "a/b"}): [{"0-video": 1}]}
    named = KlingTask("a/b", TaskStatus.SUCCEED, "", result=VIDEO)
    assert classify_task(named, stored, 0) is ResultStatus.STORED_BEFORE


def jobs(count: int) -> list[PendingResult]:
    return [PendingResult("videos/text2video", str(n), n) for n in range(count)]


def test_soonest_first():
    assert [job.task_id for job in sort_by_expiry(reversed(jobs(4)))] == ["0", "1", "2", "3"]


def test_no_more_are_stored_at_once_than_requested():
    under_way, most, lock = 0, 0, threading.Lock()

    def store(_: PendingResult) -> int:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.005)
        with lock:
            under_way -= 1
        return 7

    report = SweepReport(0)
    store_all(jobs(30), store, report, 3)
    assert most == 3
    assert (report["landed"], report["bytes"]) == (30, 210)


def test_kinds_of_failure_are_distinguished():
    def store(job: PendingResult) -> int:
        errors = {
            "1": KlingResultExpired("deleted"),
            "2": KlingResultNotKept("the disk is full"),
            "3": ValueError("https://h/v.mp4?Signature=geheim"),
        }
        if job.task_id in errors:
            raise errors[job.task_id]
        return 1

    report = SweepReport(warn_before=3)
    store_all(jobs(6), store, report, 2)
    outcome = report.to_json()
    assert (outcome["landed"], outcome["gone"], outcome["not_landed"], outcome["expiring"]) == (
        3,
        1,
        2,
        1,
    )
    assert {job["error"] for job in outcome["not_landed_jobs"]} == {"the disk is full", "ValueError"}
    assert [job["kling_task_id"] for job in outcome["expiring_jobs"]] == ["2"]


def test_a_success_in_between_means_that_things_work():
    def store(job: PendingResult) -> int:
        if int(job.task_id) % MAX_CONSECUTIVE_FAILURES:
            raise KlingResultNotKept("no")
        return 1

    report = SweepReport(0)
    store_all(jobs(5 * MAX_CONSECUTIVE_FAILURES), store, report, 1)
    assert (report["landed"], report["left"]) == (5, 0)


def test_refused_credentials_stop_all():
    tried = []

    def store(job: PendingResult) -> int:
        tried.append(job.task_id)
        raise KlingAuthError("401")

    with pytest.raises(KlingAuthError):
        store_all(jobs(50), store, SweepReport(0), 2)
    assert len(tried) <= 4

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

from airflow_provider_kling.api.task import Task, TaskStatus
from airflow_provider_kling.exceptions import KlingAuthError, KlingResultExpired, KlingResultNotKept
from airflow_provider_kling.sweep import GIVE_UP_AFTER, jobs_since, judge, keep_all, soonest_first
from airflow_provider_kling.sweep_report import Finding, Job, Report

VIDEO = {"videos": [{"url": "https://h/v.mp4"}]}


def task(task_id: Any, created_at: int | None = 0) -> Task:
    return Task(str(task_id), TaskStatus.SUCCEED, "succeed", created_at=created_at, updated_at=created_at)


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

    def read_page(number: int) -> list[Task]:
        nonlocal pages
        pages += 1
        if number > 1:
            listed[:0] = [task(f"new-{number}-{n}", 1000) for n in range(min(new_between, size - 1))]
        return listed[(number - 1) * size : number * size]

    wanted = [each.task_id for each in listed if each.created_at >= 1000 - since_age]
    seen = [each.task_id for each in islice(jobs_since(read_page, 1000 - since_age), 10_000)]
    assert len(seen) == len(set(seen))
    assert [each for each in seen if not each.startswith("new")] == wanted


def test_older_pages_are_not_read():
    numbers = []

    def read_page(number: int) -> list[Task]:
        numbers.append(number)
        return [task(10 * number + n, 100 - 10 * number - n) for n in range(5)]

    assert len(list(jobs_since(read_page, 75))) == 10
    assert numbers == [1, 2, 3]


def test_a_list_that_repeats_itself_ends():
    assert len(list(jobs_since(lambda _: [task(1), task(2)], 0))) == 2


def test_jobs_without_a_date_are_looked_at():
    pages = [[task(1, None)], [task(2, None)], []]
    assert len(list(jobs_since(lambda number: pages[number - 1], 50))) == 2


@pytest.mark.parametrize(
    ("status", "result", "kept", "now", "finding"),
    [
        (TaskStatus.PROCESSING, {}, (), 0, Finding.UNFINISHED),
        (TaskStatus.UNKNOWN, {}, (), 0, Finding.UNFINISHED),
        (TaskStatus.FAILED, {}, (), 0, Finding.NO_FILES),
        (TaskStatus.SUCCEED, {"elements": [{"element_id": 1}]}, (), 0, Finding.NO_FILES),
        (TaskStatus.SUCCEED, VIDEO, ("8",), 10**15, Finding.KEPT),
        (TaskStatus.SUCCEED, VIDEO, ("9",), 0, Finding.MISSING),
        (TaskStatus.SUCCEED, {}, (), 0, Finding.MISSING),
        (TaskStatus.SUCCEED, VIDEO, (), 30 * 86_400_000 - 1, Finding.MISSING),
        (TaskStatus.SUCCEED, VIDEO, (), 30 * 86_400_000, Finding.GONE),
    ],
)
def test_where_a_result_stands(status: Any, result: Any, kept: Any, now: int, finding: Finding):
    assert judge(Task("8", status, "", updated_at=0, result=result), kept, now) is finding


def test_ids_that_are_no_names_of_folders_are_found_again():
    """Such as those with a slash: the folder has another name."""
    from airflow_provider_kling.results import folder_of

    assert (
        judge(Task("a/b", TaskStatus.SUCCEED, "", result=VIDEO), {folder_of({"task_id": "a/b"})}, 0)
        is Finding.KEPT
    )


def jobs(count: int) -> list[Job]:
    return [Job("videos/text2video", str(n), n) for n in range(count)]


def test_soonest_first():
    assert [job.task_id for job in soonest_first(reversed(jobs(4)))] == ["0", "1", "2", "3"]


def test_no_more_are_kept_at_once_than_asked_for():
    under_way, most, lock = 0, 0, threading.Lock()

    def keep(_: Job) -> int:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.005)
        with lock:
            under_way -= 1
        return 7

    report = Report(0)
    keep_all(jobs(30), keep, report, 3)
    assert most == 3
    assert (report["landed"], report["bytes"]) == (30, 210)


def test_kinds_of_failure_are_told_apart():
    def keep(job: Job) -> int:
        errors = {
            "1": KlingResultExpired("deleted"),
            "2": KlingResultNotKept("the disk is full"),
            "3": ValueError("https://h/v.mp4?Signature=geheim"),
        }
        if job.task_id in errors:
            raise errors[job.task_id]
        return 1

    report = Report(warn_before=3)
    keep_all(jobs(6), keep, report, 2)
    told = report.to_json()
    assert (told["landed"], told["gone"], told["not_landed"], told["expiring"]) == (3, 1, 2, 1)
    assert {job["error"] for job in told["not_landed_jobs"]} == {"the disk is full", "ValueError"}
    assert [job["kling_task_id"] for job in told["expiring_jobs"]] == ["2"]


def test_a_success_in_between_means_that_things_work():
    def keep(job: Job) -> int:
        if int(job.task_id) % GIVE_UP_AFTER:
            raise KlingResultNotKept("no")
        return 1

    report = Report(0)
    keep_all(jobs(5 * GIVE_UP_AFTER), keep, report, 1)
    assert (report["landed"], report["left"]) == (5, 0)


def test_refused_credentials_stop_all():
    tried = []

    def keep(job: Job) -> int:
        tried.append(job.task_id)
        raise KlingAuthError("401")

    with pytest.raises(KlingAuthError):
        keep_all(jobs(50), keep, Report(0), 2)
    assert len(tried) <= 4

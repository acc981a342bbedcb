# SPDX-License-Identifier: Apache-2.0
"""What a sweep finds in an account's lists of jobs, and how it keeps what is missing.

Lists are read and results are kept by functions that are handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial

from .api.endpoint import Endpoint, Result
from .api.registry import ENDPOINTS
from .api.task import Task, TaskStatus
from .exceptions import (
    KlingAccountError,
    KlingAuthError,
    KlingError,
    KlingRequestInvalid,
    KlingResultExpired,
)
from .results.plan import files_of, folder_of
from .sweep_report import Finding, Job, Report

MOST_PAGES = 1000
"""Highest page number that the API takes."""

GIVE_UP_AFTER = 20
"""Failures in a row after which the others are left to a retry: the storage or the network is down."""

_WITHOUT_FILES = (Result.ELEMENTS, Result.FACES)


def can_be_swept(endpoint: Endpoint) -> bool:
    """Whether an endpoint's jobs can be listed and have files."""
    listed = endpoint.listable or bool(endpoint.tasks)
    return listed and not endpoint.synchronous and endpoint.result not in _WITHOUT_FILES


def swept_endpoints() -> list[Endpoint]:
    """Return all endpoints that can be swept; one stands for all that share a list."""
    by_list: dict[str, Endpoint] = {}
    for endpoint in filter(can_be_swept, ENDPOINTS.values()):
        by_list.setdefault(endpoint.tasks or endpoint.slug, endpoint)
    # A job that shows in two lists is then known by the endpoint that made it.
    return sorted(by_list.values(), key=lambda endpoint: bool(endpoint.tasks))


def jobs_since(
    read_page: Callable[[int], list[Task]], since: int, *, newest_first: bool = True
) -> Iterator[Task]:
    """Yield the jobs of a list that were made since a time.

    A page that is not full does not count as the last one: servers may hand out less than was asked for.

    :param read_page: reads a page by its number, from 1.
    :param since: Unix time in ms; jobs that were made earlier are left out.
    :param newest_first: the list ends where the first older job stands.
    """
    seen: set[str] = set()
    for number in range(1, MOST_PAGES + 1):
        page = read_page(number)
        # Jobs made since the last page was read have moved others to this one.
        new = [task for task in page if task.task_id not in seen]
        yield from (task for task in new if (task.created_at or since) >= since)
        if not new or (newest_first and (page[-1].created_at or since) < since):
            return
        seen.update(task.task_id for task in new)


def judge(task: Task, kept: Container[str], now: int) -> Finding:
    """Tell where a listed job's result stands.

    :param kept: names of the folders in the bucket that hold whole results.
    :param now: Unix time in ms.
    """
    if not task.status.ended:
        return Finding.UNFINISHED
    if task.status is TaskStatus.FAILED or (task.result and not files_of(task.result)):
        return Finding.NO_FILES
    if folder_of({**task.result, "task_id": task.task_id}) in kept:
        return Finding.KEPT
    return Finding.GONE if task.expires_at is not None and task.expires_at <= now else Finding.MISSING


def survey(
    endpoints: Collection[Endpoint],
    read_page: Callable[[Endpoint, int], list[Task]],
    kept: Container[str],
    report: Report,
    *,
    since: int,
    now: int,
    all_needed: bool,
) -> None:
    """Look through the lists of endpoints for results that are not kept.

    :param read_page: reads a page of an endpoint's list by its number, from 1.
    :param kept: names of the folders in the bucket that hold whole results.
    :param report: gets what is found, and which endpoints cannot be listed.
    :param since: Unix time in ms; jobs that were made earlier are left out.
    :param now: Unix time in ms.
    :param all_needed: an endpoint that the host refuses to list is a failure, not just something that this
        account does not have.
    :raises KlingAuthError: the credentials are refused.
    :raises KlingError: no endpoint can be listed.
    """
    last: KlingError | None = None
    seen: set[str] = set()
    for endpoint in endpoints:
        try:
            # In which order API 2.0 lists jobs is not documented; it lists those of 30 days.
            ordered = not endpoint.tasks
            for task in jobs_since(partial(read_page, endpoint), since, newest_first=ordered):
                # The list of API 2.0 may hold jobs of other endpoints, too.
                if task.task_id in seen:
                    continue
                seen.add(task.task_id)
                job = Job(endpoint.slug, task.task_id, task.expires_at)
                report.found(job, judge(task, kept, now))
        except KlingAuthError:
            raise
        except KlingError as error:
            last = error
            refused = isinstance(error, KlingRequestInvalid | KlingAccountError)
            report.cannot_list(endpoint.slug, str(error), failed=all_needed or not refused)
    if last and len(report.unlisted) == len(endpoints):
        raise last


def soonest_first(jobs: Iterable[Job]) -> list[Job]:
    """Return the jobs in the order in which their results expire."""
    return sorted(jobs, key=lambda job: job.expires_at or 0)


def keep_all(jobs: Iterable[Job], keep: Callable[[Job], int], report: Report, parallel: int) -> None:
    """Keep results, a few at once. A failure of one does not stop the others; many in a row do.

    :param jobs: jobs with results to keep.
    :param keep: keeps the result of one and returns its bytes; called from threads.
    :param report: gets what became of each.
    :param parallel: how many at once.
    :raises KlingAuthError: the credentials are refused, which no other job would change.
    """
    queue = iter(jobs)
    running: dict[Future[int], Job] = {}
    failures = 0
    pool = ThreadPoolExecutor(parallel, thread_name_prefix="kling-sweep")
    try:
        while True:
            while failures < GIVE_UP_AFTER and len(running) < parallel and (job := next(queue, None)):
                running[pool.submit(keep, job)] = job
            if not running:
                break
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                failures = 0 if _settle(running.pop(future), future, report) else failures + 1
    finally:
        pool.shutdown(cancel_futures=True)
    for job in queue:
        report.left(job)


def _settle(job: Job, future: Future[int], report: Report) -> bool:
    """Note what became of a job; return whether keeping results works."""
    try:
        report.landed(job, future.result())
    except KlingResultExpired:
        report.gone(job)
    except KlingAuthError:
        raise
    except KlingError as error:
        report.not_landed(job, str(error))
        return False
    except Exception as error:
        # Of its kind only: the text of an unforeseen error may quote a signed address.
        report.not_landed(job, type(error).__name__)
        return False
    return True

# SPDX-License-Identifier: Apache-2.0
"""Find results in an account's lists of jobs that are not stored, store them, and report what was done.

Functions that read lists and store results are passed in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from ..api.endpoint import Endpoint, ResultType
from ..api.registry import ENDPOINTS
from ..api.task import KlingTask, TaskStatus
from ..exceptions import (
    KlingAccountError,
    KlingAuthError,
    KlingError,
    KlingRequestInvalid,
    KlingResultExpired,
    KlingResultMissing,
    KlingServerError,
)
from .expected_files import makes_files
from .files import holds_files_of, list_result_files, task_folder

MAX_LISTED = 100
"""Number of jobs that a report lists of each kind; all are counted."""

MAX_PAGES = 1000
"""Highest page number that the API allows."""

MAX_CONSECUTIVE_FAILURES = 20
"""Consecutive failures after which the rest is left to a retry: the storage or the network is down."""

StoredFolders = Mapping[str, Sequence[Mapping[str, int]]]
"""By name of a folder, for each folder of that name: how many files it holds of each name."""

_WITHOUT_FILES = (ResultType.ELEMENTS, ResultType.FACES)
_MAX_REASON_LENGTH = 300


@dataclass(frozen=True, slots=True)
class PendingResult:
    """A job whose result is not stored yet.

    :param endpoint: slug of the endpoint that made the job.
    :param task_id: Kling's id of the job.
    :param expires_at: Unix time in ms at which Kling deletes the result; ``None`` if it is unknown.
    """

    endpoint: str
    task_id: str
    expires_at: int | None

    def to_json(self) -> dict[str, Any]:
        """Return the job as parameters of :class:`.KlingFetchResultOperator`.

        :return: ``endpoint``, ``kling_task_id`` and ``expires_at``.
        """
        return {"endpoint": self.endpoint, "kling_task_id": self.task_id, "expires_at": self.expires_at}


class ResultStatus(StrEnum):
    """Status of a listed job's result."""

    UNFINISHED = "unfinished"
    NO_FILES = "no_files"
    STORED_BEFORE = "landed_before"
    EXPIRED = "gone"
    MISSING = "missing"


class SweepReport:
    """Collect what a sweep finds and does.

    :param warn_before: Unix time in ms; results that expire earlier and are not stored count as expiring.
    """

    def __init__(self, warn_before: int) -> None:
        self.missing: list[PendingResult] = []
        self.unlisted: list[dict[str, str]] = []
        self.unlisted_failed = 0
        self.last_error = ""
        self._warn_before = warn_before
        self._counts: Counter[str] = Counter()
        self._listed_jobs: dict[str, list[dict[str, Any]]] = {
            kind: [] for kind in ("landed", "not_landed", "left", "gone", "expiring")
        }

    def __getitem__(self, kind: str) -> int:
        return self._counts[kind]

    def add(self, job: PendingResult, status: ResultStatus) -> None:
        """Count a listed job; a missing one is added to :attr:`missing`.

        :param job: the job.
        :param status: status of its result.
        """
        self._counts["jobs"] += 1
        if status is ResultStatus.MISSING:
            self.missing.append(job)
        elif status is ResultStatus.EXPIRED:
            self.on_expired(job)
        else:
            self._counts[status.value] += 1

    def on_stored(self, job: PendingResult, size: int) -> None:
        """Record a stored result.

        :param job: the job.
        :param size: bytes of its files.
        """
        self._counts["bytes"] += size
        self._count_and_list("landed", job, bytes=size)

    def on_expired(self, job: PendingResult) -> None:
        """Record a result that expired before it was stored.

        :param job: the job.
        """
        self._count_and_list("gone", job)

    def on_failed(self, job: PendingResult, error: str) -> None:
        """Record a result that could not be stored.

        :param job: the job.
        :param error: the cause.
        """
        self.last_error = error[:_MAX_REASON_LENGTH]
        self._count_and_list("not_landed", job, error=self.last_error)
        self._check_expiry(job)

    def on_skipped(self, job: PendingResult) -> None:
        """Record a skipped result.

        :param job: the job.
        """
        self._count_and_list("left", job)
        self._check_expiry(job)

    def on_list_failed(self, endpoint: str, error: str, *, failed: bool) -> None:
        """Record an endpoint whose jobs cannot be listed.

        :param endpoint: its slug.
        :param error: the cause.
        :param failed: whether it counts as a failure of the sweep.
        """
        self.unlisted.append({"endpoint": endpoint, "error": error[:_MAX_REASON_LENGTH]})
        self.unlisted_failed += failed

    def to_json(self) -> dict[str, Any]:
        """Return the report.

        :return: counts by kind, the first jobs of each kind, and ``unlisted_endpoints``.
        """
        counted = (
            status.value
            for status in (ResultStatus.STORED_BEFORE, ResultStatus.UNFINISHED, ResultStatus.NO_FILES)
        )
        names = ("jobs", *counted, *self._listed_jobs, "bytes")
        return {
            **{name: self._counts[name] for name in names},
            **{f"{kind}_jobs": jobs for kind, jobs in self._listed_jobs.items()},
            "unlisted_endpoints": self.unlisted,
        }

    def expiring(self) -> list[dict[str, Any]]:
        """Return the first jobs whose results expire soon and are not stored.

        :return: jobs as JSON.
        """
        return self._listed_jobs["expiring"]

    def _check_expiry(self, job: PendingResult) -> None:
        if job.expires_at is not None and job.expires_at < self._warn_before:
            self._count_and_list("expiring", job)

    def _count_and_list(self, kind: str, job: PendingResult, **more: Any) -> None:
        self._counts[kind] += 1
        if len(self._listed_jobs[kind]) < MAX_LISTED:
            self._listed_jobs[kind].append({**job.to_json(), **more})


def is_sweepable(endpoint: Endpoint) -> bool:
    """Return whether jobs of an endpoint can be listed and have files.

    :param endpoint: the endpoint.
    :return: ``True`` if a sweep covers it.
    """
    listed = endpoint.listable or bool(endpoint.tasks_path)
    return listed and not endpoint.synchronous and endpoint.result not in _WITHOUT_FILES


def sweepable_endpoints() -> list[Endpoint]:
    """Return the endpoints that a sweep covers, one for each list of jobs.

    :return: the endpoints.
    """
    by_list: dict[str, Endpoint] = {}
    for endpoint in filter(is_sweepable, ENDPOINTS.values()):
        by_list.setdefault(endpoint.tasks_path or endpoint.slug, endpoint)
    # A job in two lists is then attributed to the endpoint that made it.
    return sorted(by_list.values(), key=lambda endpoint: bool(endpoint.tasks_path))


def iter_tasks_since(
    read_page: Callable[[int], list[KlingTask]], since: int, *, newest_first: bool = True
) -> Iterator[KlingTask]:
    """Yield the jobs of a list that were made since a time.

    A page that is not full is not taken as the last one: servers may return less than the page size.

    :param read_page: reads a page by its number, from 1.
    :param since: Unix time in ms; older jobs are skipped.
    :param newest_first: whether to stop at the first older job; otherwise only an empty page is the end.
    :return: the jobs, each once.
    :raises KlingServerError: the list has more pages than can be read.
    """
    seen: set[str] = set()
    for number in range(1, MAX_PAGES + 1):
        page = read_page(number)
        # Jobs made since the last page was read shift others to this one.
        new = [task for task in page if task.task_id not in seen]
        yield from (task for task in new if (task.created_at or since) >= since)
        # One wrong time does not end the sweep.
        is_settled = newest_first and all((task.created_at or since) < since for task in page)
        if not page or is_settled or (newest_first and not new):
            return
        seen.update(task.task_id for task in new)
    raise KlingServerError(
        f"Jobs are missing: set a lower 'days'. The list has more than {MAX_PAGES} pages of jobs."
    )


def classify_task(
    task: KlingTask, stored: StoredFolders, now: int, *, has_files: bool = False
) -> ResultStatus:
    """Classify the result of a listed job.

    :param task: the job.
    :param stored: the folders with a manifest, as :func:`.stored_folders` returns them.
    :param now: Unix time in ms.
    :param has_files: whether all jobs of this list make files, so that one without is read again.
    :return: the status of the result.
    """
    if not task.status.is_terminal:
        return ResultStatus.UNFINISHED
    if task.status is TaskStatus.FAILED or (
        task.result and not has_files and not list_result_files(task.result)
    ):
        return ResultStatus.NO_FILES
    folders = stored.get(task_folder({**task.result, "task_id": task.task_id}), ())
    if any(holds_files_of(task.result, folder) for folder in folders):
        return ResultStatus.STORED_BEFORE
    return (
        ResultStatus.EXPIRED
        if task.expires_at is not None and task.expires_at <= now
        else ResultStatus.MISSING
    )


def scan_endpoints(
    endpoints: Collection[Endpoint],
    read_page: Callable[[Endpoint, int], list[KlingTask]],
    stored: StoredFolders,
    report: SweepReport,
    *,
    since: int,
    now: int,
    all_needed: bool,
) -> None:
    """Find results in the lists of endpoints that are not stored.

    A list that ends with an error is reported, and what its pages before that hold is found.

    :param endpoints: the endpoints.
    :param read_page: reads a page of an endpoint's list by its number, from 1.
    :param stored: the folders with a manifest, as :func:`.stored_folders` returns them.
    :param report: receives the results, and the endpoints that cannot be listed.
    :param since: Unix time in ms; older jobs are skipped.
    :param now: Unix time in ms.
    :param all_needed: whether an endpoint that the host does not list counts as a failure.
    :raises KlingAuthError: the credentials are refused.
    :raises KlingError: no endpoint can be listed.
    """
    last: KlingError | None = None
    seen: set[str] = set()
    pages: Counter[str] = Counter()
    for endpoint in endpoints:
        try:
            # The order of API 2.0's list is not documented; it covers 30 days.
            ordered = not endpoint.tasks_path
            has_files = ordered and makes_files(endpoint)
            read = partial(_read_counted, read_page, pages, endpoint)
            for task in iter_tasks_since(read, since, newest_first=ordered):
                # The list of API 2.0 may also hold jobs of other endpoints.
                if task.task_id in seen:
                    continue
                seen.add(task.task_id)
                job = PendingResult(endpoint.slug, task.task_id, task.expires_at)
                report.add(job, classify_task(task, stored, now, has_files=has_files))
        except KlingError as error:
            # After a page that was read, any error means that jobs are missing.
            begun = pages[endpoint.slug] > 0
            if isinstance(error, KlingAuthError) and not begun:
                raise
            last = error
            refused = isinstance(error, KlingRequestInvalid | KlingAccountError)
            report.on_list_failed(endpoint.slug, str(error), failed=all_needed or begun or not refused)
    if last and not pages:
        raise last


def _read_counted(
    read_page: Callable[[Endpoint, int], list[KlingTask]],
    pages: Counter[str],
    endpoint: Endpoint,
    number: int,
) -> list[KlingTask]:
    page = read_page(endpoint, number)
    pages[endpoint.slug] += 1
    return page


def sort_by_expiry(jobs: Iterable[PendingResult]) -> list[PendingResult]:
    """Sort jobs by the expiry of their results.

    :param jobs: the jobs.
    :return: the jobs, the first to expire first.
    """
    return sorted(jobs, key=lambda job: job.expires_at or 0)


def store_all(
    jobs: Iterable[PendingResult], store: Callable[[PendingResult], int], report: SweepReport, parallel: int
) -> None:
    """Store results in parallel. One failure does not stop the others; many consecutive ones do.

    :param jobs: jobs with results to store.
    :param store: stores the result of a job and returns its size in bytes; called from threads.
    :param report: receives the outcome of each job.
    :param parallel: number of results that are stored at once.
    :raises KlingAuthError: the credentials are invalid.
    """
    queue = iter(jobs)
    running: dict[Future[int], PendingResult] = {}
    failures = 0
    pool = ThreadPoolExecutor(parallel, thread_name_prefix="kling-sweep")
    try:
        while True:
            while (
                failures < MAX_CONSECUTIVE_FAILURES and len(running) < parallel and (job := next(queue, None))
            ):
                running[pool.submit(store, job)] = job
            if not running:
                break
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                failures = 0 if _record_outcome(running.pop(future), future, report) else failures + 1
    finally:
        pool.shutdown(cancel_futures=True)
    for job in queue:
        report.on_skipped(job)


def _record_outcome(job: PendingResult, future: Future[int], report: SweepReport) -> bool:
    """Record the outcome of a job; return ``False`` for a failure that other jobs may share."""
    try:
        report.on_stored(job, future.result())
    except KlingResultExpired:
        report.on_expired(job)
    except KlingAuthError:
        raise
    except KlingResultMissing as error:
        # Specific to this job, so it does not count towards consecutive failures.
        report.on_failed(job, str(error))
    except KlingError as error:
        report.on_failed(job, str(error))
        return False
    except Exception as error:
        # The text of an unexpected exception may quote a signed URL.
        report.on_failed(job, type(error).__name__)
        return False
    return True

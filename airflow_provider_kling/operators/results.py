# SPDX-License-Identifier: Apache-2.0
"""Operators that store results of jobs that were submitted elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Unpack

from ..api.auth import AccessKey
from ..api.endpoint import Endpoint, get_endpoint
from ..api.http import MAX_PAGE_SIZE
from ..api.requests.coercion import parse_list
from ..api.task import TaskStatus
from ..api.templating import is_templated
from ..exceptions import (
    JobState,
    KlingError,
    KlingRequestInvalid,
    KlingResultNotKept,
    KlingServerError,
    KlingTaskNotFound,
    auth_errors_as_retryable,
    error_from_event,
)
from ..inputs.prepared_request import is_nothing
from ..lineage import emit_lineage
from ..links import KlingConsoleLink, KlingResultLink
from ..results.build_result import build_result, result_writer
from ..results.output_path import storage_errors_for
from ..utils.redaction import redact_text
from ._parameters import check_media_packages, read_flag, read_task_id
from ._storing_operator import StoringOperator

if TYPE_CHECKING:
    from ..api.polling import TaskEvent
    from ..api.task import KlingTask
    from ..results.sweep import PendingResult, SweepReport
    from ..version_compat import Context, ObjectStoragePath, XComArg
    from ._base_operator_kwargs import BaseOperatorKwargs

_DAY_MS = 86_400_000
_MARGIN_DAYS = 1
_NUMBERS = {
    "days": (1e-9, 3650, "a number of days, above 0"),
    "warn_days": (0, 3650, "a number of days, 0 or more"),
    "max_tasks": (1, math.inf, "1 or more"),
    "parallel": (1, 32, "1 to 32"),
}


class KlingFetchResultOperator(StoringOperator):
    """Store the result of a job by its id, and return what the job operators return.

    It does not wait: if the job has not ended, this try fails, and a retry reads again. Put a
    :class:`.KlingTaskSensor` before it to wait, or give the sensor itself an ``output_path``.

    A result that is already stored is not downloaded again. One that Kling has deleted (30 days after the job
    ended) fails without a retry.

    :param endpoint: slug of the endpoint that created the job, such as ``videos/image2video``; other
        endpoints cannot read it.
    :param kling_task_id: Kling's id of the job, or its external id if the endpoint has look-ups by it.
    :param output_path: where to store the result files, a path on disk or in an object store.
    :param kling_conn_id: id of a connection of type ``kling``: the account that submitted the job. If
        ``kling_task_id`` is a whole result, the connection that it names is used instead.
    :param poster: store a small JPEG next to each video; needs the extra ``media``.
    """

    template_fields: Sequence[str] = ("endpoint", "kling_task_id", "output_path", "kling_conn_id")
    _read_by_name = ("endpoint", "kling_task_id")
    operator_extra_links = (KlingResultLink(), KlingConsoleLink())

    def __init__(
        self,
        *,
        endpoint: Endpoint | str | XComArg,
        kling_task_id: str | XComArg,
        output_path: str | ObjectStoragePath | XComArg,
        kling_conn_id: str | XComArg = "kling_default",
        poster: bool = False,
        **kwargs: Unpack[BaseOperatorKwargs],
    ) -> None:
        super().__init__(output_path=output_path, kling_conn_id=kling_conn_id, **kwargs)
        self.poster = read_flag(self.task_id, "poster", poster)
        if self.poster:
            check_media_packages(self.task_id, "poster=True")
        self.endpoint = endpoint.slug if isinstance(endpoint, Endpoint) else endpoint
        self.kling_task_id = kling_task_id
        if not is_templated(self.endpoint):
            self._read_endpoint()
        if not is_templated(kling_task_id):
            read_task_id(self.task_id, "kling_task_id", kling_task_id)

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the job and store its result.

        :param context: Airflow's context of the task.
        :return: the result, in the shape that every task operator returns.
        :raises KlingRequestInvalid: the endpoint or the id of the job is invalid.
        :raises KlingError: the job is unknown, has not ended or failed.
        """
        endpoint = self._read_endpoint()
        if is_nothing(self.kling_task_id):
            self.reject("kling_task_id", "the id of a job")
        self.check_output_path()
        self.use_connection_of(self.kling_task_id)
        task = self._read_task(endpoint, read_task_id(self.task_id, "kling_task_id", self.kling_task_id))
        result = build_result(
            self.hook,
            endpoint,
            task,
            self.output_path,
            {},
            context=context,
            poster=self.poster,
            as_listed=True,
        )
        emit_lineage(context, self, self.hook, result, ())
        return result

    def _read_endpoint(self) -> Endpoint:
        return self.read_endpoint_parameter(
            "endpoint",
            self.endpoint,
            lambda endpoint: not endpoint.synchronous,
            "answers at once, and Kling stores no job that could be read again",
        )

    def _read_task(self, endpoint: Endpoint, task_id: str) -> KlingTask:
        try:
            with auth_errors_as_retryable():
                task = self.hook.get_task(endpoint, task_id)
        except KlingTaskNotFound as error:
            raise KlingTaskNotFound(
                f"{error} Only the endpoint and the account that made a job know it"
                f"{'' if endpoint.external_id else f', and {endpoint} knows no external ids'}.",
                task_id=task_id,
            ) from None
        if not task.status.is_terminal:
            raise KlingError(
                "Put a KlingTaskSensor before this task, or let a retry look again: job "
                f"{task.task_id} has not ended yet ({task.raw_status or 'submitted'}).",
                task_id=task.task_id,
                job=JobState.EXISTS,
            )
        if task.status is TaskStatus.FAILED:
            event: TaskEvent = {"status": "failed", "task_id": task.task_id, "message": task.message}
            raise error_from_event(event, awaited=True)
        return task


class KlingResultSweepOperator(StoringOperator):
    """Store every result of the account that is not stored yet, before Kling deletes it after 30 days.

    Compares the account's lists of jobs with the files below ``output_path``, and stores the missing
    results, earliest expiry first. A result counts as stored if its folder holds a manifest and all its
    files, none of them empty. If nothing is missing, it lists the storage once and sends one or two free
    requests for each endpoint.

    It covers all jobs of the connection's account, including those that were not submitted by Airflow. Jobs
    that have not ended are left to the next sweep.

    Returns counts and, for each kind, the first 100 jobs; see ``docs/results.md``. Fails at the end if a
    result could not be stored; the return value is pushed even then, and a retry continues with the rest.

    :param output_path: where to store the files, a path on disk or in an object store. Results in folders
        below it count as stored, at any depth.
    :param endpoints: slugs of the endpoints to sweep; by default all whose jobs have files and can be listed.
    :param days: how many days to look back, above 0. The sweep reads one more day, to include jobs that ran
        for long and to report results that Kling has just deleted.
    :param warn_days: report results that are not stored and expire within this number of days, 0 or more.
    :param max_tasks: maximum of results to store in one run, at least 1; by default all.
    :param parallel: number of results that are fetched at once, 1 to 32.
    :param kling_conn_id: id of a connection of type ``kling``, at a host that lists jobs.
    :param poster: store a small JPEG next to each video that is stored now; needs the extra ``media``.
    """

    template_fields: Sequence[str] = (
        "output_path",
        "endpoints",
        "days",
        "warn_days",
        "max_tasks",
        "kling_conn_id",
    )

    def __init__(
        self,
        *,
        output_path: str | ObjectStoragePath | XComArg,
        endpoints: Sequence[Endpoint | str] | XComArg | None = None,
        days: float | str | XComArg = 30,
        warn_days: float | str | XComArg = 5,
        max_tasks: int | str | XComArg | None = None,
        parallel: int = 4,
        kling_conn_id: str | XComArg = "kling_default",
        poster: bool = False,
        **kwargs: Unpack[BaseOperatorKwargs],
    ) -> None:
        super().__init__(output_path=output_path, kling_conn_id=kling_conn_id, **kwargs)
        self.poster = read_flag(self.task_id, "poster", poster)
        if self.poster:
            check_media_packages(self.task_id, "poster=True")
        self.endpoints = (
            [each.slug if isinstance(each, Endpoint) else each for each in endpoints]
            if isinstance(endpoints, list | tuple)
            else endpoints
        )
        self.days = days
        self.warn_days = warn_days
        self.max_tasks = max_tasks
        self.parallel = parallel
        if not is_templated(self.endpoints):
            self._read_endpoints()
        for name in _NUMBERS:
            if not is_templated(getattr(self, name)):
                self._number(name)

    def execute(self, context: Context) -> dict[str, Any]:
        """Find the jobs whose results are not stored, and store them.

        :param context: Airflow's context of the task.
        :return: the report of the sweep, as JSON.
        :raises KlingRequestInvalid: the host does not list jobs, or a parameter is invalid.
        """
        from ..results.manifest import stored_folders
        from ..results.sweep import SweepReport, scan_endpoints, sort_by_expiry, store_all

        endpoints = self._read_endpoints()
        self.check_output_path()
        if not self.hook.settings.dialect.supports_list:
            raise KlingRequestInvalid(
                f"Use KlingFetchResultOperator with the ids of the jobs: {self.hook.settings.dialect.title} "
                f"does not list jobs, so what is missing cannot be found. Task {self.task_id!r}."
            )
        if not self.endpoints and isinstance(self.hook.settings.credentials, AccessKey):
            # API 2.0 rejects signed tokens, so such an account has no jobs there.
            endpoints = [endpoint for endpoint in endpoints if not endpoint.tasks_path]
        with storage_errors_for("cannot be listed", self.output_path):
            stored = stored_folders(self.output_path)
        now = int(time.time() * 1000)
        report = SweepReport(warn_before=now + int(self._number("warn_days") * _DAY_MS))
        scan_endpoints(
            endpoints,
            lambda endpoint, number: self.hook.list_tasks(endpoint, number, MAX_PAGE_SIZE),
            stored,
            report,
            since=now - int((self._number("days") + _MARGIN_DAYS) * _DAY_MS),
            now=now,
            all_needed=bool(self.endpoints),
        )
        jobs = sort_by_expiry(report.missing)
        limit = int(min(self._number("max_tasks"), len(jobs)))
        store_all(jobs[:limit], self._store_function(context), report, self.parallel)
        for job in jobs[limit:]:
            report.on_skipped(job)
        self._log_report(report)
        self._raise_on_failures(context, report)
        return report.to_json()

    def _read_endpoints(self) -> list[Endpoint]:
        from ..results.sweep import is_sweepable, sweepable_endpoints

        slugs = parse_list(self.endpoints)
        if is_nothing(slugs) or slugs == []:
            return sweepable_endpoints()
        if not isinstance(slugs, list):
            self.reject("endpoints", "a list of slugs such as videos/image2video")
        return [
            self.read_endpoint_parameter("endpoints", each, is_sweepable, "has no list of jobs with files")
            for each in slugs
        ]

    def _number(self, name: str) -> float:
        if name == "max_tasks" and is_nothing(self.max_tasks):
            return math.inf
        return self.read_number_parameter(name, *_NUMBERS[name])

    def _store_function(self, context: Context) -> Callable[[PendingResult], int]:
        from ..results.expected_files import holds_files_as_listed, result_missing

        # Resolve the host's name once for each endpoint, not for each job.
        result_store = cache(
            lambda slug: result_writer(
                self.hook.settings, get_endpoint(slug), self.output_path, context, poster=self.poster
            )
        )
        client = self.hook.client

        def store(job: PendingResult) -> int:
            endpoint = get_endpoint(job.endpoint)
            # Read again: the list may be hours old, and its URLs with it.
            task = client.get_task(endpoint, job.task_id)
            held = holds_files_as_listed(endpoint, task)
            if not held:
                raise result_missing(job.task_id, job.endpoint)
            result = result_store(job.endpoint)(task, {}, lambda: client.get_task(endpoint, job.task_id))
            return _stored_bytes(result)

        return store

    def _log_report(self, report: SweepReport) -> None:
        self.log.info(
            "%d jobs: %d already stored, %d stored now, %d failed, %d skipped, %d expired, %d running",
            *(
                report[name]
                for name in ("jobs", "landed_before", "landed", "not_landed", "left", "gone", "unfinished")
            ),
        )
        for each in report.unlisted:
            self.log.warning("The jobs of %s cannot be listed: %s", each["endpoint"], each["error"])
        for job in report.expiring():
            self.log.warning("Not stored, and deleted by Kling soon: %s", job)
        if report["gone"]:
            self.log.warning("Kling has deleted %d results that are not stored", report["gone"])

    def _raise_on_failures(self, context: Context, report: SweepReport) -> None:
        """Fail the task if a result could not be stored; a retry continues with the rest."""
        if not report["not_landed"] and not report.unlisted_failed:
            return
        if self.do_xcom_push:
            from ..submission.idempotency import push_xcom

            # Airflow stores no return value of a failed task, but an alert needs the report.
            push_xcom(context, "return_value", report.to_json())
        if report["not_landed"]:
            path = redact_text(str(self.output_path))
            raise KlingResultNotKept(
                f"Retry to store {report['not_landed']} more results, which failed: {report.last_error} "
                f"output_path={path!r}; {report['landed']} are stored now; of the others "
                f"{report['expiring']} expire within {self.warn_days} days. A retry continues with what is "
                "missing; no job is made."
            )
        raise KlingServerError(
            f"Retry to list the jobs of {report.unlisted[0]['endpoint']}: {report.unlisted[0]['error']} "
            f"{report['landed']} results of other endpoints are stored now. The jobs of "
            f"{', '.join(each['endpoint'] for each in report.unlisted)} cannot be listed."
        )


def _stored_bytes(result: dict[str, Any]) -> int:
    from ..results.files import list_result_files
    from ..results.viewable_files import result_arrays

    return sum(
        result[file.array][file.index].get(file.url_key.replace("url", "bytes"), 0)
        for file in list_result_files(result_arrays(result))
    )

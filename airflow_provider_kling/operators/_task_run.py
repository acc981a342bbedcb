# SPDX-License-Identifier: Apache-2.0
"""One execution of a task that follows one Kling job: wait or defer, read the end, store the result."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from ..api.task import TaskStatus
from ..exceptions import (
    JobState,
    KlingError,
    KlingTaskTimeout,
    KlingWaitInterrupted,
    auth_errors_as_retryable,
)
from ..metrics import dialect_of, job_ended
from ..results.build_result import build_result
from ..results.job_origin import REUSED_FACT, as_reused
from ..submission.idempotency import task_instance_or_none
from ._deadlines import defer_timeout, execution_deadline, job_deadline, min_deadline, read_deadline
from ._in_triggerer import can_end_from_trigger
from ._inside_task import outer_task

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from ..api.task import KlingTask
    from ..hooks.kling import KlingHook
    from ..version_compat import BaseOperator, Context

SHORT_WAIT = 15.0
"""Seconds that a deferrable task first waits in the worker, if jobs usually end within that time."""

_SHORT_INTERVAL = 3.0


class _Task(Protocol):
    """The attributes of an operator or sensor that a run uses."""

    deferrable: bool
    end_from_trigger: bool
    execution_timeout: timedelta | None
    output_path: Any
    poster: bool

    @property
    def log(self) -> logging.Logger: ...

    @property
    def hook(self) -> KlingHook: ...

    @property
    def active_conn_id(self) -> str: ...

    @property
    def defer(self) -> Any: ...


class TaskRun:
    """One execution of an operator or sensor: its job, and the wait for it.

    :param task: the operator or sensor.
    :param context: Airflow's context of the running task.
    :param endpoint: endpoint that made the job.
    :param poll_interval: seconds between polls.
    :param timeout: seconds that the wait may take.
    """

    def __init__(
        self, task: Any, context: Context, *, endpoint: Endpoint, poll_interval: float, timeout: float
    ) -> None:
        self._operator: BaseOperator = task
        self._task: _Task = task
        self.context = context
        self.endpoint = endpoint
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.outer_task = outer_task(task, context)
        self.stop = threading.Event()
        self.metadata: Mapping[str, Any] = {}
        self.external_task_id: str | None = None
        """External id of the job."""
        self.ended_task: KlingTask | None = None
        """The job that has ended, once a worker has read it."""
        self._job_label = ""
        self._kill_advice = ""

    @property
    def hook(self) -> KlingHook:
        """The hook of the task's connection."""
        return self._task.hook

    @property
    def log(self) -> logging.Logger:
        """The task's logger."""
        return self._task.log

    @property
    def defers(self) -> bool:
        """Whether to wait in the triggerer; the code of another task cannot be resumed in its middle."""
        return self._task.deferrable and self.outer_task is None

    @property
    def reused_from(self) -> Mapping[str, Any] | None:
        """Origin of a job of another task; ``None`` for the task's own."""
        return self.metadata.get(REUSED_FACT)

    @property
    def tags(self) -> dict[str, Any]:
        """The tags of this run's metrics."""
        return {
            "endpoint": self.endpoint,
            "dialect": dialect_of(self.hook),
            "model": getattr(self._task, "model_name", None),
        }

    def set_job(self, label: str, kill_advice: str | None = None) -> None:
        """Set what :meth:`log_kill` reports.

        :param label: name of the job in a sentence.
        :param kill_advice: what a retry and a clear will do; unset, it stays as it is.
        """
        self._job_label = label
        if kill_advice is not None:
            self._kill_advice = kill_advice

    def log_kill(self) -> None:
        """End the wait, and log that the Kling job cannot be cancelled and what a retry will do."""
        self.stop.set()
        if self._job_label:
            self.log.warning(
                "Kling cannot cancel a job: %s continues and may be charged. %s",
                self._job_label,
                self._kill_advice,
            )

    def execution_deadline(self, now: float) -> float | None:
        """Return when Airflow's ``execution_timeout`` ends this try.

        :param now: Unix time in seconds.
        :return: Unix time in seconds; ``None`` without such a timeout.
        """
        start = getattr(task_instance_or_none(self.context), "start_date", None)
        return execution_deadline(start, self._task.execution_timeout, now)

    def deadline_of(self, task: KlingTask) -> float:
        """Return the deadline of the wait for a job, counted from its submission.

        :param task: the job.
        :return: Unix time in seconds.
        """
        now = time.time()
        return min_deadline(job_deadline(task.created_at, self.timeout, now), self.execution_deadline(now))

    def wait(self, task: KlingTask, **resume: Any) -> KlingTask:
        """Wait for the end of a job: in the worker, or in the triggerer if the task is deferrable.

        Where jobs usually end within seconds, a deferrable task waits a moment in the worker first.

        :param task: the job.
        :param resume: ``method_name`` and ``kwargs`` with which a deferred task continues.
        :return: the job that has ended.
        :raises TaskDeferred: the triggerer waits.
        :raises KlingTaskTimeout: the job has not ended in time.
        """
        deadline = self.deadline_of(task)
        if not self.defers:
            return self._wait_in_worker(task, deadline, self.poll_interval)
        short_deadline = time.time() + SHORT_WAIT
        if self.endpoint.ends_soon:
            try:
                return self._wait_in_worker(
                    task, min(short_deadline, deadline), min(self.poll_interval, _SHORT_INTERVAL)
                )
            except KlingTaskTimeout:
                if deadline <= short_deadline:
                    raise
        return self.defer_until_done(
            task.task_id, deadline, external_task_id=task.external_task_id, since=time.time(), **resume
        )

    def defer_until_done(
        self,
        task_id: str,
        deadline: float,
        *,
        external_task_id: str | None,
        since: float | None,
        method_name: str = "execute_complete",
        kwargs: dict[str, Any] | None = None,
    ) -> NoReturn:
        """Let the triggerer wait for the end of a job.

        :param task_id: Kling's id of the job, or its external id.
        :param deadline: Unix time in seconds at which the wait is over.
        :param external_task_id: external id of the job, if known.
        :param since: Unix time in seconds at which the job was seen; ``None`` if it was not.
        :param method_name: method of the task that continues.
        :param kwargs: its arguments.
        :raises TaskDeferred: always.
        """
        from ..triggers.kling import KlingTaskTrigger

        until = format_clock_time(datetime.fromtimestamp(deadline, UTC))
        self.log.info("Deferring: polling every %g s until %s UTC", self.poll_interval, until)
        self._task.defer(
            trigger=KlingTaskTrigger(
                endpoint=self.endpoint.slug,
                kling_task_id=task_id,
                kling_conn_id=self._task.active_conn_id,
                poll_interval=self.poll_interval,
                deadline=deadline,
                since=since,
                end_from_trigger=can_end_from_trigger(
                    # The triggerer would report a charge that another task has paid.
                    self._operator,
                    wanted=self._task.end_from_trigger and not self.reused_from,
                ),
                external_task_id=external_task_id,
                names_connection=bool(getattr(self._task, "fallback_conn_ids", None)),
            ),
            method_name=method_name,
            kwargs=kwargs,
            timeout=defer_timeout(deadline, time.time(), self.poll_interval),
        )
        raise AssertionError("defer() returned")

    def read_finished(self, task_id: str) -> KlingTask:
        """Read a finished job, retrying until the deadline: its result is already paid for.

        The list, which triggers poll, may show the end before a read of the job does.

        :param task_id: Kling's id of the job.
        :return: the job that has ended.
        :raises KlingWaitInterrupted: it cannot be read; a retry reads again.
        """
        now = time.time()
        deadline = min_deadline(read_deadline(self.timeout, now), self.execution_deadline(now))
        try:
            with auth_errors_as_retryable():
                task = self.hook.wait(
                    self.endpoint,
                    task_id,
                    self.poll_interval,
                    deadline=deadline,
                    stop=self.stop,
                    resumed=True,
                )
        except KlingTaskTimeout as error:
            # Not its own text: the job does not run any more.
            last_state = f" ({error.last_seen})" if error.last_seen else ""
            raise KlingWaitInterrupted(
                f"Succeeded, but no worker can read it; if no retry follows, fetch {task_id}. "
                f"It may be charged{last_state}.",
                task_id=task_id,
                job=JobState.ENDED,
            ) from error
        except KlingWaitInterrupted as error:
            error.set_job_state(JobState.ENDED)
            raise
        return _require_ended(task, JobState.ENDED)

    def store(self, task: KlingTask, deadline: float) -> dict[str, Any]:
        """Store the files of a job that succeeded, as the task's ``output_path`` says.

        :param task: the job.
        :param deadline: Unix time in seconds until which missing files are waited for.
        :return: the result of the job as plain JSON.
        """
        result = build_result(
            self.hook,
            self.endpoint,
            task,
            self._task.output_path,
            self.metadata,
            stop=self.stop,
            deadline=deadline,
            context=self.context,
            poster=self._task.poster,
        )
        if self.reused_from:
            task = replace(task, units="0", charges=[])
            result = as_reused(result, self.reused_from)
        self._log_success(task)
        job_ended(task, **self.tags)
        return result

    def _wait_in_worker(self, task: KlingTask, deadline: float, poll_interval: float) -> KlingTask:
        with auth_errors_as_retryable():
            ended = self.hook.wait(
                self.endpoint,
                task.task_id,
                poll_interval,
                deadline=deadline,
                stop=self.stop,
                on_status=self._log_status,
            )
        # Not every host returns the external id.
        name = ended.external_task_id or task.external_task_id
        return replace(_require_ended(ended, JobState.EXISTS), external_task_id=name)

    def _log_status(self, task: KlingTask) -> None:
        if task.status is TaskStatus.UNKNOWN:
            self.log.warning(
                "Job %s: %r is a status that this version does not know; waiting on",
                task.task_id,
                task.raw_status,
            )
        else:
            self.log.info("Job %s: %s", task.task_id, task.raw_status)

    def _log_success(self, task: KlingTask) -> None:
        seconds = task.seconds_to_end
        self.log.info(
            "Job %s succeeded%s: %s; %s",
            task.task_id,
            f" after {seconds:.0f} s" if seconds is not None else "",
            _describe_files(task) or "no files",
            describe_charge(task),
        )


def describe_charge(task: KlingTask) -> str:
    """Return what a job was charged, for people.

    :param task: the job.
    :return: such as ``charged 3 units and 0.35 USD``.
    """
    cash = [row for row in task.charges if row["type"] == "cash"]
    has_units = any(row["type"] == "units" for row in task.charges)
    parts = [f"{task.units or 'an unknown amount of'} units"] if task.units or has_units else []
    parts += [f"{row['amount'] or 'an unknown amount'} {row['currency'] or 'in cash'}" for row in cash]
    return f"charged {' and '.join(parts)}" if parts else "Kling reports no charge"


def _describe_files(task: KlingTask) -> str:
    """Count what a job made, of files only those that are there."""
    counts = {
        name: sum("url" not in item or bool(item["url"]) for item in items)
        for name, items in task.result.items()
    }
    return ", ".join(f"{number} {name}" for name, number in counts.items())


def format_clock_time(until: datetime) -> str:
    """Format when a wait ends: the time of day, with the date where it is not today.

    :param until: the time, in UTC.
    :return: such as ``14:05``.
    """
    today = datetime.now(UTC).date()
    return until.strftime("%H:%M" if until.date() == today else "%Y-%m-%d %H:%M")


def _require_ended(task: KlingTask, job_state: JobState) -> KlingTask:
    if not task.status.is_terminal:
        raise KlingError("The wait was stopped: retry to attach.", task_id=task.task_id, job=job_state)
    return task

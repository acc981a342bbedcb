# SPDX-License-Identifier: Apache-2.0
"""What comes after submitting, or instead of it while Kling is busy: wait, and read the result."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..api.task import TaskStatus
from ..api.watch import Backoff
from ..exceptions import (
    JobState,
    KlingError,
    KlingRequestInvalid,
    KlingTaskTimeout,
    KlingWaitInterrupted,
    error_from_event,
    retry_attaches,
)
from ..lineage import report_result
from ..links import KlingConsoleLink, KlingResultLink
from .deadlines import backstop, earliest, execution_deadline, job_deadline, read_deadline
from .ending import ends_in_triggerer
from .job import recall_facts
from .landing import result_of
from .request_fields import RequestFieldsOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from ..api.task import Task
    from ..api.watch import WatchEvent

SLOT_PAUSE = 5.0
"""Seconds between tries to submit while all slots are taken; doubled up to a minute."""

SLOT_PATIENCE = 86_400.0
"""Seconds that a deferred task waits for a free slot, unless ``execution_timeout`` is shorter."""


class WaitingOperator(RequestFieldsOperator):
    """Waits for one job, in the worker or in the triggerer, and returns its result.

    :param kling_conn_id: id of a connection of type ``kling``.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param poll_interval: seconds between polls.
    :param timeout: seconds from submission until the wait is given up; the job itself goes on.
    :param output_path: where to keep the result files.
    :param end_from_trigger: let the triggerer end the task, unless its end needs a worker.
    """

    operator_extra_links = (KlingResultLink(), KlingConsoleLink())

    # Made when the task runs: Airflow copies operators, and an Event cannot be copied.
    _stop: threading.Event | None = None
    _job_text = ""
    _outlook = ""
    _facts: Mapping[str, Any] | None = None

    def __init__(
        self,
        *,
        kling_conn_id: str,
        deferrable: bool,
        poll_interval: float,
        timeout: float,
        output_path: Any,
        end_from_trigger: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(kling_conn_id=kling_conn_id, **kwargs)
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.output_path = output_path
        self.end_from_trigger = end_from_trigger
        for name, value in (("poll_interval", poll_interval), ("timeout", timeout)):
            if not isinstance(value, int | float) or not 0 < value < math.inf:
                raise KlingRequestInvalid(
                    f"Task {self.task_id!r}: {name}={value!r} is refused: must be seconds, above 0."
                )
        if end_from_trigger:
            self._check_end_from_trigger()

    def _check_end_from_trigger(self) -> None:
        from airflow import __version__

        if self.output_path:
            why = "output_path needs a worker to fetch the files"
        elif int(__version__.split(".")[0]) < 3:  # noqa: PLR2004
            why = f"it needs Airflow 3.0 or newer; this is {__version__}"
        else:
            return
        raise KlingRequestInvalid(f"Task {self.task_id!r}: end_from_trigger=True is refused: {why}.")

    def execute_complete(self, context: Context, event: WatchEvent) -> Any:
        """Read the job that has ended; the trigger's event holds no addresses, so they are read here."""
        if event["status"] != "succeed":
            raise error_from_event(event)
        return self._finish(context, self._read_ended(context, event["task_id"]))

    def _read_ended(self, context: Context, task_id: str) -> Task:
        """Read a job that the trigger saw end, as patiently as if it had not: it is paid for.

        Also the list, by which triggers poll, may know of the end before the job itself does.
        """
        now = time.time()
        deadline = earliest(read_deadline(self.timeout, now), self._execution_deadline(context, now))
        try:
            with retry_attaches():
                return self.hook.wait(
                    self.endpoint,
                    task_id,
                    self.poll_interval,
                    deadline=deadline,
                    stop=self._stop,
                    resumed=True,
                )
        except KlingTaskTimeout as error:
            raise KlingWaitInterrupted(
                f"Job {task_id} has succeeded and may be charged, but no worker can read it. {error.message}",
                task_id=task_id,
                job=JobState.ENDED,
            ) from error
        except KlingWaitInterrupted as error:
            error.restate(JobState.ENDED)
            raise

    def on_kill(self) -> None:
        """Say the truth: Kling has no cancel."""
        if self._stop:
            self._stop.set()
        if self._job_text:
            self.log.warning(
                "Kling cannot cancel a job: %s goes on and may be charged. %s", self._job_text, self._outlook
            )

    def _wait_for_slot(self, context: Context, full: KlingError, waited: dict[str, Any]) -> dict[str, Any]:
        """Wait, as asked, until submitting may succeed: that Kling is busy is no failure of this task.

        :param waited: how long and how often it was waited for already.
        """
        now = time.time()
        since = float(waited.get("since", now))
        refusals = int(waited.get("refusals", 0)) + 1
        self.log.info("Kling has no room for the job now (%s); waiting", full)
        if self.deferrable:
            self._defer_until_slot(context, since, refusals, full.retry_after)
        if now - since > self.timeout:
            raise full
        pause = Backoff(SLOT_PAUSE / 2, refusals).delay(full.retry_after)
        if self._stop and self._stop.wait(pause):
            raise full
        return {"since": since, "refusals": refusals}

    def _defer_until_slot(
        self, context: Context, since: float, refusals: int, retry_after: float | None
    ) -> None:
        from ..triggers.kling import KlingSlotTrigger

        now = time.time()
        deadline = earliest(since + SLOT_PATIENCE, self._execution_deadline(context, now))
        self.defer(
            trigger=KlingSlotTrigger(
                endpoint=self.endpoint.slug,
                kling_conn_id=self.kling_conn_id,
                deadline=deadline,
                since=since,
                refused_at=now,
                refusals=refusals,
                retry_after=retry_after,
            ),
            method_name="resume_submission",
            timeout=backstop(deadline, now, self.poll_interval),
        )

    def _execution_deadline(self, context: Context, now: float) -> float | None:
        start = getattr(context["ti"], "start_date", None)
        return execution_deadline(start, self.execution_timeout, now)

    def _deadline(self, context: Context, task: Task) -> float:
        now = time.time()
        own = job_deadline(task.created_at, self.timeout, now)
        return earliest(own, self._execution_deadline(context, now))

    def _defer_until_ended(self, task: Task, deadline: float) -> None:
        from ..triggers.kling import KlingTaskTrigger

        self.defer(
            trigger=KlingTaskTrigger(
                endpoint=self.endpoint.slug,
                kling_task_id=task.task_id,
                kling_conn_id=self.kling_conn_id,
                poll_interval=self.poll_interval,
                deadline=deadline,
                since=time.time(),
                end_from_trigger=ends_in_triggerer(self, wanted=self.end_from_trigger),
            ),
            method_name="execute_complete",
            timeout=backstop(deadline, time.time(), self.poll_interval),
        )

    def _wait_here(self, task: Task, deadline: float) -> Task:
        with retry_attaches():
            ended = self.hook.wait(
                self.endpoint,
                task.task_id,
                self.poll_interval,
                deadline=deadline,
                stop=self._stop,
                on_status=self._log_status,
            )
        if not ended.status.ended:
            raise KlingError("The wait was stopped.", task_id=task.task_id, job=JobState.EXISTS)
        return ended

    def _log_status(self, task: Task) -> None:
        if task.status is TaskStatus.UNKNOWN:
            self.log.warning(
                "Job %s: %r is a status that this version does not know; waiting on",
                task.task_id,
                task.status_word,
            )
        else:
            self.log.info("Job %s: %s", task.task_id, task.status_word)

    def _finish(self, context: Context, task: Task) -> dict[str, Any]:
        if task.status is TaskStatus.FAILED:
            raise error_from_event({"status": "failed", "task_id": task.task_id, "message": task.message})
        facts = self._facts or recall_facts(context)
        result = result_of(self.hook, self.endpoint, task, self.output_path, facts)
        self._say_success(task)
        files = [fact["value"] for fact in facts.get("inputs", ()) if fact["source"] != "base64"]
        report_result(context, self, self.hook, result, files)
        return result

    def _say_success(self, task: Task) -> None:
        seconds = (task.updated_at - task.created_at) / 1000 if task.updated_at and task.created_at else None
        self.log.info(
            "Job %s succeeded%s: %s; %s",
            task.task_id,
            f" after {seconds:.0f} s" if seconds is not None else "",
            ", ".join(f"{len(items)} {name}" for name, items in task.result.items()) or "no files",
            f"charged {task.units} units" if task.units else "Kling reports no charge",
        )

# SPDX-License-Identifier: Apache-2.0
"""The operator that all endpoints share: submit once, wait cheaply, return the result."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperator, conf

from ..api.task import TaskStatus
from ..api.watch import Backoff
from ..exceptions import (
    JobState,
    KlingError,
    KlingRateLimited,
    KlingRequestInvalid,
    KlingSlotsTaken,
    error_from_event,
)
from ..order import Order, as_plain, take_order
from ..submission import Submission, Terms, submit_once
from .deadlines import backstop, earliest, execution_deadline, job_deadline
from .derive import derive_constructor
from .job import job_key, memory_of, tried_before

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from ..api.endpoint import Endpoint
    from ..api.task import Task
    from ..api.watch import WatchEvent
    from ..hooks.kling import KlingHook

DEFAULT_TIMEOUT = 3600.0
SLOT_PAUSE = 5.0
"""Seconds between tries to submit while all slots are taken; doubled up to a minute."""

SLOT_PATIENCE = 86_400.0
"""Seconds that a deferred task waits for a free slot, unless ``execution_timeout`` is shorter."""


class KlingTaskOperator(BaseOperator):
    """Create a task at Kling and wait for its result.

    Subclasses name an ``endpoint``; their constructor takes the fields of its request as keyword
    parameters beside the ones below.

    A job costs money and cannot be cancelled. A retry of this task, or a worker that dies, attaches to the
    job that was made; only clearing the task, or changing its inputs, makes another one.

    :param kling_conn_id: id of a connection of type ``kling``.
    :param wait_for_completion: wait for the job's end; otherwise return as soon as it is submitted.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param poll_interval: seconds between polls, at least 0.2.
    :param timeout: seconds from submission until the wait is given up; the job itself goes on.
    :param output_path: where to keep the result files, any ``ObjectStoragePath``; Kling deletes its own
        copies after 30 days.
    :param end_from_trigger: let the triggerer end the task, which saves the second worker start. Needs
        Airflow 3.0 and no ``output_path``.
    :param extra_body: further JSON keys of the request, for what the vendor adds tomorrow. Not checked.
    """

    endpoint: ClassVar[Endpoint]
    template_fields: Sequence[str] = ("kling_conn_id", "output_path", "extra_body")
    ui_color = "#d7f5e9"

    # Made when the task runs: Airflow copies operators, and an Event cannot be copied.
    _stop: threading.Event | None = None
    _job_text = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "endpoint" in vars(cls):
            derive_constructor(cls, KlingTaskOperator)

    def __init__(
        self,
        *,
        kling_conn_id: str = "kling_default",
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float = 5.0,
        timeout: float = DEFAULT_TIMEOUT,
        output_path: Any = None,
        end_from_trigger: bool = False,
        extra_body: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kling_conn_id = kling_conn_id
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.output_path = output_path
        self.end_from_trigger = end_from_trigger
        self.extra_body = extra_body
        self._rendered: dict[str, Any] = {}
        for name in ("poll_interval", "timeout"):
            if not getattr(self, name) > 0:
                raise KlingRequestInvalid(
                    f"Task {self.task_id!r}: {name}={getattr(self, name)!r} is refused: must be above 0 s."
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

    def _do_render_template_fields(
        self, parent: Any, template_fields: Any, context: Any, jinja_env: Any, seen_oids: set[int]
    ) -> None:
        """Render, and leave nothing in the fields that must not be shown: Airflow stores what is there."""
        for name, value in self._rendered.items():
            setattr(self, name, value)
        super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)
        if parent is self:
            from ..media import loggable

            for name in self.endpoint.request.model_fields:
                self._rendered[name] = value = as_plain(getattr(self, name))
                setattr(self, name, loggable(value))

    @cached_property
    def hook(self) -> KlingHook:
        """The hook for this task's connection."""
        from ..hooks.kling import KlingHook

        return KlingHook(self.kling_conn_id)

    def execute(self, context: Context) -> Any:
        """Submit the job, unless it exists, and wait for it as asked."""
        return self._run(context, {})

    def resume_submission(self, context: Context, event: dict[str, Any]) -> Any:
        """Try to submit again, now that a slot may be free."""
        return self._run(context, event)

    def execute_complete(self, context: Context, event: WatchEvent) -> Any:
        """Read the job that has ended; the trigger's event holds no addresses, so they are read here."""
        if event["status"] != "succeed":
            raise error_from_event(event)
        return self._finish(context, self.hook.get_task(self.endpoint, event["task_id"]))

    def on_kill(self) -> None:
        """Say the truth: Kling has no cancel."""
        if self._stop:
            self._stop.set()
        if self._job_text:
            self.log.warning(
                "Kling cannot cancel a job: %s goes on and may be charged. A retry of this task attaches to "
                "it; a clear makes a new one.",
                self._job_text,
            )

    def request_values(self) -> dict[str, Any]:
        """Return the request's fields as given, rendered if this runs in a task."""
        return {
            name: self._rendered.get(name, getattr(self, name)) for name in self.endpoint.request.model_fields
        }

    def _run(self, context: Context, waited: dict[str, Any]) -> Any:
        from ..submission_io import can_look_up, run_steps

        self._stop = threading.Event()
        order = self._order()
        looks_up = can_look_up(self.endpoint, self.hook.settings.dialect.lookup)
        key = job_key(context, self.retries or 0, order)
        terms = Terms(
            key=key,
            can_look_up=looks_up,
            tried_before=tried_before(context, key.generation, looks_up),
            answers_at_once=self.endpoint.synchronous,
            memory=memory_of(context),
        )
        self._job_text = f"a job with external_task_id {key.external_task_id(0)}, if it was made,"
        while True:
            try:
                submission = run_steps(submit_once(terms), self.hook.client, self.endpoint, order.body)
            except (KlingSlotsTaken, KlingRateLimited) as full:
                waited = self._wait_for_slot(context, full, waited)
            else:
                return self._after_submission(context, submission)

    def _order(self) -> Order:
        from ..api.pricing import package

        order = take_order(self.endpoint, self.request_values(), self.hook.settings.dialect, self.extra_body)
        for warning in order.warnings:
            self.log.warning("%s", warning)
        if order.estimate is None:
            self.log.info("What this job will cost cannot be known before it is made")
        else:
            self.log.info("This job will cost about %s %s units", order.estimate, package(self.endpoint))
        return order

    def _after_submission(self, context: Context, submission: Submission) -> Any:
        task = submission.task
        self._job_text = f"job {task.task_id}"
        name = submission.external_task_id if self.endpoint.external_id else None
        if submission.attached:
            self.log.info("Attached to job %s (%s): nothing new is charged", task.task_id, task.status_word)
        else:
            self.log.info("Submitted job %s to %s, external_task_id %s", task.task_id, self.endpoint, name)
        if self.do_xcom_push:
            context["ti"].xcom_push(key="task_id", value=task.task_id)
            context["ti"].xcom_push(key="external_task_id", value=name)
        if task.status.ended or self.endpoint.synchronous:
            return self._finish(context, task)
        if not self.wait_for_completion:
            return task.to_json(self.endpoint.slug)
        deadline = self._deadline(context, task)
        if self.deferrable:
            self._defer_until_ended(task, deadline)
        return self._finish(context, self._wait_here(task, deadline))

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
        pause = Backoff(SLOT_PAUSE, min(refusals - 1, 4)).delay(full.retry_after)
        if self._stop and self._stop.wait(pause):
            raise full
        return {"since": since, "refusals": refusals}

    def _deadline(self, context: Context, task: Task | None = None) -> float:
        now = time.time()
        own = job_deadline(task.created_at, self.timeout, now) if task else now + SLOT_PATIENCE
        start = getattr(context["ti"], "start_date", None)
        return earliest(own, execution_deadline(start, self.execution_timeout, now))

    def _defer_until_ended(self, task: Task, deadline: float) -> None:
        from ..triggers.kling import KlingTaskTrigger

        self.defer(
            trigger=KlingTaskTrigger(
                endpoint=self.endpoint.slug,
                kling_task_id=task.task_id,
                kling_conn_id=self.kling_conn_id,
                poll_interval=self.poll_interval,
                deadline=deadline,
                end_from_trigger=self.end_from_trigger,
            ),
            method_name="execute_complete",
            timeout=backstop(deadline, time.time(), self.poll_interval),
        )

    def _wait_here(self, task: Task, deadline: float) -> Task:
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
        self.log.info("Job %s: %s", task.task_id, task.status_word)

    def _finish(self, context: Context, task: Task) -> dict[str, Any]:
        if task.status is TaskStatus.FAILED:
            raise error_from_event({"status": "failed", "task_id": task.task_id, "message": task.message})
        result = task.to_json(self.endpoint.slug)
        seconds = (task.updated_at - task.created_at) / 1000 if task.updated_at and task.created_at else None
        self.log.info(
            "Job %s succeeded%s: %s; %s",
            task.task_id,
            f" after {seconds:.0f} s" if seconds is not None else "",
            ", ".join(f"{len(items)} {name}" for name, items in task.result.items()) or "no files",
            f"charged {task.units} units" if task.units else "Kling reports no charge",
        )
        return result

# SPDX-License-Identifier: Apache-2.0
"""The operator that all endpoints share: submit once, wait cheaply, return the result."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf

from ..exceptions import (
    JobState,
    KlingRateLimited,
    KlingSlotsTaken,
    KlingSubmissionUnknown,
)
from ..order import Order, take_order
from ..submission import Submission, Terms, submit_once
from .derive import derive_constructor
from .job import FACTS_KEY, job_key, memory_of, tried_before
from .landing import check_before_paying
from .waiting import WaitingOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

DEFAULT_TIMEOUT = 3600.0


class KlingTaskOperator(WaitingOperator):
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

    template_fields: Sequence[str] = ("kling_conn_id", "output_path", "extra_body")

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
        super().__init__(
            kling_conn_id=kling_conn_id,
            deferrable=deferrable,
            poll_interval=poll_interval,
            timeout=timeout,
            output_path=output_path,
            end_from_trigger=end_from_trigger,
            **kwargs,
        )
        self.wait_for_completion = wait_for_completion
        self.extra_body = extra_body

    def execute(self, context: Context) -> Any:
        """Submit the job, unless it exists, and wait for it as asked."""
        return self._run(context, {})

    def resume_submission(self, context: Context, event: dict[str, Any]) -> Any:
        """Try to submit again, now that a slot may be free."""
        if event["status"] != "slot":
            raise KlingSlotsTaken(
                f"No slot came free in time, after {event['refusals']} refusals: {event['message']}.",
                job=JobState.NOT_CREATED,
            )
        return self._run(context, event)

    def _run(self, context: Context, waited: dict[str, Any]) -> Any:
        from ..submission_io import can_look_up, run_steps

        self._stop = threading.Event()
        order = self._order()
        self._facts = order.facts()
        looks_up = can_look_up(self.endpoint, self.hook.settings.dialect.lookup)
        key = job_key(context, self.retries or 0, order)
        terms = Terms(
            key=key,
            can_look_up=looks_up,
            tried_before=tried_before(context, key.generation, looks_up),
            answers_at_once=self.endpoint.synchronous,
            memory=memory_of(context),
        )
        if self.output_path:
            check_before_paying(self.output_path, tried_before=terms.tried_before)
        named = f" with external_task_id {key.external_task_id(0)}" if self.endpoint.external_id else ""
        self._job_text, self._outlook = f"a job{named}, if it was made,", terms.outlook
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
            # Airflow 3.0 fails a task that pushes None. The preview knows our tasks by this key.
            context["ti"].xcom_push(key="external_task_id", value=name or "")
            context["ti"].xcom_push(key=FACTS_KEY, value=self._facts or {})
        if task.status.ended:
            return self._finish(context, task)
        if self.endpoint.synchronous:
            raise KlingSubmissionUnknown(
                f"{self.endpoint} answers at once, but this answer holds no result; its status is "
                f"{task.status_word!r}.",
                task_id=task.task_id,
                job=JobState.MAY_EXIST,
            )
        if not self.wait_for_completion:
            return task.to_json(self.endpoint.slug)
        deadline = self._deadline(context, task)
        if self.deferrable:
            self._defer_until_ended(task, deadline)
        return self._finish(context, self._wait_here(task, deadline))

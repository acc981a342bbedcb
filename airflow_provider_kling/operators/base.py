# SPDX-License-Identifier: Apache-2.0
"""The operator that all endpoints share: submit once, wait cheaply, return the result."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf

from ..exceptions import (
    JobState,
    KlingError,
    KlingRateLimited,
    KlingRequestInvalid,
    KlingSlotsTaken,
    KlingSubmissionUnknown,
)
from ..order import Order, as_plain, as_units, check_price, content_key, take_order
from ..submission import JobKey, Submission, Terms, find_again, submit_once
from .derive import derive_constructor, needs_rendering
from .job import (
    FACTS_KEY,
    OrderNote,
    job_key,
    memory_of,
    note_order,
    recall_order,
    task_key,
    tried_before,
)
from .landing import check_before_paying
from .truthful import TruthfulOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from ..api.dialect import Dialect

DEFAULT_TIMEOUT = 3600.0


class KlingTaskOperator(TruthfulOperator):
    """Create a task at Kling and wait for its result.

    Subclasses name an ``endpoint``; their constructor takes the fields of its request as keyword
    parameters beside the ones below.

    A job costs money and cannot be cancelled. A retry of this task, or a worker that dies, attaches to the
    job that was made; only clearing the task, or changing its inputs, makes another one.

    :param kling_conn_id: id of a connection of type ``kling``.
    :param wait_for_completion: wait for the job's end; otherwise return as soon as it is submitted.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param poll_interval: seconds between polls; less than 0.2 counts as 0.2.
    :param timeout: seconds from submission until the wait is given up; the job itself goes on.
    :param output_path: where to keep the result files, any ``ObjectStoragePath``; Kling deletes its own
        copies after 30 days. Needs ``wait_for_completion``.
    :param end_from_trigger: let the triggerer end the task, which saves the second worker start, unless the
        task has what only a worker does at its end. Needs Airflow 3.0 and no ``output_path``.
    :param max_units: most that the job may cost by Kling's list price, in units of its resource pack. A job
        that is estimated higher, or whose cost cannot be known before, is not made.
    :param extra_body: further JSON keys of the request, for what the vendor adds tomorrow. Not checked.
    """

    template_fields: Sequence[str] = ("kling_conn_id", "output_path", "max_units", "extra_body")

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
        max_units: Any = None,
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
        self.max_units = max_units
        if not needs_rendering(max_units):
            as_units("max_units", max_units)
        if not needs_rendering(output_path):
            self._check_keeping()

    def _check_keeping(self) -> None:
        if self.wait_for_completion or not self.output_path or self.endpoint.synchronous:
            return
        raise KlingRequestInvalid(
            f"Task {self.task_id!r}: output_path is refused with wait_for_completion=False: this task is "
            "over before there are files. Give output_path to the KlingTaskSensor that waits for the job, or "
            "to KlingFetchResultOperator."
        )

    def execute(self, context: Context) -> Any:
        """Submit the job, unless it exists, and wait for it as asked."""
        self._check_keeping()
        with self._foretold(context):
            return self._run(context, {})

    def resume_submission(self, context: Context, event: dict[str, Any]) -> Any:
        """Try to submit again, now that a slot may be free."""
        if event["status"] != "slot":
            raise KlingSlotsTaken(
                f"No slot came free in time, after {event['refusals']} refusals: {event['message']}.",
                job=JobState.NOT_CREATED,
            )
        with self._foretold(context):
            return self._run(context, event)

    def _run(self, context: Context, waited: dict[str, Any]) -> Any:
        from ..submission_io import run_steps

        self._stop = threading.Event()
        try:
            order = self._order()
        except KlingError as error:
            return self._without_order(context, error)
        self._facts = order.facts()
        key = job_key(context, self.retries or 0, order)
        terms = self._terms(context, key)
        if self.output_path:
            check_before_paying(self.output_path, tried_before=terms.tried_before)
        named = f" with external_task_id {key.external_task_id(0)}" if self.endpoint.external_id else ""
        outlook = self._outlook_in(context)
        self._job_text = f"a job{named}, if it was made,"
        self._outlook = outlook.when_killed() if outlook else ""
        if terms.memory and not self.endpoint.synchronous:
            note_order(context, OrderNote(key, self._asked(), self._facts))
        while True:
            try:
                submission = run_steps(submit_once(terms), self.hook.client, self.endpoint, order.body)
            except (KlingSlotsTaken, KlingRateLimited) as full:
                waited = self._wait_for_slot(context, full, waited)
            else:
                return self._after_submission(context, submission)

    def _terms(self, context: Context, key: JobKey) -> Terms:
        looks_up = self._looks_up(self.hook.settings)
        return Terms(
            key=key,
            can_look_up=looks_up,
            tried_before=tried_before(context, key.generation, looks_up),
            answers_at_once=self.endpoint.synchronous,
            memory=memory_of(context),
        )

    def _asked(self) -> str:
        return content_key([self.endpoint.slug, as_plain(self.request_values()), self.extra_body])

    def _without_order(self, context: Context, error: KlingError) -> Any:
        """Attach to the job of an earlier try, for which no request is needed: an input may be gone by now.

        :param error: why the request cannot be made.
        """
        from ..submission_io import run_steps

        key = task_key(context, self.retries or 0)
        if self.endpoint.synchronous or not tried_before(context, key.generation, can_look_up=False):
            raise error
        note = self._earlier_order(context, key)
        # Of other parameters, the job of an earlier try is not what this one is asked for.
        if note and note.asked == self._asked() and self._settings():
            found = run_steps(find_again(self._terms(context, note.key)), self.hook.client, self.endpoint, {})
            if not found:
                raise error
            self.log.warning("%s An earlier try had asked for the same, and its job is there", error.message)
            self._facts = note.facts
            return self._after_submission(context, found)
        lost = KlingError(
            f"{error.message} An earlier try may have made a job, and this one cannot look for it.",
            job=JobState.MAY_EXIST,
        )
        lost.external_task_id = note.key.external_task_id(0) if note else None
        raise lost from error

    def _earlier_order(self, context: Context, key: JobKey) -> OrderNote | None:
        note = recall_order(context, key)
        settings, own = self._settings(), self._own_name()
        if not own or not settings or not self._looks_up(settings):
            return note
        # A name of the user's own names the same job whatever its inputs.
        return OrderNote(replace(key, given=str(own)), self._asked(), note.facts if note else {})

    def _order(self) -> Order:
        self.check_rendered()
        dialect = self.hook.settings.dialect
        order = take_order(self.endpoint, self.request_values(), dialect, self.extra_body)
        for warning in order.warnings:
            self.log.warning("%s", warning)
        self._say_cost(order, dialect)
        check_price(order, self.max_units)
        return order

    def _say_cost(self, order: Order, dialect: Dialect) -> None:
        from ..api.pricing import package

        if order.estimate is None:
            self.log.info("What this job will cost cannot be known before it is made")
        elif dialect.name == "kling":
            self.log.info("This job will cost about %s %s units", order.estimate, package(self.endpoint))
        else:
            self.log.info(
                "What this job will cost is up to %s; Kling's own list price would be %s %s units",
                dialect.title,
                order.estimate,
                package(self.endpoint),
            )

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

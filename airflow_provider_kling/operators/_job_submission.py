# SPDX-License-Identifier: Apache-2.0
"""Submit the job of an operator or attach to it, and wait for a slot while Kling has none."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ..api.polling import Backoff
from ..exceptions import JobState, KlingError, KlingRateLimited, KlingRequestInvalid, KlingSlotsTaken
from ..inputs.cost_limits import enforce_limits
from ..metrics import count, duration
from ..results.job_origin import REUSED_FACT, RequestIdentity, origin_of
from ..results.output_path import validate_output_path
from ..submission.context import IdempotencyKey, SubmissionContext, SubmittedTask
from ..submission.idempotency import (
    REQUEST_XCOM_KEY,
    RequestRecord,
    earlier_tries,
    idempotency_key,
    is_retry,
    load_request,
    save_request,
    state_of,
    task_instance_key,
    will_retry,
)
from ..submission.shared_jobs import UNCERTAIN_ORIGIN
from ..submission.submit import find_existing, submit_or_attach
from ._deadlines import defer_timeout, min_deadline
from ._error_report import can_look_up, recovery_advice_for
from ._inside_task import warning_of_repetition
from ._job_request import JobRequest
from ._request_changes import changing_first, check_same_request, stored_request, warn_of_other_request
from ._reuse import find_stored, is_of_task_instance, reuse_warnings
from ._shared_budget import reserve

if TYPE_CHECKING:
    from ..api.task import KlingTask
    from ..inputs.prepared_request import PreparedRequest
    from ._task_run import TaskRun
    from .base import KlingTaskOperator

SLOT_RETRY_DELAY = 5.0
"""Seconds between tries to submit while all slots are taken; doubled up to a minute."""

MAX_SLOT_WAIT = 86_400.0
"""Seconds that a deferred task waits for a free slot, unless ``execution_timeout`` is shorter."""


class JobSubmission:
    """Submits the job of one run of an operator, or attaches to the job of an earlier try.

    :param operator: the operator.
    :param run: its run.
    :param slot_wait: ``since``, ``refusals`` and ``may_exist``, of a task that waited for a slot.
    """

    def __init__(
        self, operator: KlingTaskOperator, run: TaskRun, slot_wait: Mapping[str, Any] | None = None
    ) -> None:
        self._operator = operator
        self._run = run
        self._context = run.context
        self._request = JobRequest(operator)
        self._slot_wait: dict[str, Any] = dict(slot_wait or {})
        self._prepared: PreparedRequest | None = None
        self.is_retry = False
        """Whether an earlier try may have submitted the job; set by :meth:`submit`."""

    def find_stored(self) -> dict[str, Any] | None:
        """Find the stored result of the same request, with ``idempotency_scope="inputs"``.

        :return: the result as plain JSON; ``None`` where there is none, or the job is this task's own.
        :raises KlingServerError: the storage does not respond.
        """
        operator = self._operator
        if not self._request.is_shared:
            return None
        try:
            request, origin = self._prepare()
        except KlingError:  # submit() reports it, or attaches to the job of an earlier try.
            return None
        settings = self._run.hook.settings
        for warning in reuse_warnings(settings, operator.endpoint, stores=bool(operator.output_path)):
            self._run.log.warning("%s", warning)
        identity = RequestIdentity(request.fingerprint, self._request.take())
        key = task_instance_key(self._context, operator.retries or 0)
        is_retried = is_retry(self._context, key.clear_count, can_look_up=False)
        try:
            found = find_stored(settings, operator.endpoint, operator.output_path, identity)
        except KlingError as error:
            if not is_retried:
                raise
            # An earlier try may have a job: submit() says so, and its error can be retried.
            self._run.log.warning("Stored results cannot be looked for: %s", error.message)
            found = None
        if not found or (is_retried and is_of_task_instance(found, key)):
            return None
        self._run.metadata = {**request.metadata(), **origin, REUSED_FACT: found[REUSED_FACT]}
        count("attached", **self._run.tags)
        self._run.log.info(
            "A stored result of the same request is re-used, and nothing is charged: job %s, made by %s",
            found["task_id"],
            found[REUSED_FACT],
        )
        self._publish(found["task_id"], found.get("external_task_id"))
        return found

    @property
    def is_prepared(self) -> bool:
        """Whether the request could be built."""
        return self._prepared is not None

    def _prepare(self) -> tuple[PreparedRequest, dict[str, Any]]:
        if self._prepared is None:
            self._prepared = self._request.prepare(self._context, nested=self._run.outer_task is not None)
        return self._prepared, self._request.origin(self._context)

    def submit(self) -> KlingTask:
        """Submit the job, or attach to it; wait for a slot if there is none.

        :return: the job as last seen, with its external id.
        :raises TaskDeferred: the triggerer waits for a slot.
        :raises KlingError: no job was made, or its outcome is unknown.
        """
        try:
            request, origin = self._prepare()
        except KlingError as error:
            return self._reattach_without_request(error)
        self._run.metadata = {**request.metadata(), **origin}
        submission = self._submission_of(request)
        key = submission.key
        self.is_retry = submission.is_retry
        self._warn_of_changes(submission)
        if self._slot_wait.get("may_exist"):
            submission = submission.after_unknown_outcome()
        if self._operator.output_path:
            validate_output_path(self._operator.output_path, is_retry=submission.is_retry)
        self._run.external_task_id = key.external_task_id(0) if self._operator.endpoint.external_id else None
        self._log_clear(submission)
        self._prepare_kill_report(key)
        if submission.state and not self._operator.endpoint.synchronous:
            record = RequestRecord(key, self._request.params_fingerprint(), self._run.metadata)
            save_request(self._context, record)
        submitted = self._find_over_limit(submission, request) or self._submit_when_possible(
            submission, request
        )
        if submitted.id_was_in_use and key.user_external_task_id:
            stored = stored_request(self._operator.output_path, submitted.task.task_id)
            check_same_request(self._context, submitted, key, self._run.metadata, stored)
        self._warn_of_repetition(key, submitted)
        count("attached" if submitted.reattached else "submitted", **self._run.tags)
        if "since" in self._slot_wait:
            duration("slot_wait", time.time() - float(self._slot_wait["since"]), **self._run.tags)
        return self._on_submitted(submitted)

    def _warn_of_changes(self, submission: SubmissionContext) -> None:
        changing, key = self._operator.changing, submission.key
        if submission.is_retry:
            warn_of_other_request(load_request(self._context, key), key, self._run.metadata, changing)
        elif changing and will_retry(self._context):
            self._run.log.warning("%s", changing_first(changing))

    def _submission_of(self, request: PreparedRequest) -> SubmissionContext:
        key = idempotency_key(self._context, self._operator.retries or 0, request)
        return self._submission_context(self._request.stable_key(key))

    @property
    def _state_name(self) -> str:
        """Suffix that distinguishes the jobs of a fallback account in Airflow's task state store."""
        first_conn_id, conn_id = str(self._operator.kling_conn_id), self._operator.active_conn_id
        return "" if conn_id == first_conn_id else conn_id

    def find_job(self) -> KlingTask | None:
        """Look up the job at the current account, without submitting one.

        :return: the job as last seen; ``None`` if there is none that has not failed.
        :raises KlingError: the look-up fails.
        """
        from ..submission.runner import run_flow

        try:
            request, origin = self._prepare()
        except KlingError as error:
            return self._reattach_without_request(error)
        submission = self._submission_of(request)
        found = run_flow(find_existing(submission), self._run.hook.client, self._operator.endpoint, {})
        if found is None:
            return None
        self._run.metadata = {**request.metadata(), **origin}
        count("attached", **self._run.tags)
        return self._on_submitted(found)

    def _find_over_limit(
        self, submission: SubmissionContext, request: PreparedRequest
    ) -> SubmittedTask | None:
        """Find the job of another task if a new one would cost more than a limit allows."""
        from ..submission.runner import run_flow

        if not submission.shared:
            return None
        operator = self._operator
        try:
            enforce_limits(request, operator.max_units, operator.max_usd)
        except KlingRequestInvalid:
            flow = find_existing(submission) if submission.can_look_up else None
            found = run_flow(flow, self._run.hook.client, operator.endpoint, {}) if flow else None
            if not found:
                raise
            return found
        return None

    def _log_clear(self, submission: SubmissionContext) -> None:
        if submission.shared and submission.key.clear_count and not submission.is_retry:
            self._run.log.info(
                "With idempotency_scope='inputs' a clear makes no new job; set take to ask for another one"
            )

    def _submit_when_possible(self, submission: SubmissionContext, request: PreparedRequest) -> SubmittedTask:
        from ..submission.runner import run_flow

        operator = self._operator
        while True:
            try:
                return run_flow(
                    submit_or_attach(submission),
                    self._run.hook.client,
                    operator.endpoint,
                    request.body,
                    partial(reserve, operator, self._context, request.estimate) if operator.budget else None,
                )
            except (KlingSlotsTaken, KlingRateLimited) as error:
                count("slot_refusals", **self._run.tags)
                if error.job is JobState.MAY_EXIST:
                    self._slot_wait["may_exist"] = True
                    # A job may exist: it is looked up before the next create call.
                    submission = submission.after_unknown_outcome()
                elif self._slot_wait.get("may_exist"):
                    name = submission.key.external_task_id(0)
                    error.set_job_state(JobState.MAY_EXIST, external_task_id=name)
                self._wait_for_slot(error)

    def _wait_for_slot(self, error: KlingError) -> None:
        """Wait in the triggerer or in place until a slot may be free; no Airflow retry is used."""
        now = time.time()
        since = float(self._slot_wait.get("since", now))
        refusals = int(self._slot_wait.get("refusals", 0)) + 1
        self._run.log.info("Kling has no slot for the job now (%s); waiting", error)
        if self._run.defers:
            self._defer_until_slot(since, refusals, error.retry_after)
        if now - since > self._run.timeout:
            raise error
        delay = Backoff(SLOT_RETRY_DELAY / 2, refusals).delay(error.retry_after)
        if self._run.stop.wait(delay):
            raise error
        self._slot_wait |= {"since": since, "refusals": refusals}

    def _defer_until_slot(self, since: float, refusals: int, retry_after: float | None) -> None:
        from ..triggers.kling import KlingSlotTrigger

        now = time.time()
        deadline = min_deadline(since + MAX_SLOT_WAIT, self._run.execution_deadline(now))
        self._operator.defer(
            trigger=KlingSlotTrigger(
                endpoint=self._operator.endpoint.slug,
                kling_conn_id=self._operator.active_conn_id,
                deadline=deadline,
                since=since,
                refused_at=now,
                refusals=refusals,
                retry_after=retry_after,
                may_exist=bool(self._slot_wait.get("may_exist")),
                names_connection=bool(self._operator.fallback_conn_ids),
            ),
            method_name="resume_submission",
            kwargs={"reserved": self._operator.reserved} if self._operator.reserved else None,
            timeout=defer_timeout(deadline, now, self._run.poll_interval),
        )

    def _submission_context(self, key: IdempotencyKey) -> SubmissionContext:
        context, operator = self._context, self._operator
        endpoint, dialect = operator.endpoint, operator.hook.settings.dialect
        can_find = can_look_up(operator, operator.hook.settings)
        shared, absence_proves = key.scope is not None, endpoint.absence_proves
        refuses_duplicates = dialect.refuses_duplicates and absence_proves
        return SubmissionContext(
            key=key,
            can_look_up=can_find,
            # For a shared job, the first try after a clear may find that of another task.
            is_retry=is_retry(context, key.clear_count, can_find and absence_proves and not shared),
            synchronous=endpoint.synchronous,
            state=state_of(context, self._state_name),
            refuses_duplicates=refuses_duplicates,
            earlier_tries=earlier_tries(context, key.clear_count),
            resubmit_expired=shared
            or (
                operator.on_clear == "attach"
                and task_instance_key(context, operator.retries or 0).clear_count > key.clear_count
            ),
            # An existing job costs nothing, so no budget may prevent the task from attaching to it.
            look_up_first=shared and can_find and (operator.budget is not None or not refuses_duplicates),
            return_refused=operator.on_refused == "return",
        )

    def _reattach_without_request(self, error: KlingError) -> KlingTask:
        """Attach to the job of an earlier try without a request: an input may be missing by now.

        :param error: why the request cannot be made.
        """
        from ..submission.runner import run_flow

        key = self._request.task_key(self._context)
        endpoint = self._operator.endpoint
        if endpoint.synchronous or not is_retry(self._context, key.clear_count, can_look_up=False):
            raise error
        record = self._load_earlier_request(key)
        # If the parameters differ, the earlier job is not the one of this request.
        if (
            record
            and record.params_fingerprint == self._request.params_fingerprint()
            and self._operator.usable_settings()
        ):
            flow = find_existing(self._submission_context(record.key))
            found = run_flow(flow, self._run.hook.client, endpoint, {})
            if not found:
                raise error
            self._run.log.warning(
                "%s An earlier try has made the same request, and its job exists", error.message
            )
            self._run.metadata = record.metadata
            return self._on_submitted(found)
        unknown = KlingError(
            f"{error.message} An earlier try may have made a job, and this one cannot look for it.",
            job=JobState.MAY_EXIST,
        )
        unknown.external_task_id = record.key.external_task_id(0) if record else None
        raise unknown from error

    def _load_earlier_request(self, key: IdempotencyKey) -> RequestRecord | None:
        record = load_request(self._context, key)
        settings, user_id = self._operator.usable_settings(), self._request.user_external_task_id()
        if not user_id or not settings or not can_look_up(self._operator, settings):
            return record
        # The user's own external id identifies the job whatever its inputs are.
        return RequestRecord(
            replace(key, user_external_task_id=str(user_id)),
            self._request.params_fingerprint(),
            record.metadata if record else {},
        )

    def _on_submitted(self, submitted: SubmittedTask) -> KlingTask:
        """Push the ids of the job as XComs before the wait."""
        task, operator, run = submitted.task, self._operator, self._run
        operator.reserved = None
        run.set_job(f"job {task.task_id}")
        name = submitted.external_task_id if operator.endpoint.external_id else None
        if submitted.reused:
            run.metadata = {**run.metadata, REUSED_FACT: origin_of(task.task_id)}
            run.log.info(
                "Re-using job %s (%s), which another task or run has made: nothing is charged here",
                task.task_id,
                task.raw_status,
            )
        elif submitted.reattached:
            run.log.info("Attached to job %s (%s): nothing new is charged", task.task_id, task.raw_status)
            if submitted.uncertain_origin:
                run.log.warning(UNCERTAIN_ORIGIN, task.task_id)
        else:
            run.log.info("Submitted job %s to %s, external_task_id %s", task.task_id, operator.endpoint, name)
        self._publish(task.task_id, name)
        return replace(task, external_task_id=name) if name and not task.external_task_id else task

    def _publish(self, task_id: str, name: str | None) -> None:
        if not self._operator.do_xcom_push:
            return
        push = self._context["ti"].xcom_push
        push(key="task_id", value=task_id)
        # Airflow 3.0 fails a task that pushes None. The preview finds these tasks by this key.
        push(key="external_task_id", value=name or "")
        push(key=REQUEST_XCOM_KEY, value={**self._run.metadata, "endpoint": self._operator.endpoint.slug})

    def _prepare_kill_report(self, key: IdempotencyKey) -> None:
        id_text = (
            f" with external_task_id {key.external_task_id(0)}" if self._operator.endpoint.external_id else ""
        )
        advice = recovery_advice_for(self._operator, self._context)
        self._run.set_job(f"a job{id_text}, if it was made,", advice.for_kill() if advice else "")

    def _warn_of_repetition(self, key: IdempotencyKey, submitted: SubmittedTask) -> None:
        if self._run.outer_task is None:
            return
        key = replace(key, fingerprint=f"{self._operator.endpoint.slug} {key.fingerprint}")
        if warning := warning_of_repetition(key, self._context["ti"].try_number, submitted):
            self._run.log.warning("%s", warning)

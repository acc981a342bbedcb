# SPDX-License-Identifier: Apache-2.0
"""``fallback_conn_ids``: submit at further accounts when the one before is out of credit and has no job."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn

from ..api.templating import is_templated
from ..exceptions import JobState, KlingAccountError, KlingError, KlingTaskNotFound, KlingWaitInterrupted
from ..results.job_origin import CONNECTION_FACT, account_bound_fields
from ..submission.idempotency import is_retry, load_request, load_request_metadata
from ._error_report import can_look_up
from ._job_request import JobRequest
from ._job_submission import JobSubmission
from ._parameters import read_conn_ids
from ._shared_budget import settle

if TYPE_CHECKING:
    from ..api.task import KlingTask
    from ..version_compat import Context
    from ._task_run import TaskRun
    from .base import KlingTaskOperator


def conn_ids_of(operator: KlingTaskOperator) -> tuple[str, ...]:
    """Return the connections of a task in the order in which they are tried.

    :param operator: the operator, rendered.
    :return: ids; the first is its ``kling_conn_id``.
    :raises KlingRequestInvalid: ``fallback_conn_ids`` is invalid.
    """
    first_conn_id = str(operator.kling_conn_id)
    return (first_conn_id, *read_conn_ids(operator.task_id, operator.fallback_conn_ids, first_conn_id))


def bound_fields(operator: KlingTaskOperator) -> list[str]:
    """Return the fields that tie a task to its first account.

    :param operator: the operator, rendered.
    :return: their names.
    """
    extra = operator.extra_body if isinstance(operator.extra_body, Mapping) else {}
    return account_bound_fields({**operator.request_values(), **extra})


def accounts_report(operator: KlingTaskOperator) -> dict[str, Any]:
    """Return what ``dry_run()`` reports of the accounts of a task.

    :param operator: the operator, rendered as far as it can be.
    :return: ``accounts``: those that are tried, in order, and ``account_bound``: the fields that tie the job
        to the first one; empty for a task with one account.
    """
    if not operator.fallback_conn_ids or is_templated([operator.fallback_conn_ids, operator.kling_conn_id]):
        return {}
    conn_ids, names = conn_ids_of(operator), bound_fields(operator)
    return {"accounts": list(conn_ids[:1] if names else conn_ids), "account_bound": names}


def submission_of(
    operator: KlingTaskOperator, run: TaskRun, slot_wait: Mapping[str, Any] | None = None
) -> JobSubmission | AccountsSubmission:
    """Return the object that submits the job of a run, at one account or at the first of several that can.

    :param operator: the operator.
    :param run: its run.
    :param slot_wait: the trigger's event, of a task that waited for a slot.
    :return: an object with ``find_stored()`` and ``submit()``.
    """
    conn_ids = conn_ids_of(operator)
    if len(conn_ids) == 1:
        return JobSubmission(operator, run, slot_wait)
    return AccountsSubmission(operator, run, conn_ids, slot_wait)


class AccountsSubmission:
    """Submits the job of a run at the first of several accounts that has credit for it.

    It uses the next account only if the one before has refused for credit or permission and a look-up there
    finds no job. A job of unknown outcome is never submitted at another account.

    :param operator: the operator.
    :param run: its run.
    :param conn_ids: the connections in order.
    :param slot_wait: ``kling_conn_id``, ``since``, ``refusals`` and others, of a task that waited for a slot.
    """

    def __init__(
        self,
        operator: KlingTaskOperator,
        run: TaskRun,
        conn_ids: tuple[str, ...],
        slot_wait: Mapping[str, Any] | None = None,
    ) -> None:
        self._operator = operator
        self._run = run
        self._bound_fields = bound_fields(operator)
        self._conn_ids = conn_ids
        self._slot_wait = dict(slot_wait or {})
        self._refusals: list[str] = []

    def find_stored(self) -> dict[str, Any] | None:
        """Find the stored result of the same request by any of the accounts.

        :return: the result as plain JSON; ``None`` where there is none.
        :raises KlingServerError: the storage does not respond.
        """
        if not JobRequest(self._operator).is_shared:
            return None
        for conn_id in self._usable_conn_ids:
            self._operator.use_connection(conn_id)
            if conn_id != self._conn_ids[0] and not self._operator.usable_settings():
                continue
            if found := JobSubmission(self._operator, self._run).find_stored():
                return found
        return None

    def submit(self) -> KlingTask:
        """Submit the job at the first account that has credit, or attach to it at the one that has it.

        :return: the job as last seen, with its external id.
        :raises TaskDeferred: the triggerer waits for a slot of the account.
        :raises KlingError: no job was made, or its outcome is unknown.
        """
        waiting_conn_id = self._slot_wait.get(CONNECTION_FACT)
        remaining = list(self._usable_conn_ids)
        if waiting_conn_id in remaining:
            # The accounts before it have refused in this try, and certainly have no job.
            remaining = remaining[remaining.index(waiting_conn_id) :]
        elif found := self._find_existing():
            return found
        while True:
            conn_id = remaining.pop(0)
            self._operator.use_connection(conn_id)
            slot_wait = self._slot_wait if waiting_conn_id in (None, conn_id) else None
            submission = JobSubmission(self._operator, self._run, slot_wait)
            try:
                return submission.submit()
            except KlingAccountError as error:
                if found := self._find_after_refusal(error, submission, remaining):
                    return found

    @property
    def _usable_conn_ids(self) -> tuple[str, ...]:
        return self._conn_ids[:1] if self._bound_fields else self._conn_ids

    def _find_existing(self) -> KlingTask | None:
        """Find the job that an earlier try, or another task with the same request, has at any account.

        :raises KlingError: the look-up at an account fails.
        """
        operator, context = self._operator, self._run.context
        key = JobRequest(operator).task_key(context)
        retried = is_retry(context, key.clear_count, can_look_up=False) or bool(
            self._slot_wait.get("may_exist")
        )
        if len(self._usable_conn_ids) == 1 or operator.endpoint.synchronous:
            return None
        if not (retried or JobRequest(operator).is_shared):
            return None
        record = load_request(context, key) if retried else None
        recorded_conn_id = record.metadata.get(CONNECTION_FACT) if record else None
        prepare_error: KlingError | None = None
        for conn_id in sorted(self._usable_conn_ids, key=lambda each: each != recorded_conn_id):
            operator.use_connection(conn_id)
            settings = None if retried else operator.usable_settings()
            if not retried and not (settings and can_look_up(operator, settings)):
                continue
            submission = JobSubmission(operator, self._run)
            try:
                if found := submission.find_job():
                    return found
            except KlingError as error:
                if submission.is_prepared:
                    raise
                # An input is missing: the job of an earlier try is looked up at each account.
                prepare_error = prepare_error or error
        if prepare_error:
            raise prepare_error
        return None

    def _find_after_refusal(
        self, error: KlingAccountError, submission: JobSubmission, remaining: list[str]
    ) -> KlingTask | None:
        """Return the job if it exists after all; ``None`` if the next account may submit it.

        :raises KlingError: no other account may submit the job, or there is none.
        """
        operator, conn_id = self._operator, self._operator.active_conn_id
        self._refusals.append(f"{conn_id!r} (code {error.code})")
        if error.job is JobState.MAY_EXIST:
            raise self._unknown(error) from error
        if self._bound_fields:
            names = " and ".join(self._bound_fields)
            self._raise_with_advice(
                error,
                f"Top up the account of {conn_id!r}: only it has what {names} names, so no other is tried.",
            )
        settings = operator.hook.settings
        if can_look_up(operator, settings):
            if found := submission.find_job():
                return found
        elif not operator.endpoint.synchronous or submission.is_retry:
            self._raise_with_advice(
                error,
                f"Top up the account of {conn_id!r}: nothing can prove there that it has no job, so no other "
                "is tried.",
            )
        if operator.budget:
            settle(operator, self._run.context, operator.reserved, Decimal(0))
            operator.reserved = None
        if not remaining:
            self._raise_with_advice(
                error, f"Top up an account: all reject the job, {', '.join(self._refusals)}."
            )
        self._run.log.warning(
            "The account of connection %r refuses the job and does not have it; trying %r: %s",
            conn_id,
            remaining[0],
            error.message,
        )
        return None

    def _unknown(self, error: KlingAccountError) -> KlingWaitInterrupted:
        conn_id = self._operator.active_conn_id
        unknown = KlingWaitInterrupted(
            f"Retry once the account of {conn_id!r} answers: it may have the job, so no other is tried. "
            f"{error.message}",
            code=error.code,
            http_status=error.http_status,
            request_id=error.request_id,
        )
        unknown.set_job_state(JobState.MAY_EXIST, external_task_id=error.external_task_id)
        return unknown

    def _raise_with_advice(self, error: KlingAccountError, advice: str) -> NoReturn:
        error.message = f"{advice} {error.message}"
        error.set_job_state(error.job or JobState.NOT_CREATED)
        raise error


def use_recorded_account(
    operator: KlingTaskOperator, context: Context, deferred_metadata: Any, kling_task_id: str
) -> None:
    """Use the account of the job when a task resumes after a deferral.

    :param operator: the operator, rendered again.
    :param context: Airflow's context of the running task.
    :param deferred_metadata: metadata of the request that came with the deferral, if any.
    :param kling_task_id: Kling's id of the job.
    """
    conn_ids = conn_ids_of(operator)
    if len(conn_ids) == 1:
        return
    metadata = deferred_metadata if isinstance(deferred_metadata, Mapping) else load_request_metadata(context)
    if not metadata.get(CONNECTION_FACT):
        record = load_request(context, JobRequest(operator).task_key(context))
        metadata = record.metadata if record else {}
    conn_id = metadata.get(CONNECTION_FACT)
    operator.use_connection(
        conn_id if conn_id in conn_ids else _find_account(operator, conn_ids, kling_task_id)
    )


def _find_account(operator: KlingTaskOperator, conn_ids: tuple[str, ...], kling_task_id: str) -> str | None:
    """Return which account has a job; ``None`` for the first one, which then reports the error."""
    for conn_id in conn_ids:
        operator.use_connection(conn_id)
        try:
            operator.hook.client.get_task(operator.endpoint, kling_task_id, retry=True)
        except KlingTaskNotFound:
            continue
        except KlingError:
            break
        return conn_id
    return None

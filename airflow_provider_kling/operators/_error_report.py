# SPDX-License-Identifier: Apache-2.0
"""Report the errors of job operators: advice in their texts, an XCom, a metric, the shared budget.

The advice says what a retry and a clear of the task will do, and what they cost. Only the task knows: whether
Airflow tries again, whether the job can be looked up, whether its external task id is the user's own. Advice
that promises too much costs a second job.

With ``on_refused="return"`` a task whose content Kling refuses succeeds and returns the refusal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ..exceptions import (
    JobState,
    KlingContentRefused,
    KlingError,
    KlingResultExpired,
    KlingSubmissionUnknown,
    KlingTaskFailed,
)
from ..metrics import count_failure
from ..results.job_origin import CONNECTION_FACT, REJECTED_FACT
from ..submission.idempotency import (
    load_external_task_id,
    load_request_metadata,
    push_xcom,
    state_of,
    will_retry,
)
from ..version_compat import AirflowFailException
from ._job_request import JobRequest
from ._shared_budget import settle_lost

if TYPE_CHECKING:
    from ..api.task import KlingTask
    from ..hooks.connection import KlingSettings
    from ..version_compat import Context
    from ._task_run import TaskRun
    from .base import KlingTaskOperator

_STOPS_TO_AVOID_CHARGE = "stops rather than pay twice"
_NOT_RETRIEVABLE = (
    "Kling stores no result of it that could be read later: running this task again sends a new request, "
    "which is charged again."
)

# Their own texts are complete: after these a retry makes a new job, or a person has to look.
_SELF_EXPLANATORY = (KlingSubmissionUnknown, KlingTaskFailed, KlingContentRefused)

ERROR_KEY = "error"
"""XCom of a task that failed: type and text of the error, ids and endpoint of the job, whether it exists."""

_MAX_MESSAGE = 2000
_SIGNED_URL = re.compile(r"(https?://[^\s?'\"]+)\?[^\s'\"]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RecoveryAdvice:
    """What is known of the next tries of a task.

    :param endpoint: slug of the endpoint that makes the job.
    :param will_retry: Airflow will try again, unless the error itself forbids it.
    :param can_look_up: the job can be found by its external task id, at this host and endpoint.
    :param synchronous: the endpoint is synchronous: there is no job to attach to.
    :param has_state_store: Airflow remembers which job was made (3.3 and newer).
    :param user_named: the user chose the job's external task id, and a clear does not change it.
    :param can_list: the host lists the account's jobs.
    :param clear_attaches: a clear attaches to the same job (``on_clear="attach"``).
    :param changing: parameters whose templates give another value in each try, which makes another job.
    :param absence_proves: a look-up that finds nothing proves that there is no job.
    :param shared: other tasks may have made the job (``idempotency_scope="inputs"``).
    :param conn_id: of a task with several accounts, the connection of the one in use.
    """

    endpoint: str
    will_retry: bool
    can_look_up: bool
    synchronous: bool = False
    has_state_store: bool = False
    user_named: bool = False
    can_list: bool = True
    clear_attaches: bool = False
    changing: tuple[str, ...] = ()
    absence_proves: bool = True
    shared: bool = False
    conn_id: str = ""

    def for_kill(self) -> str:
        """Describe what a retry and a clear do after the task was killed; its job may not have been made.

        :return: the advice.
        """
        if self.synchronous:
            return _NOT_RETRIEVABLE
        if not self.will_retry:
            return f"No retry is left, and {self._clear_text()}. KlingFetchResultOperator stores its result."
        retry = self._retry_text("attaches to it", id_known=False)
        return f"A retry of this task {retry}; {self._clear_text()}."

    def for_error(self, error: KlingError) -> str | None:
        """Describe what a retry and a clear do after an error.

        :param error: the error that ends this try.
        :return: the advice; ``None`` where the error's own text is complete.
        """
        if isinstance(error, KlingResultExpired):
            remedy = "give this task another external_task_id" if self.user_named else "clear this task"
            return f"To make it again, and be charged again, {remedy}."
        if isinstance(error, KlingSubmissionUnknown) and self.clear_attaches:
            remedy = "take to another value" if self.shared else "on_clear='new'"
            return f"A clear asks for the same job; to make a new one, set {remedy} before it."
        if error.job in (None, JobState.NOT_CREATED) or isinstance(error, _SELF_EXPLANATORY):
            return None
        if self.synchronous:
            return _NOT_RETRIEVABLE
        if not self.will_retry or isinstance(error, AirflowFailException):
            return f"Airflow does not try this again, and {self._clear_text()}. {self._how_to_fetch(error)}."
        retry = self._retry_text(_retry_effect(error), id_known=error.task_id is not None)
        retry_suffices = (
            retry != _STOPS_TO_AVOID_CHARGE and not self.changing and error.job is not JobState.MAY_EXIST
        )
        fetch = "" if retry_suffices else f" {self._how_to_fetch(error)}."
        return f"A retry of this task {retry}; {self._clear_text()}.{fetch}"

    def _retry_text(self, effect: str, *, id_known: bool) -> str:
        if self.changing:
            return f"makes a new job, which is charged, for {' and '.join(self.changing)} changes in each try"
        if self.can_look_up and not self.absence_proves and not id_known:
            return f"{effect} if it is found, and else {_STOPS_TO_AVOID_CHARGE}"
        if self.can_look_up or (self.has_state_store and id_known):
            return effect
        return (
            f"{effect} if its answer has come, and else {_STOPS_TO_AVOID_CHARGE}"
            if self.has_state_store
            else _STOPS_TO_AVOID_CHARGE
        )

    def _clear_text(self) -> str:
        if self.clear_attaches and not self.changing:
            return "a clear attaches to it while it runs or holds a result"
        if not self.user_named:
            return "a clear makes a new one, which is charged"
        # Kling refuses a second job of the same name.
        attaches = "a clear attaches to it, because external_task_id is your own"
        return attaches if self.can_look_up else "a clear makes none while external_task_id is taken"

    def _how_to_fetch(self, error: KlingError) -> str:
        job_id = error.task_id or (error.external_task_id if self.can_look_up else None)
        if job_id:
            condition = ", if it was made" if error.job is JobState.MAY_EXIST else ""
            reference = f"endpoint {self.endpoint}, kling_task_id {job_id}"
            reference += f", kling_conn_id {self.conn_id}" if self.conn_id else ""
            return f"KlingFetchResultOperator stores its result{condition} ({reference})"
        if self.can_list:
            return "KlingResultSweepOperator stores the results of all jobs of the account"
        return "The host's console may show it"


def _retry_effect(error: KlingError) -> str:
    if error.job is JobState.MAY_EXIST:
        return "looks for it, and attaches to it if it was made"
    return "fetches it again without a new job" if error.job is JobState.ENDED else "attaches to it"


def recovery_advice_for(operator: KlingTaskOperator, context: Context) -> RecoveryAdvice | None:
    """Collect what is known of the next tries of an operator.

    :param operator: the operator.
    :param context: Airflow's context of the running task.
    :return: the advice; ``None`` where the connection itself cannot be used.
    """
    settings, endpoint = operator.usable_settings(), operator.endpoint
    if settings is None:
        return None
    return RecoveryAdvice(
        endpoint=endpoint.slug,
        will_retry=will_retry(context),
        can_look_up=can_look_up(operator, settings),
        absence_proves=endpoint.absence_proves,
        synchronous=endpoint.synchronous,
        has_state_store=state_of(context) is not None,
        user_named=bool(JobRequest(operator).user_external_task_id()),
        clear_attaches=operator.on_clear == "attach" or operator.idempotency_scope == "inputs",
        shared=operator.idempotency_scope == "inputs",
        changing=tuple(operator.changing),
        can_list=settings.dialect.supports_list and (endpoint.listable or bool(endpoint.tasks_path)),
        conn_id=operator.active_conn_id if operator.fallback_conn_ids else "",
    )


def can_look_up(operator: KlingTaskOperator, settings: KlingSettings) -> bool:
    """Return whether a job of an operator can be found by its external task id.

    :param operator: the operator.
    :param settings: its connection's settings.
    :return: whether endpoint and host both support it.
    """
    from ..submission.runner import can_look_up as is_supported

    return is_supported(operator.endpoint, settings.dialect.supports_lookup)


@contextmanager
def report_errors(operator: KlingTaskOperator, context: Context) -> Iterator[None]:
    """Add to errors what a retry and a clear will do, push them as XCom, and count them.

    :param operator: the operator that runs inside the block.
    :param context: Airflow's context of the running task.
    """
    try:
        yield
    except KlingError as error:
        if isinstance(error, KlingTaskFailed | KlingContentRefused) and error.job is JobState.ENDED:
            error.failed_task = _read_failed_job(operator, error)
        settle_lost(operator, context, error, partial(_read_failed_job, operator, error))
        _add_charge(error)
        _add_rejected(operator, error)
        count_failure(error, endpoint=operator.endpoint, model=getattr(operator, "model_name", None))
        advice = recovery_advice_for(operator, context)
        if text := advice and advice.for_error(error):
            error.set_next_steps(text)
        _push(operator, context, error)
        raise


def _add_charge(error: KlingError) -> None:
    """Say what a job that failed was charged, where Kling reports it."""
    from ._task_run import describe_charge

    if error.failed_task and (error.failed_task.charges or error.failed_task.units):
        error.message = f"{error.message} It was {describe_charge(error.failed_task)}."
        error.set_job_state(JobState.ENDED)


def _add_rejected(operator: KlingTaskOperator, error: KlingError) -> None:
    """Name the jobs of earlier takes in an error that says that no job was made: they are charged."""
    if error.job is JobState.NOT_CREATED and operator.rejected:
        rejected_ids = ", ".join(str(job["task_id"]) for job in operator.rejected)
        error.message = (
            f"{error.message} This is about another take; earlier ones fail the media check, exist and are "
            f"charged: {rejected_ids}."
        )
        error.task_id = error.task_id or str(operator.rejected[-1]["task_id"])
        error.set_job_state(JobState.ENDED)


def _push(operator: KlingTaskOperator, context: Context, error: KlingError) -> None:
    """Push what the preview shows of a task that failed."""
    if not operator.do_xcom_push:
        return
    report = {
        "type": type(error).__name__,
        "message": _SIGNED_URL.sub(r"\1", str(error))[:_MAX_MESSAGE],
        "task_id": error.task_id,
        "external_task_id": error.external_task_id,
        "endpoint": operator.endpoint.slug,
        "job": error.job.value if error.job else None,
        **({CONNECTION_FACT: operator.active_conn_id} if operator.fallback_conn_ids else {}),
    }
    try:
        push_xcom(context, ERROR_KEY, report)
    except Exception as push_error:
        # It must not replace the error itself.
        operator.log.warning("The error could not be pushed as XCom: %s", type(push_error).__name__)


def return_refusal(operator: KlingTaskOperator, run: TaskRun, error: KlingContentRefused) -> dict[str, Any]:
    """Return the result of a task whose content was refused, at submission or by the job.

    :param operator: the operator.
    :param run: its run.
    :param error: the refusal.
    :return: ``status`` ("refused"), ``reason``, ``prompt``, ``endpoint``, ``task_id``, ``external_task_id``,
        ``units``, ``charges``, ``request`` and ``labels``, as plain JSON.
    """
    from ..results.refused_content import refusal_result

    task = _read_failed_job(operator, error)
    settle_lost(operator, run.context, error, lambda: task)
    count_failure(error, endpoint=operator.endpoint, model=getattr(operator, "model_name", None))
    facts = run.metadata or load_request_metadata(run.context)
    name = error.external_task_id or run.external_task_id or load_external_task_id(run.context)
    result = refusal_result(error, operator.endpoint.slug, facts, task=task, external_task_id=name)
    if operator.rejected:
        result[REJECTED_FACT] = list(operator.rejected)
    operator.log.warning(
        "Kling refused the content, and on_refused='return' makes that the result: %s", error.message
    )
    return result


def _read_failed_job(operator: KlingTaskOperator, error: KlingError) -> KlingTask | None:
    """Return the job that failed, for its charge."""
    run = operator._run
    if error.failed_task:
        return error.failed_task
    if run and run.ended_task and run.ended_task.task_id == error.task_id:
        return run.ended_task
    if not error.task_id:
        return None
    try:
        return operator.hook.client.get_task(operator.endpoint, error.task_id, retry=False)
    except KlingError as read_error:
        operator.log.info("The charge of job %s cannot be read: %s", error.task_id, read_error.message)
        return None

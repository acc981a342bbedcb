# SPDX-License-Identifier: Apache-2.0
"""Report the errors of job operators: advice in their texts, an XCom, a metric, the shared budget.

With ``on_refused="return"`` a task whose content Kling refuses succeeds and returns the refusal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..exceptions import KlingContentRefused, KlingError
from ..metrics import count_failure
from ..results.accounts import CONNECTION_FACT
from ..submission.idempotency import load_request_metadata, recall_external_task_id
from ._budgets import settle_lost
from ._recovery_advice import recovery_advice_for

if TYPE_CHECKING:
    from ..api.task import KlingTask
    from ..version_compat import Context
    from ._task_run import TaskRun
    from .base import KlingTaskOperator

ERROR_KEY = "error"
"""XCom of a task that failed: type and text of the error, ids and endpoint of the job, whether it exists."""

_MAX_MESSAGE = 2000
_SIGNED_URL = re.compile(r"(https?://[^\s?'\"]+)\?[^\s'\"]*", re.IGNORECASE)


@contextmanager
def report_errors(operator: KlingTaskOperator, context: Context) -> Iterator[None]:
    """Add to errors what a retry and a clear will do, push them as XCom, and count them.

    :param operator: the operator that runs inside the block.
    :param context: Airflow's context of the running task.
    """
    try:
        yield
    except KlingError as error:
        settle_lost(operator, context, error)
        count_failure(error, endpoint=operator.endpoint, model=getattr(operator, "model_name", None))
        advice = recovery_advice_for(operator, context)
        if text := advice and advice.for_error(error):
            error.set_next_steps(text)
        _push(operator, context, error)
        raise


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
        context["ti"].xcom_push(key=ERROR_KEY, value=report)
    except Exception as trouble:
        # It must not replace the error itself.
        operator.log.warning("The error could not be pushed as XCom: %s", type(trouble).__name__)


def return_refusal(operator: KlingTaskOperator, run: TaskRun, error: KlingContentRefused) -> dict[str, Any]:
    """Return the result of a task whose content was refused, at submission or by the job.

    :param operator: the operator.
    :param run: its run.
    :param error: the refusal.
    :return: ``status`` ("refused"), ``reason``, ``prompt``, ``endpoint``, ``task_id``, ``external_task_id``,
        ``units``, ``charges``, ``request`` and ``labels``, as plain JSON.
    """
    from ..results.refusal import refusal_result

    settle_lost(operator, run.context, error)
    count_failure(error, endpoint=operator.endpoint, model=getattr(operator, "model_name", None))
    facts = run.metadata or load_request_metadata(run.context)
    task = run.ended_task or _read(operator, error)
    name = error.external_task_id or run.external_task_id or recall_external_task_id(run.context)
    result = refusal_result(error, operator.endpoint.slug, facts, task=task, external_task_id=name)
    operator.log.warning(
        "Kling refused the content, and on_refused='return' makes that the result: %s", error.message
    )
    return result


def _read(operator: KlingTaskOperator, error: KlingContentRefused) -> KlingTask | None:
    """Read a job that the triggerer saw fail, for its charge."""
    if not error.task_id:
        return None
    try:
        return operator.hook.client.get_task(operator.endpoint, error.task_id, retry=False)
    except KlingError as trouble:
        operator.log.info("The charge of job %s cannot be read: %s", error.task_id, trouble.message)
        return None

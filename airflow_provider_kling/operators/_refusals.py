# SPDX-License-Identifier: Apache-2.0
"""``on_refused="return"``: a task whose content Kling refuses succeeds and returns the refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..exceptions import KlingContentRefused, KlingError
from ..metrics import count_failure
from ..submission.idempotency import load_request_metadata, recall_external_task_id
from ._budgets import settle_lost

if TYPE_CHECKING:
    from ..api.task import KlingTask
    from ._task_run import TaskRun
    from .base import KlingTaskOperator


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

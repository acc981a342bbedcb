# SPDX-License-Identifier: Apache-2.0
"""Reserve and settle units of the budget that operators share."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..budget import RunBudget
from ..exceptions import JobState, KlingContentRefused, KlingError, KlingTaskFailed
from ..submission.idempotency import load_external_task_id

if TYPE_CHECKING:
    from ..version_compat import Context


def reserve(operator: Any, context: Context, estimate: Decimal | None, name: str) -> None:
    """Reserve the estimate of a job, before the create call.

    :param operator: has the budget.
    :param context: Airflow's context.
    :param estimate: estimated units.
    :param name: external task id of the job.
    :raises KlingBudgetSpent: too little is left.
    """
    _budget_of(operator, context).reserve(name, estimate)
    operator.reserved = name


def settle(operator: Any, context: Context, name: str | None, units: Decimal | None) -> None:
    """Replace a reservation by the charge. The job is paid, so nothing here fails the task.

    :param operator: has the budget, or none.
    :param context: Airflow's context.
    :param name: external task id of the job.
    :param units: the charge; ``None`` if it is unknown.
    """
    if getattr(operator, "budget", None):
        _budget_of(operator, context).settle(name, units)


def settle_lost(operator: Any, context: Context, error: KlingError) -> None:
    """Release a reservation if it is certain that no job is charged.

    :param operator: has the budget, or none.
    :param context: Airflow's context.
    :param error: the error that ends the try.
    """
    if not getattr(operator, "budget", None) or error.job is JobState.MAY_EXIST:
        return
    if isinstance(error, KlingTaskFailed | KlingContentRefused) or error.job is JobState.NOT_CREATED:
        name = operator.reserved or load_external_task_id(context)
        settle(operator, context, name, Decimal(0))


def _budget_of(operator: Any, context: Context) -> RunBudget:
    ti = context["ti"]
    return RunBudget(operator.budget, str(ti.dag_id), str(ti.run_id))

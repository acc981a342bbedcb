# SPDX-License-Identifier: Apache-2.0
"""Reserve and settle units of the budget that operators share."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..api.pricing import charged_units
from ..budget import RunBudget
from ..exceptions import JobState, KlingContentRefused, KlingError, KlingTaskFailed
from ..submission.idempotency import load_external_task_id, task_instance

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..api.task import KlingTask
    from ..version_compat import Context


def reserve(operator: Any, context: Context, estimate: Decimal | None, name: str) -> None:
    """Reserve the estimate of a job, before the create call.

    :param operator: has the budget.
    :param context: Airflow's context.
    :param estimate: estimated units.
    :param name: external task id of the job.
    :raises KlingBudgetSpent: too little is left.
    """
    # A reservation of an earlier take is of a job that exists: an error of this call must not release it.
    operator.reserved = None
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


def settle_lost(
    operator: Any, context: Context, error: KlingError, read: Callable[[], KlingTask | None]
) -> None:
    """Release a reservation if it is certain that no job is charged, or replace it by the charge.

    An error that says that no job was made is about the last create call. Earlier jobs of the task hold their
    reservations.

    :param operator: has the budget, or none.
    :param context: Airflow's context.
    :param error: the error that ends the try.
    :param read: reads the job that failed; ``None`` if it cannot be read.
    """
    if not getattr(operator, "budget", None) or error.job is JobState.MAY_EXIST:
        return
    failed = isinstance(error, KlingTaskFailed | KlingContentRefused)
    if operator.reserved and (failed or error.job is JobState.NOT_CREATED):
        settle(operator, context, operator.reserved, Decimal(0))
    elif failed and error.job is not JobState.NOT_CREATED:
        # Kling is not known to charge failed jobs, but says so if it does.
        task = read()
        currency = operator.hook.settings.currency if task else None
        units = charged_units(operator.endpoint, task, currency) if task else Decimal(0)
        settle(operator, context, load_external_task_id(context), units)


def _budget_of(operator: Any, context: Context) -> RunBudget:
    ti = task_instance(context)
    return RunBudget(operator.budget, str(ti.dag_id), str(ti.run_id))

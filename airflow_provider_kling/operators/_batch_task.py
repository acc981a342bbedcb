# SPDX-License-Identifier: Apache-2.0
"""How a batch task reports its progress, defers, and what it checks when it resumes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..exceptions import JobState, KlingTaskTimeout
from ..triggers.batch import KlingBatchTrigger
from ..triggers.batch_wakeup import MAX_DEFERRAL
from ..version_compat import AirflowException
from ._deadlines import defer_timeout, execution_deadline, min_deadline

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from ..batch.deferral import Deferral
    from ..batch.runner import BatchRunner
    from ..version_compat import Context
    from .batch import KlingBatchOperator

PROGRESS_KEY = "kling_batch_progress"
"""Key of the progress in Airflow's task state store (Airflow 3.3 and newer)."""


def report_progress(operator: KlingBatchOperator, context: Context, run: BatchRunner, began: float) -> None:
    """Log the progress, and store it if Airflow has a task state store.

    :param operator: the running batch.
    :param context: Airflow's context of the running task.
    :param run: the run, with the counts.
    :param began: when the try began, Unix time in seconds.
    """
    line = run.progress.to_line(time.time() - began)
    operator.log.info("%s", line)
    store = context.get("task_state_store")
    if store is None:
        return
    try:
        store.set(PROGRESS_KEY, {"line": line, **run.progress.to_json()})
    except Exception as error:
        # It affects no result.
        operator.log.warning("The progress could not be stored: %s", type(error).__name__)


def deferral_arguments(operator: KlingBatchOperator, endpoint: Endpoint, wait: Deferral) -> dict[str, Any]:
    """Return the arguments of ``defer()`` for a wait.

    :param operator: the running task.
    :param endpoint: the endpoint that made the jobs.
    :param wait: the jobs to wait for.
    :return: keyword arguments.
    """
    now = time.time()
    deadline = min(now + MAX_DEFERRAL, wait.deadline)
    deadline = min_deadline(deadline, _execution_deadline(operator, wait.state.began))
    trigger = KlingBatchTrigger(
        endpoint=endpoint.slug,
        kling_conn_id=operator.kling_conn_id,
        deadline=deadline,
        jobs=wait.jobs,
        poll_interval=operator.poll_interval,
        since=now,
        rows_left=wait.rows_left,
        durations=wait.state.durations,
        lead=wait.state.lead,
    )
    return {
        "trigger": trigger,
        "method_name": "execute_complete",
        "kwargs": {"state": wait.state.to_json()},
        "timeout": defer_timeout(deadline, now, operator.poll_interval),
    }


def check_execution_timeout(operator: KlingBatchOperator, began: float) -> None:
    """Fail if ``execution_timeout`` has passed: Airflow 3 restarts it after a deferral.

    :param operator: the running task.
    :param began: when this try began, Unix time in seconds.
    :raises KlingTaskTimeout: it has passed.
    """
    deadline = _execution_deadline(operator, began)
    if deadline is not None and time.time() >= deadline:
        raise KlingTaskTimeout(
            "Raise or unset execution_timeout, then retry: it attaches to the jobs that still run. "
            f"execution_timeout={operator.execution_timeout} has passed.",
            job=JobState.EXISTS,
        )


@contextmanager
def unwatched() -> Iterator[None]:
    """Convert the error of a deferral that Airflow has ended to one that says what to do.

    :raises KlingTaskTimeout: no triggerer has watched the jobs.
    """
    try:
        yield
    except AirflowException as error:
        if type(error).__name__ != "TaskDeferralTimeout":
            raise
        raise KlingTaskTimeout(
            "No triggerer watched the jobs: start `airflow triggerer`, then retry: it attaches to them.",
            job=JobState.EXISTS,
        ) from error


def _execution_deadline(operator: KlingBatchOperator, began: float) -> float | None:
    return execution_deadline(datetime.fromtimestamp(began, UTC), operator.execution_timeout, began)

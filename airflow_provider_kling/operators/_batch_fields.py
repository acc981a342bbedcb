# SPDX-License-Identifier: Apache-2.0
"""Rendered ``extra_body`` of a batch, and its progress reports."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ..inputs.prepared_request import check_extra_body, is_nothing, read_extra_body
from ._templates import EXTRA_BODY, without

if TYPE_CHECKING:
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


def further_keys(operator: KlingBatchOperator) -> Any:
    """Return ``extra_body`` without values that rendered to nothing, and warn of such values in the rows.

    :param operator: the running task.
    :return: further JSON keys of every request.
    :raises KlingRequestInvalid: it cannot be sent, or a template that may not be left out rendered to
        nothing.
    """
    lost_in_rows = (lost for lost in operator.unresolved if lost.path[0] == "requests" and not lost.fatal)
    rows = [lost for lost in lost_in_rows if is_nothing(lost.value)]
    if rows:
        operator.log.warning("%s, so it is not sent (%d such values in all rows)", rows[0], len(rows))
    operator.check_rendered()
    lost = [each for each in operator.unresolved if each.path[0] == EXTRA_BODY]
    keys = without(read_extra_body(operator.original(EXTRA_BODY)), [each.path[1:] for each in lost])
    check_extra_body(keys)
    return keys

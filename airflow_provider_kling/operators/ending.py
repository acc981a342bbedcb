# SPDX-License-Identifier: Apache-2.0
"""Whether a triggerer may end a task: what a worker does after a success, it leaves out without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator


def ends_in_triggerer(task: BaseOperator, *, wanted: bool) -> bool:
    """Whether the triggerer ends a task; says in the task's log why it does not although that is wanted.

    :param task: the task that defers.
    :param wanted: its ``end_from_trigger``.
    """
    if not wanted:
        return False
    if needs := needs_of_worker(task):
        task.log.info(
            "A worker will end this task in spite of end_from_trigger=True, for a triggerer leaves out: %s",
            ", ".join(needs),
        )
    return not needs


def needs_of_worker(task: BaseOperator) -> list[str]:
    """Return what of a task only a worker does when it succeeds.

    :param task: the task.
    """
    from airflow.providers.common.compat.sdk import BaseOperator

    own_method = getattr(task.post_execute, "__func__", None) is not BaseOperator.post_execute
    only_in_worker = {
        "outlets": task.outlets,
        "do_xcom_push=False": not task.do_xcom_push,
        "multiple_outputs": getattr(task, "multiple_outputs", False),
        "post_execute": own_method or getattr(task, "_post_execute_hook", None),
        "on_success_callback": task.on_success_callback,
    }
    return [name for name, needed in only_in_worker.items() if needed]

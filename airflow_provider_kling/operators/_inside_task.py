# SPDX-License-Identifier: Apache-2.0
"""An operator that is called inside another task, such as a function with ``@task``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..api.templating import is_templated
from ..exceptions import JobState, KlingRequestInvalid
from ..submission.idempotency import task_instance_or_none

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..submission.context import IdempotencyKey, SubmittedTask
    from ..version_compat import BaseOperator, Context

_earlier_calls: set[tuple[Any, ...]] = set()
"""Keys of the jobs of calls inside other tasks; a worker's process runs one task, ``dag.test()`` many."""


def outer_task(operator: BaseOperator, context: Context) -> str | None:
    """Return the id of the task that calls an operator's ``execute`` from its own code.

    :param operator: the operator that is executed.
    :param context: Airflow's context of the running task.
    :return: the task's id; ``None`` if the operator is the task itself.
    """
    running: Any = context.get("task") or getattr(task_instance_or_none(context), "task", None)
    if running is None or running is operator:
        return None
    # A mapped task is identified by the class of its instances.
    operator_class = getattr(running, "operator_class", None) or type(running)
    if running.task_id == operator.task_id and operator_class is type(operator):
        return None
    return str(running.task_id)


def reject_templates(operator: BaseOperator, values: Mapping[str, Any]) -> None:
    """Fail for templates that Airflow does not render inside another task: they would be sent as they are.

    :param operator: an operator that is called inside another task.
    :param values: its parameters by name.
    :raises KlingRequestInvalid: a value holds a template, or is the output of another task.
    """
    for name, value in values.items():
        if _holds_template(value):
            raise KlingRequestInvalid(
                f"Invalid value for {name!r}: it is not rendered; call render_template_fields(context) "
                f"before execute(context), or give the value itself. Task {operator.task_id!r}: Airflow "
                "renders no templates of an operator that is called inside another task.",
                job=JobState.NOT_CREATED,
            )


def _holds_template(value: Any) -> bool:
    from ..version_compat import XComArg

    if isinstance(value, dict):
        return any(map(_holds_template, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_holds_template, value))
    if isinstance(value, os.PathLike):
        return is_templated(str(value))
    return isinstance(value, XComArg) or (isinstance(value, str) and is_templated(value))


def warning_of_repetition(key: IdempotencyKey, try_number: Any, submission: SubmittedTask) -> str | None:
    """Return a warning if an equal call was made before in the same try of a task.

    :param key: key of the call's job.
    :param try_number: number of the task's try.
    :param submission: the job of the call.
    :return: the warning; ``None`` for the first call.
    """
    call = (key, try_number)
    if call not in _earlier_calls:
        _earlier_calls.add(call)
        return None
    if submission.reattached:
        return (
            f"This call equals an earlier one in this task, so it returns the same job "
            f"{submission.task.task_id}; no other job is made. For another one change the request, for "
            "instance its seed or prompt, or give each call its own external_task_id."
        )
    return (
        "This call equals an earlier one in this task, and a second job was made and is charged, since this "
        "endpoint or host cannot look up the first. Make each call with equal parameters once."
    )

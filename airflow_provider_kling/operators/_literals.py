# SPDX-License-Identifier: Apache-2.0
"""Check the parameters of an operator whose values are known in the DAG file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..api.templating import is_templated
from ..exceptions import JobState, KlingRequestInvalid
from ..inputs.prepared_request import check_extra_body, parse_units, read_extra_body
from ._parameters import (
    check_budget,
    check_end_from_trigger,
    labels_in,
    read_conn_id,
    read_path,
    read_take,
)

if TYPE_CHECKING:
    from .base import KlingTaskOperator


def check_literals(operator: KlingTaskOperator) -> None:
    """Check the parameters of an operator while the DAG is parsed; templates are checked when it runs.

    :param operator: the operator.
    :raises KlingRequestInvalid: a value is invalid.
    """
    # Most tasks leave most parameters out: a DAG file with hundreds of tasks pays for each check.
    task_id, path = operator.task_id, operator.output_path
    if path is not None:
        from ..results.operator_result import check_installed_for

        check_installed_for(task_id, path)
    if operator.end_from_trigger:
        check_end_from_trigger(task_id, path)
    if operator.budget is not None:
        check_budget(task_id, operator.budget)
    if not is_templated(operator.take):
        read_take(task_id, operator.take)
    if (
        operator.media_rules is not None
        or type(operator.regenerate_on_fail) is not int
        or operator.regenerate_on_fail
    ):
        from ._regeneration import check_parameters

        check_parameters(operator)
    if operator.poster:
        from ..results.posters import check_poster

        check_poster(task_id, operator.poster)
    if not is_templated(operator.kling_conn_id):
        read_conn_id(task_id, "kling_conn_id", operator.kling_conn_id)
        if operator.fallback_conn_ids is not None and not is_templated(operator.fallback_conn_ids):
            from ._accounts import conn_ids_of

            conn_ids_of(operator)
    _check_optional(operator)
    if path is not None and not is_templated(path):
        check_output_path(operator)
        read_path(task_id, "output_path", path)


def _check_optional(operator: KlingTaskOperator) -> None:
    for name, check in (
        ("labels", lambda labels: labels_in(operator.task_id, "labels", labels)),
        ("max_units", lambda units: parse_units("max_units", units)),
        ("max_usd", _check_usd),
        ("expected_seconds", lambda _: _check_seconds(operator)),
        ("extra_body", lambda extra: check_extra_body(read_extra_body(extra))),
    ):
        value = getattr(operator, name)
        if value is not None and not is_templated(value):
            check(value)


def _check_usd(dollars: Any) -> None:
    from ..inputs.cost_limits import parse_usd

    parse_usd("max_usd", dollars)


def _check_seconds(operator: KlingTaskOperator) -> None:
    from ._job_request import JobRequest

    JobRequest(operator).expected_seconds()


def check_output_path(operator: KlingTaskOperator) -> None:
    """Check that a task with an output path is there when the files are.

    :param operator: the operator.
    :raises KlingRequestInvalid: it does not wait for the job.
    """
    if operator.wait_for_completion or not operator.output_path or operator.endpoint.synchronous:
        return
    raise KlingRequestInvalid(
        "Invalid value for 'output_path': it needs wait_for_completion=True; without, this task is over "
        "before there are files. Give output_path to the KlingTaskSensor that waits for the job, or to "
        f"KlingFetchResultOperator. Task {operator.task_id!r}.",
        job=JobState.NOT_CREATED,
    )

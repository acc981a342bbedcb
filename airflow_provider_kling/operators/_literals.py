# SPDX-License-Identifier: Apache-2.0
"""Check the parameters and request fields of an operator whose values are known in the DAG file."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping
from inspect import Parameter
from typing import TYPE_CHECKING, Any

from ..api.model_rules import retirement_message, suggest_model, v2_model_message
from ..api.requests.rules import TEMPLATED
from ..api.templating import is_templated
from ..exceptions import JobState, KlingRequestInvalid
from ..inputs.prepared_request import check_extra_body, parse_units, read_extra_body, validate_request
from ._parameters import (
    check_budget,
    check_end_from_trigger,
    check_media_packages,
    read_conn_id,
    read_job_labels,
    read_path,
    read_take,
)

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from .base import KlingTaskOperator

_NUMBERS = (int, float, bool)
_PLAIN = (str, *_NUMBERS)


def check_literals(operator: KlingTaskOperator) -> None:
    """Check the parameters of an operator while the DAG is parsed; templates are checked when it runs.

    :param operator: the operator.
    :raises KlingRequestInvalid: a value is invalid.
    """
    # Most tasks leave most parameters out: a DAG file with hundreds of tasks pays for each check.
    task_id, path = operator.task_id, operator.output_path
    if path is not None:
        from ..results.output_path import check_installed_for

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
        check_media_packages(task_id, "poster=True")
    if not is_templated(operator.kling_conn_id):
        read_conn_id(task_id, "kling_conn_id", operator.kling_conn_id)
        if operator.fallback_conn_ids is not None and not is_templated(operator.fallback_conn_ids):
            from ._fallback_accounts import conn_ids_of

            conn_ids_of(operator)
    _check_optional(operator)
    if path is not None and not is_templated(path):
        check_output_path(operator)
        read_path(task_id, "output_path", path)


def _check_optional(operator: KlingTaskOperator) -> None:
    for name, check in (
        ("labels", lambda labels: read_job_labels(operator.task_id, "labels", labels)),
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


def validate_literals(endpoint: Endpoint, task_id: str, values: Mapping[str, Any]) -> None:
    """Check the literal arguments of an operator while the DAG is parsed.

    :param endpoint: its endpoint.
    :param task_id: the task.
    :param values: its arguments by name.
    :raises KlingRequestInvalid: a literal argument breaks a rule.
    """
    known = {
        name: value
        if type(value) in _NUMBERS or (type(value) is str and "{" not in value)
        else (TEMPLATED if is_templated(value) else value)
        for name, value in values.items()
        if value is not None and value is not Parameter.empty
    }
    _check_model(endpoint, task_id, known.get("model_name"))
    # Tasks that a DAG file makes in a loop often differ in templates alone.
    plain = all(value is TEMPLATED or type(value) in _PLAIN for value in known.values())
    try:
        if plain:
            _validate_once(endpoint, **known)
        else:
            validate_request(endpoint, known)
    except KlingRequestInvalid as error:
        raise KlingRequestInvalid(f"{error.message} Task {task_id!r}.", job=error.job) from None
    _warn_of_retired_model(endpoint, task_id, known.get("model_name"))


@functools.lru_cache(maxsize=64, typed=True)
def _validate_once(endpoint: Endpoint, /, **values: Any) -> None:
    validate_request(endpoint, values)


def _check_model(endpoint: Endpoint, task_id: str, name: Any) -> None:
    """Fail for a model of API 2.0 at an endpoint of v1, and warn of a name that looks like a typo."""
    if message := v2_model_message(endpoint.slug, name):
        raise KlingRequestInvalid(f"{message}. Task {task_id!r}.", job=JobState.NOT_CREATED)
    if suggestion := suggest_model(endpoint.slug, name):
        text = f"Task {task_id!r}: model_name {name!r} is unknown, and is sent as it is{suggestion}"
        warnings.warn(text, UserWarning, stacklevel=5)


def _warn_of_retired_model(endpoint: Endpoint, task_id: str, name: Any) -> None:
    field = endpoint.request.model_fields.get("model_name")
    # Two endpoints have no newer model: their users know a host that still has it.
    if field and name != field.default and (message := retirement_message(endpoint.slug, name)):
        warnings.warn(f"Task {task_id!r}: {message}", FutureWarning, stacklevel=5)

# SPDX-License-Identifier: Apache-2.0
"""One class above each operator, one hook, and one wording for invalid parameters."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_kling.exceptions import KlingRequestInvalid
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.operators._call_operator import KlingCallOperator
from airflow_provider_kling.operators._hook_mixin import KlingHookMixin
from airflow_provider_kling.operators._templates import RedactedTemplateMixin
from airflow_provider_kling.operators.account import KlingAccountOperator
from airflow_provider_kling.operators.base import KlingTaskOperator
from airflow_provider_kling.operators.batch import KlingBatchOperator
from airflow_provider_kling.operators.results import KlingFetchResultOperator, KlingResultSweepOperator
from airflow_provider_kling.operators.video import KlingTextToVideoOperator
from airflow_provider_kling.sensors.kling import KlingTaskSensor
from airflow_provider_kling.version_compat import BaseOperator
from scripts.generate_stubs import MODULES, own_operators

REQUEST_OPERATORS = [
    operator
    for name in MODULES
    for operator in own_operators(importlib.import_module(f"airflow_provider_kling.operators.{name}"))
]


def batch(**arguments: Any) -> KlingBatchOperator:
    values = {"task_id": "it", "endpoint": "images/generations", "requests": [], "output_path": "/tmp/out"}
    return KlingBatchOperator(**values | arguments)


def sensor(**arguments: Any) -> KlingTaskSensor:
    values = {"task_id": "it", "endpoint": "videos/image2video", "kling_task_id": "8"}
    return KlingTaskSensor(**values | arguments)


def fetch(**arguments: Any) -> KlingFetchResultOperator:
    values = {"endpoint": "videos/image2video", "kling_task_id": "8", "output_path": "/tmp/out"}
    return KlingFetchResultOperator(task_id="it", **values | arguments)


def sweep(**arguments: Any) -> KlingResultSweepOperator:
    return KlingResultSweepOperator(task_id="it", output_path="/tmp/out", **arguments)


def account(**arguments: Any) -> KlingAccountOperator:
    return KlingAccountOperator(task_id="it", **{"threshold_units": 1} | arguments)


def job(**arguments: Any) -> KlingTextToVideoOperator:
    return KlingTextToVideoOperator(**{"task_id": "it", "prompt": "waves"} | arguments)


@pytest.mark.parametrize("operator", REQUEST_OPERATORS, ids=lambda operator: operator.__name__)
def test_one_class_and_two_mixins_stand_above_a_leaf_operator(operator: type[Any]) -> None:
    base = KlingTaskOperator if issubclass(operator, KlingTaskOperator) else KlingCallOperator
    assert operator.__bases__ == (base,)
    assert base.__bases__ == (KlingHookMixin, RedactedTemplateMixin, BaseOperator)


@pytest.mark.parametrize("make", [batch, sensor, fetch, sweep, account])
def test_the_hook_is_a_kling_hook(make: Callable[..., Any]) -> None:
    assert type(make().hook) is KlingHook


@pytest.mark.parametrize(
    ("make", "arguments", "text"),
    [
        (batch, {"endpoint": "videos/x"}, "'endpoint': 'videos/x'; expected a slug: videos/"),
        (sensor, {"endpoint": "videos/x"}, "'endpoint': 'videos/x'; expected a slug: videos/"),
        (fetch, {"endpoint": "videos/x"}, "'endpoint': 'videos/x'; expected a slug: videos/"),
        (sweep, {"endpoints": ["videos/x"]}, "'endpoints': 'videos/x'; expected a slug: videos/"),
        *(
            (
                make,
                {name: value},
                f"{name!r}: {value!r}; expected seconds, above 0 and at most a year. Task",
            )
            for make in (batch, sensor, job)
            for name in ("poll_interval", "timeout")
            for value in (0, 1e12, "1e12", math.inf, math.nan)
            if (make, name) != (sensor, "timeout")
        ),
        *(
            (
                sensor,
                {"timeout": value},
                f"'timeout': {value!r}; expected a number of seconds, 0 or more and",
            )
            for value in (-1, 1e12, math.inf, math.nan)
        ),
        (sensor, {"poke_interval": 1e12}, "'poke_interval': 1000000000000.0; expected seconds, above 0 and"),
        (batch, {"contact_sheet": "maybe"}, "'contact_sheet': 'maybe'; expected True or False. Task 'it'."),
        (sensor, {"deferrable": "maybe"}, "'deferrable': 'maybe'; expected True or False. Task 'it'."),
        (batch, {"output_path": "out"}, "'output_path': 'out'; expected an absolute path or a URI"),
        (fetch, {"output_path": "out"}, "'output_path': 'out'; expected an absolute path or a URI"),
        (account, {"threshold_units": -1}, "'threshold_units': -1; expected a number of units, 0 or more."),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_an_invalid_parameter_has_one_wording(
    make: Callable[..., Any], arguments: dict[str, Any], text: str
) -> None:
    with pytest.raises(KlingRequestInvalid) as failed:
        make(**arguments)
    assert str(failed.value).startswith(f"Invalid value for {text}")


@pytest.mark.parametrize("make", [job, batch, sensor, fetch, sweep, account])
@pytest.mark.parametrize("value", [None, "", "None", " ", [], {"conn_id": "mine"}, False])
def test_a_connection_that_is_none_after_rendering_has_the_same_wording(
    make: Callable[..., Any], value: Any
) -> None:
    """Airflow's own text would be that the connection `None` is not defined."""
    operator = make(kling_conn_id="{{ conn }}")
    operator.kling_conn_id = value
    with pytest.raises(KlingRequestInvalid, match=r"^Invalid value for 'kling_conn_id': .*; expected"):
        _ = operator.hook

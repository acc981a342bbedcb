# SPDX-License-Identifier: Apache-2.0
"""How a sensor's task starts in the triggerer, and when it may."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..operators._end_from_trigger import worker_only_features
from ..operators._parameters import invalid_parameter
from ..version_compat import XComArg, airflow_version

if TYPE_CHECKING:
    from .kling import KlingTaskSensor

_FIRST_VERSION = (3, 3)
_TRIGGER = "airflow_provider_kling.triggers.start.KlingTaskStartTrigger"


def start_trigger_args(sensor: KlingTaskSensor) -> Any:
    """Return what the scheduler needs to start a sensor's task in the triggerer.

    :param sensor: the sensor.
    :return: Airflow's ``StartTriggerArgs``.
    :raises KlingRequestInvalid: the task cannot start there.
    """
    from airflow.triggers.base import StartTriggerArgs

    from ..triggers.start import MARGIN_SECONDS

    _check(sensor)
    timeout = sensor.timeout
    if sensor.execution_timeout is not None:
        timeout = min(timeout, sensor.execution_timeout.total_seconds())
    return StartTriggerArgs(
        trigger_cls=_TRIGGER,
        trigger_kwargs={
            "endpoint": sensor.endpoint,
            "kling_task_id": sensor.kling_task_id,
            "kling_conn_id": sensor.kling_conn_id,
            "poll_interval": sensor.poke_interval,
            "timeout": timeout,
            "end_from_trigger": sensor.end_from_trigger and not worker_only_features(sensor),
        },
        next_method="execute_complete",
        # No worker has seen the job.
        next_kwargs={"known": False},
        timeout=timedelta(seconds=timeout + MARGIN_SECONDS),
    )


def _check(sensor: KlingTaskSensor) -> None:
    if (version := airflow_version()) < _FIRST_VERSION:
        found = ".".join(map(str, version))
        expected = f"False before Airflow 3.3; this is Airflow {found}"
    elif not sensor.deferrable:
        expected = "False unless deferrable=True"
    elif any(isinstance(value, XComArg) for value in (sensor.endpoint, sensor.kling_task_id)):
        expected = (
            "False unless XComs are written as templates, for the triggerer renders text only: "
            "kling_task_id=\"{{ ti.xcom_pull(task_ids='submit')['task_id'] }}\""
        )
    else:
        return
    invalid_parameter(sensor.task_id, "start_from_trigger", True, expected)

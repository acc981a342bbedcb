# SPDX-License-Identifier: Apache-2.0
"""Which tasks may start or end in the triggerer, without a worker.

A triggerer that ends a task skips, without a message, what a worker does after a success.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..version_compat import XComArg, airflow_version
from ._parameters import invalid_parameter

if TYPE_CHECKING:
    from ..sensors.kling import KlingTaskSensor
    from ..version_compat import BaseOperator

_FIRST_VERSION = (3, 3)
_TRIGGER = "airflow_provider_kling.triggers.start_from_trigger.KlingTaskStartTrigger"


def can_end_from_trigger(task: BaseOperator, *, wanted: bool) -> bool:
    """Return whether the triggerer ends a task, and log why it does not although that is wanted.

    :param task: the task that defers.
    :param wanted: its ``end_from_trigger``.
    :return: whether it does.
    """
    if not wanted:
        return False
    if needs := worker_only_features(task):
        task.log.info(
            "A worker will end this task despite end_from_trigger=True, because a triggerer skips: %s",
            ", ".join(needs),
        )
    return not needs


def worker_only_features(task: BaseOperator) -> list[str]:
    """Return the features of a task that only a worker runs after a success.

    :param task: the task.
    :return: the names of the features; none if a triggerer may end it.
    """
    from ..version_compat import BaseOperator

    own_method = getattr(task.post_execute, "__func__", None) is not BaseOperator.post_execute
    only_in_worker = {
        "outlets": task.outlets,
        "do_xcom_push=False": not task.do_xcom_push,
        "multiple_outputs": getattr(task, "multiple_outputs", False),
        "post_execute": own_method or getattr(task, "_post_execute_hook", None),
        "on_success_callback": task.on_success_callback,
        "map_index_template": getattr(task, "map_index_template", None),
        # The charge replaces the reservation.
        "budget": getattr(task, "budget", None),
    }
    needs = [name for name, needed in only_in_worker.items() if needed]
    if backend := _own_xcom_backend():
        needs.append(f"xcom_backend {backend}")
    return needs + [f"listener {name}" for name in _listeners_of_success()]


def _own_xcom_backend() -> str | None:
    """Return the XCom backend, unless it is Airflow's own: a triggerer writes to the database only."""
    from ..version_compat import conf

    backend = str(conf.get("core", "xcom_backend", fallback="") or "").strip()
    is_airflows = backend.startswith("airflow.") and backend.endswith(".BaseXCom")
    return None if is_airflows or not backend else backend


def _listeners_of_success() -> list[str]:
    """Return the names of listeners, such as OpenLineage's, that workers notify of a task's success."""
    from ..version_compat import get_listener_manager

    hook = getattr(get_listener_manager().hook, "on_task_instance_success", None)
    plugins = [each.plugin for each in hook.get_hookimpls()] if hook else []
    return [getattr(plugin, "__name__", None) or type(plugin).__name__ for plugin in plugins]


def start_trigger_args(sensor: KlingTaskSensor) -> Any:
    """Return what the scheduler needs to start a sensor's task in the triggerer.

    :param sensor: the sensor.
    :return: Airflow's ``StartTriggerArgs``.
    :raises KlingRequestInvalid: the task cannot start there.
    """
    from airflow.triggers.base import StartTriggerArgs

    from ..triggers.start_from_trigger import MARGIN_SECONDS

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

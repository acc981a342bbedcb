# SPDX-License-Identifier: Apache-2.0
"""What a triggerer would leave out when it ends a task, a worker does."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.listeners import hookimpl
from airflow.providers.common.compat.sdk import Asset, TaskDeferred

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingRequestInvalid
from airflow_provider_kling.operators.audio import KlingTextToSpeechOperator
from airflow_provider_kling.operators.video import KlingImageToVideoOperator
from airflow_provider_kling.sensors.kling import KlingTaskSensor
from airflow_provider_kling.version_compat import get_listener_manager
from tests.unit.operators.conftest import IMAGE_URL, LogLines, TaskInstance, context_of, image_to_video, run

SET_ASIDE = "A worker will end this task despite end_from_trigger=True"


class AfterEach(KlingImageToVideoOperator):
    """Does something of its own after each success."""

    def post_execute(self, context: Any, result: Any = None) -> None:
        """Do something."""


def nothing(*_: Any) -> None:
    """Stand for a callback."""


@pytest.fixture(autouse=True)
def airflow_3(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tested here is decided before a trigger runs."""
    monkeypatch.setattr("airflow.__version__", "3.0.0")


def deferred(operator: Any, ti: TaskInstance) -> Any:
    """Return the trigger that a task defers to."""
    with pytest.raises(TaskDeferred) as deferral:
        operator.execute(context_of(ti))
    return deferral.value.trigger


def test_a_plain_task_is_ended_by_the_triggerer(
    ti: TaskInstance, slow_emulator: Emulator, log_lines: LogLines
) -> None:
    assert deferred(image_to_video(deferrable=True, end_from_trigger=True), ti).end_from_trigger
    assert log_lines(SET_ASIDE) == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"outlets": [Asset("s3://bucket/films")]}, "outlets"),
        ({"do_xcom_push": False}, "do_xcom_push=False"),
        ({"multiple_outputs": True}, "multiple_outputs"),
        ({"post_execute": nothing}, "post_execute"),
        ({"on_success_callback": nothing}, "on_success_callback"),
        ({"map_index_template": "{{ task.prompt }}"}, "map_index_template"),
        ({"on_success_callback": [nothing], "outlets": [Asset("a")]}, "outlets, on_success_callback"),
    ],
)
def test_features_of_workers_need_a_worker(
    ti: TaskInstance, slow_emulator: Emulator, log_lines: LogLines, arguments: dict[str, Any], named: str
) -> None:
    operator = image_to_video(deferrable=True, end_from_trigger=True, **arguments)
    assert not deferred(operator, ti).end_from_trigger
    (line,) = log_lines(SET_ASIDE)
    assert line.endswith(f"because a triggerer skips: {named}")


def test_a_method_of_the_users_class_needs_a_worker(
    ti: TaskInstance, slow_emulator: Emulator, log_lines: LogLines
) -> None:
    operator = AfterEach(task_id="film", image=IMAGE_URL, deferrable=True, end_from_trigger=True)
    assert not deferred(operator, ti).end_from_trigger
    assert log_lines("skips: post_execute")


@pytest.mark.parametrize(
    ("backend", "ended"),
    [
        ("airflow.sdk.execution_time.xcom.BaseXCom", True),
        ("airflow.models.xcom.BaseXCom", True),
        ("", True),
        ("airflow.providers.common.io.xcom.backend.XComObjectStorageBackend", False),
        ("company.xcoms.BaseXCom", False),
    ],
)
def test_an_xcom_backend_is_left_to_a_worker(
    ti: TaskInstance,
    slow_emulator: Emulator,
    log_lines: LogLines,
    monkeypatch: pytest.MonkeyPatch,
    *,
    backend: str,
    ended: bool,
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__XCOM_BACKEND", backend)
    operator = image_to_video(deferrable=True, end_from_trigger=True)
    assert deferred(operator, ti).end_from_trigger is ended
    lines = [line.partition("skips: ")[2] for line in log_lines(SET_ASIDE)]
    assert lines == ([] if ended else [f"xcom_backend {backend}"])


class OpenLineageListener:
    """Stands for the listener of OpenLineage's provider: it reports the end of a task."""

    @hookimpl
    def on_task_instance_success(self, task_instance: Any) -> None:
        """Report the end."""


class StartListener:
    """Needs to know no end."""

    @hookimpl
    def on_task_instance_running(self, task_instance: Any) -> None:
        """Report the start."""


@pytest.mark.parametrize(("listener", "ended"), [(OpenLineageListener(), False), (StartListener(), True)])
def test_a_listener_of_successes_needs_a_worker(
    ti: TaskInstance, slow_emulator: Emulator, log_lines: LogLines, listener: Any, ended: bool
) -> None:
    manager = get_listener_manager()
    manager.pm.register(listener)
    try:
        operator = image_to_video(deferrable=True, end_from_trigger=True)
        assert deferred(operator, ti).end_from_trigger is ended
    finally:
        manager.pm.unregister(listener)
    lines = [line.partition("skips: ")[2] for line in log_lines(SET_ASIDE)]
    assert lines == ([] if ended else ["listener OpenLineageListener"])


def test_nothing_is_logged_without_end_from_trigger(
    ti: TaskInstance, slow_emulator: Emulator, log_lines: LogLines
) -> None:
    assert not deferred(image_to_video(deferrable=True, do_xcom_push=False), ti).end_from_trigger
    assert log_lines(SET_ASIDE) == []


@pytest.mark.parametrize(("outlets", "ended"), [([], True), ([Asset("s3://bucket/films")], False)])
def test_the_sensor_does_the_same(
    ti: TaskInstance, slow_emulator: Emulator, outlets: list[Any], ended: bool
) -> None:
    sensor = KlingTaskSensor(
        task_id="wait",
        endpoint="videos/image2video",
        kling_task_id="mine",
        deferrable=True,
        end_from_trigger=True,
        outlets=outlets,
    )
    assert deferred(sensor, ti).end_from_trigger is ended


class TestFilesThatWouldNotBeStored:
    """A task that does not wait is over before there are files."""

    def test_output_path_without_waiting_is_refused_at_parse(self) -> None:
        with pytest.raises(
            KlingRequestInvalid, match=r"output_path.*wait_for_completion=True.*KlingTaskSensor"
        ):
            image_to_video(wait_for_completion=False, output_path="/tmp/films")

    def test_a_template_is_judged_by_what_it_becomes(
        self, ti: TaskInstance, kling_emulator: Emulator
    ) -> None:
        operator = image_to_video(wait_for_completion=False, output_path="{{ params.where }}")
        operator.output_path = None
        assert run(operator, ti)["status"] == "submitted"
        operator.output_path = "/tmp/films"
        with pytest.raises(KlingRequestInvalid, match=r"output_path.*wait_for_completion=True"):
            run(operator, ti.cleared())
        assert len(kling_emulator.jobs) == 1

    def test_a_call_that_responds_at_once_has_files(self, kling_emulator: Emulator) -> None:
        KlingTextToSpeechOperator(
            task_id="speak",
            text="Good evening",
            voice_id="genshin_vindi2",
            voice_language="en",
            wait_for_completion=False,
            output_path="/tmp/sounds",
        )

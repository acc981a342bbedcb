# SPDX-License-Identifier: Apache-2.0
"""What a triggerer would leave out when it ends a task, a worker does."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Asset, TaskDeferred

from airflow_provider_kling.emulator import Emulator
from airflow_provider_kling.exceptions import KlingRequestInvalid
from airflow_provider_kling.operators.audio import KlingTextToSpeechOperator
from airflow_provider_kling.operators.video import KlingImageToVideoOperator
from airflow_provider_kling.sensors.kling import KlingTaskSensor
from tests.operators.conftest import PICTURE, TaskInstance, Told, context_of, image_to_video, run

SET_ASIDE = "A worker will end this task in spite of end_from_trigger=True"


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
    ti: TaskInstance, slow_emulator: Emulator, told: Told
) -> None:
    assert deferred(image_to_video(deferrable=True, end_from_trigger=True), ti).end_from_trigger
    assert told(SET_ASIDE) == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"outlets": [Asset("s3://bucket/films")]}, "outlets"),
        ({"do_xcom_push": False}, "do_xcom_push=False"),
        ({"multiple_outputs": True}, "multiple_outputs"),
        ({"post_execute": nothing}, "post_execute"),
        ({"on_success_callback": nothing}, "on_success_callback"),
        ({"on_success_callback": [nothing], "outlets": [Asset("a")]}, "outlets, on_success_callback"),
    ],
)
def test_what_only_a_worker_does_is_left_to_one(
    ti: TaskInstance, slow_emulator: Emulator, told: Told, arguments: dict[str, Any], named: str
) -> None:
    operator = image_to_video(deferrable=True, end_from_trigger=True, **arguments)
    assert not deferred(operator, ti).end_from_trigger
    (line,) = told(SET_ASIDE)
    assert line.endswith(f"for a triggerer leaves out: {named}")


def test_a_method_of_a_users_own_is_left_to_a_worker(
    ti: TaskInstance, slow_emulator: Emulator, told: Told
) -> None:
    operator = AfterEach(task_id="film", image=PICTURE, deferrable=True, end_from_trigger=True)
    assert not deferred(operator, ti).end_from_trigger
    assert told("leaves out: post_execute")


def test_nothing_is_said_where_nobody_asked_for_it(
    ti: TaskInstance, slow_emulator: Emulator, told: Told
) -> None:
    assert not deferred(image_to_video(deferrable=True, do_xcom_push=False), ti).end_from_trigger
    assert told(SET_ASIDE) == []


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


class TestFilesThatNobodyWouldKeep:
    """A task that does not wait is over before there are files."""

    def test_they_are_refused_while_the_dag_is_parsed(self) -> None:
        with pytest.raises(
            KlingRequestInvalid, match=r"output_path.*wait_for_completion=False.*KlingTaskSensor"
        ):
            image_to_video(wait_for_completion=False, output_path="/tmp/films")

    def test_a_template_is_judged_by_what_it_becomes(
        self, ti: TaskInstance, kling_emulator: Emulator
    ) -> None:
        operator = image_to_video(wait_for_completion=False, output_path="{{ params.where }}")
        operator.output_path = ""
        assert run(operator, ti)["status"] == "submitted"
        operator.output_path = "/tmp/films"
        with pytest.raises(KlingRequestInvalid, match=r"output_path.*wait_for_completion=False"):
            run(operator, ti.cleared())
        assert len(kling_emulator.jobs) == 1

    def test_a_call_that_answers_at_once_has_files(self, kling_emulator: Emulator) -> None:
        KlingTextToSpeechOperator(
            task_id="speak",
            text="Good evening",
            voice_id="genshin_vindi2",
            voice_language="en",
            wait_for_completion=False,
            output_path="/tmp/sounds",
        )

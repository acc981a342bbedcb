# SPDX-License-Identifier: Apache-2.0
"""Operators that are called inside another task."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, TaskDeferred, task
from PIL import Image

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingRequestInvalid
from airflow_provider_kling.operators import _inside_task
from airflow_provider_kling.operators.video import KlingImageToVideoOperator
from airflow_provider_kling.sensors.kling import KlingTaskSensor
from tests.unit.operators.conftest import (
    IMAGE_URL,
    LogLines,
    Store,
    TaskInstance,
    context_of,
    image_to_video,
    run,
)

REPEATED = "This call equals an earlier one in this task"


@pytest.fixture(autouse=True)
def calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has made no call yet."""
    monkeypatch.setattr(_inside_task, "_earlier_calls", set())


@pytest.fixture
def inside(ti: TaskInstance) -> Any:
    """The context of a function with ``@task`` that makes several films."""
    with DAG("films", schedule=None):

        @task
        def make_films() -> None:
            """Make films."""

        ti.task_id = "make_films"
        return context_of(ti, task=make_films().operator)


class Mine(KlingImageToVideoOperator):
    """A class of a user's own."""


@pytest.mark.parametrize(
    ("running", "outer"),
    [
        (None, None),
        (SimpleNamespace(task_id="film", operator_class=KlingImageToVideoOperator), None),
        (SimpleNamespace(task_id="film", operator_class=Mine), "film"),
        (SimpleNamespace(task_id="film"), "film"),
        (SimpleNamespace(task_id="other", operator_class=KlingImageToVideoOperator), "other"),
    ],
)
def test_outer_task_finds_the_calling_task(ti: TaskInstance, running: Any, outer: str | None) -> None:
    assert _inside_task.outer_task(image_to_video(), context_of(ti, task=running)) == outer


def test_a_task_of_the_dag_is_its_own(ti: TaskInstance) -> None:
    operator = image_to_video()
    assert _inside_task.outer_task(operator, context_of(ti, task=operator)) is None
    assert _inside_task.outer_task(operator, context_of(ti, task=image_to_video())) is None


def test_a_deferrable_call_inside_a_task_waits_in_the_worker(
    inside: Any, kling_emulator: Emulator, log_lines: LogLines
) -> None:
    result = image_to_video(deferrable=True).execute(inside)
    assert result["status"] == "succeed"
    assert log_lines("deferrable=True has no effect inside task make_films")
    assert len(kling_emulator.jobs) == 1


def test_a_task_of_the_dag_still_defers(ti: TaskInstance, slow_emulator: Emulator) -> None:
    operator = image_to_video(deferrable=True)
    with pytest.raises(TaskDeferred):
        operator.execute(context_of(ti, task=operator))


@pytest.mark.usefixtures("quick_slots")
def test_it_waits_for_a_slot_in_place(inside: Any, kling_emulator: Emulator) -> None:
    kling_emulator.faults.set({"slots_taken": 2})
    assert image_to_video(deferrable=True).execute(inside)["status"] == "succeed"
    assert len(kling_emulator.jobs) == 1


def test_a_sensor_inside_a_task_waits_in_the_worker(
    inside: Any, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    created = run(image_to_video(wait_for_completion=False), TaskInstance())
    sensor = KlingTaskSensor(
        task_id="wait",
        endpoint="videos/image2video",
        kling_task_id=created["task_id"],
        deferrable=True,
        poll_interval=0.2,
    )
    assert sensor.execute(inside)["status"] == "succeed"


def test_calls_that_differ_make_a_job_each(
    inside: Any, kling_emulator: Emulator, log_lines: LogLines
) -> None:
    results = [image_to_video(prompt=prompt).execute(inside) for prompt in ("rain", "snow")]
    assert len({result["task_id"] for result in results}) == len(kling_emulator.jobs) == 2
    assert log_lines(REPEATED) == []


def test_equal_calls_return_one_job_with_a_warning(
    inside: Any, kling_emulator: Emulator, log_lines: LogLines
) -> None:
    results = [image_to_video(prompt="rain").execute(inside) for _ in range(3)]
    assert len({result["task_id"] for result in results}) == len(kling_emulator.jobs) == 1
    lines = log_lines(REPEATED)
    assert len(lines) == 2
    assert f"the same job {results[0]['task_id']}" in lines[0]


def test_external_task_ids_make_equal_calls_different(
    inside: Any, kling_emulator: Emulator, log_lines: LogLines
) -> None:
    for number in range(2):
        image_to_video(prompt="rain", external_task_id=f"take-{number}").execute(inside)
    assert len(kling_emulator.jobs) == 2
    assert log_lines(REPEATED) == []


def test_a_retry_of_the_function_reports_nothing_of_the_try_before(
    inside: Any, ti: TaskInstance, kling_emulator: Emulator, log_lines: LogLines
) -> None:
    image_to_video(prompt="rain").execute(inside)
    image_to_video(prompt="rain").execute({**inside, "ti": ti.retried()})
    assert len(kling_emulator.jobs) == 1
    assert log_lines(REPEATED) == []


@pytest.mark.parametrize(
    "arguments",
    [
        {"prompt": "rain over {{ params.town }}"},
        {"output_path": "/tmp/films/{{ ds }}"},
        {"extra_body": {"callback": ["{{ ds }}"]}},
        {"max_units": "{{ 3 }}"},
        {"image": Path("/tmp/{{ ds }}.png")},
    ],
    ids=lambda arguments: next(iter(arguments)),
)
def test_what_is_not_rendered_is_refused_before_anything_is_paid(
    inside: Any, kling_emulator: Emulator, arguments: dict[str, Any]
) -> None:
    (name,) = arguments
    with pytest.raises(KlingRequestInvalid, match=f"Invalid value for '{name}': it is not rendered"):
        image_to_video(**arguments).execute(inside)
    assert not kling_emulator.jobs


def test_the_output_of_another_task_is_refused(inside: Any, kling_emulator: Emulator) -> None:
    with DAG("other", schedule=None):
        output = image_to_video(task_id="earlier").output
    with pytest.raises(KlingRequestInvalid, match="Invalid value for 'prompt': it is not rendered"):
        image_to_video(prompt=output["words"]).execute(inside)
    assert not kling_emulator.jobs


def test_what_was_rendered_by_hand_is_sent(inside: Any, kling_emulator: Emulator) -> None:
    operator = image_to_video(prompt="rain over {{ town }}")
    operator.render_template_fields({**inside, "town": "Bergen"})
    operator.execute(inside)
    (job,) = kling_emulator.jobs
    assert job.body["prompt"] == "rain over Bergen"


class TestWithoutXComs:
    """``do_xcom_push=False``: a manifest says all the same what was asked for, and by which task."""

    @pytest.fixture
    def deferred(self, ti: TaskInstance, slow_emulator: Emulator, tmp_path: Path) -> TaskDeferred:
        """A task that waits in the triggerer."""
        with pytest.raises(TaskDeferred) as deferral:
            self.operator(tmp_path).execute(context_of(ti))
        slow_emulator.advance(3600)
        assert not ti.xcoms
        return deferral.value

    @staticmethod
    def operator(tmp_path: Path) -> KlingImageToVideoOperator:
        """The operator as each worker creates it from the DAG file."""
        return image_to_video(
            deferrable=True, do_xcom_push=False, prompt="rain", output_path=str(tmp_path / "out")
        )

    @pytest.mark.parametrize("dropped", [False, True], ids=["real worker", "dag.test()"])
    def test_the_next_worker_knows_it(
        self, ti: TaskInstance, tmp_path: Path, deferred: TaskDeferred, dropped: bool
    ) -> None:
        event = {"status": "succeed", "task_id": deferred.trigger.serialize()[1]["kling_task_id"]}
        kwargs = {} if dropped else json.loads(json.dumps(deferred.kwargs))
        next_worker = getattr(self.operator(tmp_path), deferred.method_name)
        result = next_worker(context_of(ti), event=event, **kwargs)
        assert not ti.xcoms
        (file,) = (tmp_path / "out").glob("*/manifest.json")
        manifest = json.loads(file.read_text())
        assert manifest["request"]["prompt"] == "rain"
        assert manifest["request"]["fingerprint"]
        assert manifest["external_task_id"] == result["external_task_id"]
        assert {"dag_id": "films", "task_id": "film", "map_index": -1}.items() <= manifest["airflow"].items()

    def test_a_clear_that_attaches_finds_the_stored_request(
        self, ti: TaskInstance, slow_emulator: Emulator, tmp_path: Path
    ) -> None:
        """Its key counts no clears; the input is gone, so the request cannot be made again either."""
        image, store = tmp_path / "boat.png", Store()
        Image.new("RGB", (600, 400)).save(image)
        cleared = ti.cleared()

        def operator() -> KlingImageToVideoOperator:
            arguments = {"image": str(image), "prompt": "rain", "output_path": str(tmp_path / "out")}
            return image_to_video(deferrable=True, do_xcom_push=False, on_clear="attach", **arguments)

        with pytest.raises(TaskDeferred) as deferral:
            operator().execute(context_of(cleared, task_state_store=store))
        slow_emulator.advance(3600)
        image.unlink()
        event = {"status": "succeed", "task_id": deferral.value.trigger.serialize()[1]["kling_task_id"]}
        operator().complete_with_facts(context_of(cleared, task_state_store=store), event)
        (file,) = (tmp_path / "out").glob("*/manifest.json")
        assert json.loads(file.read_text())["request"]["prompt"] == "rain"

    def test_a_method_of_the_users_class_is_still_called(
        self, ti: TaskInstance, tmp_path: Path, deferred: TaskDeferred
    ) -> None:
        class Own(KlingImageToVideoOperator):
            def execute_complete(self, context: Any, event: Any) -> Any:
                return super().execute_complete(context, event)["videos"][0]["path"]

        event = {"status": "succeed", "task_id": deferred.trigger.serialize()[1]["kling_task_id"]}
        own = Own(task_id="film", image=IMAGE_URL, do_xcom_push=False, output_path=str(tmp_path / "out"))
        path = getattr(own, deferred.method_name)(context_of(ti), event=event, **deferred.kwargs or {})
        assert path.endswith("0-video.mp4")


def test_a_task_with_xcoms_defers_as_before(ti: TaskInstance, slow_emulator: Emulator) -> None:
    with pytest.raises(TaskDeferred) as deferral:
        image_to_video(deferrable=True).execute(context_of(ti))
    assert deferral.value.method_name == "execute_complete"
    assert not deferral.value.kwargs

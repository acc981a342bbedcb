# SPDX-License-Identifier: Apache-2.0
"""Templates that come to nothing, and jobs that would cost too much, are stopped before anything is paid."""

from __future__ import annotations

import warnings
from typing import Any

import numpy
import pytest

from airflow_provider_kling.emulator import Emulator
from airflow_provider_kling.exceptions import KlingRequestInvalid
from airflow_provider_kling.operators.vanished import vanished
from airflow_provider_kling.operators.video import (
    KlingImageToVideoOperator,
    KlingMultiImageToVideoOperator,
    KlingTextToVideoOperator,
    KlingVideoEffectsOperator,
)
from tests.operators.conftest import TaskInstance, context_of

pytestmark = pytest.mark.usefixtures("airflow_database")

NOBODY = "{{ nobody }}"


class Log:
    """Keeps warnings: Airflow 3 writes a task's log past the handlers of logging."""

    def __init__(self, told: list[str]) -> None:
        self._told = told

    def warning(self, text: str, *values: Any) -> None:
        self._told.append(text % values)

    def info(self, *_: Any) -> None:
        """Leave out what is no warning."""


def run(operator: Any, ti: TaskInstance, **values: Any) -> Any:
    operator.render_template_fields(values)
    return operator.execute(context_of(ti))


@pytest.mark.parametrize(
    "fields", [{"prompt": "{{ none }}"}, {"prompt": "a boat", "negative_prompt": "{{ none }}"}]
)
def test_the_word_none_is_no_prompt(fields: Any, kling_emulator: Emulator, ti: TaskInstance) -> None:
    operator = KlingTextToVideoOperator(task_id="film", poll_interval=0.2, **fields)
    with pytest.raises(
        KlingRequestInvalid, match=r"prompt is 'None' after rendering: \{\{ none \}\} has no value"
    ):
        run(operator, ti)
    assert not kling_emulator.jobs


def test_results_are_kept_or_nothing_is_made(kling_emulator: Emulator, ti: TaskInstance) -> None:
    operator = KlingTextToVideoOperator(task_id="film", prompt="a boat", output_path="{{ where }}")
    with pytest.raises(KlingRequestInvalid, match="output_path is '' after rendering") as caught:
        run(operator, ti, where="")
    assert "No job was made and nothing is charged" in str(caught.value)
    assert not kling_emulator.jobs


def test_a_limit_that_is_lost_is_no_permission(kling_emulator: Emulator, ti: TaskInstance) -> None:
    operator = KlingTextToVideoOperator(task_id="film", prompt="a boat", max_units="{{ most }}")
    with pytest.raises(KlingRequestInvalid, match="max_units is '' after rendering"):
        run(operator, ti, most="")
    assert not kling_emulator.jobs


def test_a_field_may_be_left_out_so_but_not_silently(
    kling_emulator: Emulator, ti: TaskInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = KlingTextToVideoOperator(
        task_id="film", prompt="a boat", negative_prompt="{{ avoid }}", wait_for_completion=False
    )
    told: list[str] = []
    monkeypatch.setattr(type(operator), "log", Log(told))
    run(operator, ti, avoid="")
    assert "negative_prompt" not in kling_emulator.jobs[0].body
    assert "negative_prompt is '' after rendering: {{ avoid }} has no value, so it is not sent" in told


def test_what_has_a_value_or_was_no_template_has_not_vanished() -> None:
    given = {"prompt": "{{ words }}", "image": None, "mode": "", "image_list": [{"image": "{{ x }}"}]}
    assert vanished(given, {**given, "prompt": "a boat"}) == []
    # An array compares with each of its items, and is neither true nor false.
    assert vanished(given, {**given, "image_list": numpy.array(["", "a"])}) == []
    (lost,) = vanished(given, {**given, "image_list": None})
    assert (lost.name, lost.fatal) == ("image_list", False)


@pytest.mark.parametrize("most", ["2.9", 2, "{{ most }}"])
def test_what_would_cost_too_much_is_not_made(most: Any, kling_emulator: Emulator, ti: TaskInstance) -> None:
    operator = KlingTextToVideoOperator(task_id="film", prompt="a boat", max_units=most)
    with pytest.raises(KlingRequestInvalid, match=r"would cost about 3\.0 units, more than max_units=2"):
        run(operator, ti, most=2.5)
    assert not kling_emulator.jobs


def test_what_costs_as_much_as_allowed_is_made(kling_emulator: Emulator, ti: TaskInstance) -> None:
    operator = KlingTextToVideoOperator(
        task_id="film", prompt="a boat", max_units=3, wait_for_completion=False
    )
    run(operator, ti)
    assert len(kling_emulator.jobs) == 1


def test_what_nobody_knows_the_price_of_cannot_be_held_to_one(
    kling_emulator: Emulator, ti: TaskInstance
) -> None:
    picture = "https://example.com/a.png"
    operator = KlingVideoEffectsOperator(
        task_id="film", effect_scene="squish", input={"image": picture}, max_units=100
    )
    with pytest.raises(KlingRequestInvalid, match="what this job costs cannot be known"):
        run(operator, ti)
    assert not kling_emulator.jobs


@pytest.mark.parametrize("most", [-1, "many", "NaN"])
def test_what_a_limit_must_be(most: Any) -> None:
    with pytest.raises(KlingRequestInvalid, match=r"max_units=.* is refused: must be a number of units"):
        KlingTextToVideoOperator(task_id="film", prompt="a boat", max_units=most)


def test_a_retired_model_is_told_when_the_dag_is_parsed() -> None:
    words = r"Task 'film': model_name 'kling-v1-6' was retired .* instead: kling-v3"
    with pytest.warns(FutureWarning, match=words):
        KlingTextToVideoOperator(task_id="film", prompt="a boat", model_name="kling-v1-6")


def test_others_are_not() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        KlingTextToVideoOperator(task_id="film", prompt="a boat")
        KlingTextToVideoOperator(task_id="any", prompt="a boat", model_name="{{ params.model }}")
        KlingImageToVideoOperator(task_id="new", image="https://example.com/a.png", model_name="kling-v9")
        # Kling has no other model there; a gateway may.
        KlingMultiImageToVideoOperator(
            task_id="old", prompt="a", image_list=[{"image": "https://a.example/a.png"}]
        )

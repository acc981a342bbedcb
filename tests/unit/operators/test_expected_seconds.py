# SPDX-License-Identifier: Apache-2.0
"""The length that prices a job whose length is not in the request."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingRequestInvalid
from airflow_provider_kling.operators.base import KlingTaskOperator
from airflow_provider_kling.operators.video import KlingTextToVideoOperator
from airflow_provider_kling.operators.video2 import KlingMotionControl2Operator, KlingOmniVideo2Operator
from tests.unit.operators.conftest import TaskInstance, run

VIDEO, IMAGE_URL = "https://example.com/a.mp4", "https://example.com/a.png"


def moving(**arguments: Any) -> KlingMotionControl2Operator:
    return KlingMotionControl2Operator(
        task_id="film",
        image=IMAGE_URL,
        video=VIDEO,
        character_orientation="video",
        wait_for_completion=False,
        **arguments,
    )


@pytest.mark.parametrize("seconds", [4, "4", 4.2, "{{ length }}", timedelta(seconds=4)])
def test_it_prices_what_nothing_else_can(seconds: Any, kling_emulator: Emulator, ti: TaskInstance) -> None:
    operator = moving(expected_seconds=seconds, max_units=3.6)
    operator.render_template_fields({"length": "4"})
    run(operator, ti)
    assert len(kling_emulator.jobs) == 1
    assert ti.xcoms["request"]["estimate"] == "3.6"


def test_a_job_above_the_limit_is_not_submitted(kling_emulator: Emulator, ti: TaskInstance) -> None:
    with pytest.raises(KlingRequestInvalid, match=r"^Raise max_units=3 .*about 9\.0 units"):
        run(moving(expected_seconds=10, max_units=3), ti)
    assert not kling_emulator.jobs


@pytest.mark.parametrize("seconds", [None, "", "{{ length }}"])
def test_the_remedy_is_named_where_the_length_is_missing(
    seconds: Any, kling_emulator: Emulator, ti: TaskInstance
) -> None:
    operator = moving(expected_seconds=seconds, max_units=100)
    operator.render_template_fields({"length": ""})
    with pytest.raises(KlingRequestInvalid, match=r"^Give expected_seconds: .* before payment"):
        run(operator, ti)
    assert not kling_emulator.jobs


def test_what_is_priced_by_its_request_goes_by_that(kling_emulator: Emulator, ti: TaskInstance) -> None:
    one = KlingTextToVideoOperator(
        task_id="film", prompt="a boat", expected_seconds=100, max_units=3, wait_for_completion=False
    )
    run(one, ti)
    assert len(kling_emulator.jobs) == 1


def test_expected_seconds_prices_a_video_to_edit(kling_emulator: Emulator, ti: TaskInstance) -> None:
    edit = KlingOmniVideo2Operator(
        task_id="film", prompt="a boat", base_video=VIDEO, expected_seconds=8, max_units=7
    )
    with pytest.raises(KlingRequestInvalid, match=r"about 7\.2 units"):
        run(edit, ti)


@pytest.mark.parametrize("seconds", [0, -1, "long", True, "nan", "inf"])
def test_expected_seconds_must_be_a_length_of_time(seconds: Any) -> None:
    with pytest.raises(KlingRequestInvalid, match=r"'expected_seconds': .*; expected seconds"):
        moving(expected_seconds=seconds)


def test_it_is_templated_and_no_part_of_the_request() -> None:
    assert "expected_seconds" in KlingTaskOperator.template_fields
    assert "expected_seconds" not in moving(expected_seconds=4).request_values()

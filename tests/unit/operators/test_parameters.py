# SPDX-License-Identifier: Apache-2.0
"""Flags, numbers, endpoints and paths as YAML, Variables and templates deliver them."""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_kling.exceptions import KlingRequestInvalid
from airflow_provider_kling.operators._parameters import (
    read_endpoint,
    read_flag,
    read_number,
    read_path,
    read_seconds,
)
from airflow_provider_kling.operators.video import KlingTextToVideoOperator
from airflow_provider_kling.sensors.kling import KlingTaskSensor


@pytest.mark.parametrize(
    ("value", "right"),
    [
        (True, True),
        (False, False),
        (1, True),
        (0, False),
        ("true", True),
        ("True", True),
        (" false\n", False),
        ("False", False),
        ("no", False),
        ("off", False),
        ("0", False),
        ("1", True),
        ("yes", True),
    ],
)
def test_a_flag_is_read(value: Any, right: bool) -> None:
    assert read_flag("make", "regenerate", value) is right


@pytest.mark.parametrize("value", [None, "", "None", "perhaps", 2, 0.5, [], "{{ x }}", math.nan])
def test_what_is_no_flag_is_refused_by_name(value: Any) -> None:
    with pytest.raises(KlingRequestInvalid, match=r"'regenerate': .*; expected True"):
        read_flag("make", "regenerate", value)


@pytest.mark.parametrize(
    ("value", "right"),
    [(5, 5), ("5", 5), (" 2.5 ", 2.5), (Decimal("0.5"), 0.5), (timedelta(minutes=1), 60)],
)
def test_seconds_are_read(value: Any, right: float) -> None:
    assert read_seconds("make", "timeout", value) == right


@pytest.mark.parametrize("value", [None, "", "None", 0, -1, "-1", "nan", math.inf, "inf", True, "soon", [5]])
def test_what_is_no_length_of_time_is_refused_by_name(value: Any) -> None:
    with pytest.raises(KlingRequestInvalid, match=r"'timeout': .*; expected seconds, above 0"):
        read_seconds("make", "timeout", value)


def test_a_whole_number_has_no_fraction() -> None:
    assert read_number("make", "concurrency", "5.0", "whole", least=1, whole=True) == 5
    with pytest.raises(KlingRequestInvalid, match=r"'concurrency': '2.5'; expected whole"):
        read_number("make", "concurrency", "2.5", "whole", least=1, whole=True)


def test_an_unknown_endpoint_is_refused() -> None:
    assert read_endpoint("make", "endpoint", "videos/text2video").slug == "videos/text2video"
    for value in ("videos/nothing", None, "", 7, ["videos/text2video"]):
        with pytest.raises(KlingRequestInvalid, match=r"'endpoint': .*; expected "):
            read_endpoint("make", "endpoint", value)


@pytest.mark.parametrize("value", ["/data", "s3://b/x", "file:///x", "~/x", "s3://conn@bucket"])
def test_an_absolute_path_is_taken(value: Any) -> None:
    assert read_path("make", "output_path", value) == value


@pytest.mark.parametrize(
    "value", [None, "", " ", "None", "\n None\n", "./None", "/data/None", "out", "./out", "../x"]
)
def test_a_path_that_names_no_certain_folder_is_refused(value: Any) -> None:
    with pytest.raises(KlingRequestInvalid, match=r"'output_path': .*; expected "):
        read_path("make", "output_path", value)


@pytest.mark.parametrize("name", ["deferrable", "wait_for_completion", "end_from_trigger"])
def test_flags_of_job_operators_are_read_from_text(name: str) -> None:
    made = KlingTextToVideoOperator(task_id="make", prompt="a boat", **{name: "false"})
    assert getattr(made, name) is False
    with pytest.raises(KlingRequestInvalid, match=rf"'{name}': 'perhaps'; expected "):
        KlingTextToVideoOperator(task_id="make", prompt="a boat", **{name: "perhaps"})


def test_numbers_and_flags_of_the_sensor_are_read_from_text() -> None:
    common = {"task_id": "wait", "endpoint": "videos/text2video", "kling_task_id": "1"}
    made = KlingTaskSensor(
        **common, deferrable="false", end_from_trigger="no", poll_interval="3", timeout="60"
    )
    assert (made.deferrable, made.end_from_trigger, made.poke_interval, made.timeout) == (False, False, 3, 60)
    for name in ("deferrable", "end_from_trigger", "poll_interval", "timeout"):
        with pytest.raises(KlingRequestInvalid, match=rf"'{name}': 'perhaps'; expected "):
            KlingTaskSensor(**{**common, name: "perhaps"})


@pytest.mark.parametrize("name", ["timeout", "poll_interval"])
def test_seconds_of_job_operators_that_are_no_number_are_refused(name: str) -> None:
    with pytest.raises(KlingRequestInvalid, match=rf"'{name}': '60'; expected seconds"):
        KlingTextToVideoOperator(task_id="make", prompt="a boat", **{name: "60"})

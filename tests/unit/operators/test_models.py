# SPDX-License-Identifier: Apache-2.0
"""A model that the operator's endpoint does not have is named while the DAG is parsed, with what to write."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from airflow_provider_kling.exceptions import KlingRequestInvalid
from airflow_provider_kling.operators.video import (
    KlingImageToVideoOperator,
    KlingMultiImageToVideoOperator,
    KlingOmniVideoOperator,
    KlingTextToVideoOperator,
)

URL = "https://a.example/a.png"


@pytest.mark.parametrize(
    ("operator", "values", "expected_text"),
    [
        (KlingTextToVideoOperator, {"model_name": "kling-3.0-turbo"}, "use KlingTextToVideo2Operator ("),
        (
            KlingTextToVideoOperator,
            {"model_name": "kling-3.0"},
            "write 'kling-v3', or use KlingTextToVideo2Operator (",
        ),
        (
            KlingImageToVideoOperator,
            {"model_name": "kling-3.0-turbo", "image": URL},
            "use KlingImageToVideo2Operator (",
        ),
        (
            KlingOmniVideoOperator,
            {"model_name": "kling-o1"},
            "write 'kling-video-o1', or use KlingOmniVideo2Operator (",
        ),
        (
            KlingMultiImageToVideoOperator,
            {"model_name": "kling-3.0-turbo", "image_list": [{"image": URL}]},
            "use KlingTextToVideo2Operator or KlingImageToVideo2Operator (",
        ),
    ],
    ids=["turbo", "named in v1", "picture", "omni", "no such endpoint"],
)
def test_a_model_of_api_2_is_refused_at_parse(
    operator: Any, values: dict[str, Any], expected_text: str
) -> None:
    with pytest.raises(KlingRequestInvalid) as caught:
        operator(task_id="film", prompt="a boat", **values)
    text = str(caught.value)
    assert f"model_name {values['model_name']!r} is not in v1: {expected_text}" in text
    assert "No job was made" in text


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("kling-v2.6", "kling-v2-6"),
        ("kling-v26", "kling-v2-6"),
        ("Kling-V3", "kling-v3"),
        ("kilng-v3", "kling-v3"),
        ("kling-v2-5-trubo", "kling-v2-5-turbo"),
    ],
)
def test_a_misspelled_model_is_reported(name: str, suggestion: str) -> None:
    with pytest.warns(UserWarning, match=f"model_name '{name}' is unknown.*; did you mean '{suggestion}'"):
        KlingTextToVideoOperator(task_id="film", prompt="a boat", model_name=name)


@pytest.mark.parametrize("name", ["kling-v4", "kling-v3-5", "kling-v9-turbo"])
def test_a_model_of_tomorrow_is_no_slip(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        KlingTextToVideoOperator(task_id="film", prompt="a boat", model_name=name)


def test_a_retired_model_names_what_to_write_instead() -> None:
    with pytest.warns(FutureWarning) as report:
        KlingTextToVideoOperator(task_id="film", prompt="a boat", model_name="kling-v1")
    assert "model_name 'kling-v1' was retired by Kling, use instead: kling-v3" in str(report[0].message)[:90]

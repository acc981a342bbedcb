# SPDX-License-Identifier: Apache-2.0
"""A value of a wrong type is rejected with a text for DAG authors, not with that of a library."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.api.validation_errors import format_validation_error

VALUES = {"images/generations": {"prompt": "x"}, "images/omni-image": {"prompt": "x"}, "audio/tts": {}}

CASES: list[tuple[str, dict[str, Any], str]] = [
    (
        "images/generations",
        {"n": "many"},
        "Invalid value for 'n': 'many'; expected a whole number from 1 to 9",
    ),
    ("images/generations", {"n": 2.5}, "Invalid value for 'n': 2.5; expected a whole number from 1 to 9"),
    ("images/generations", {"n": [2]}, "Invalid value for 'n': [2]; expected a whole number from 1 to 9"),
    (
        "images/generations",
        {"image_fidelity": "much"},
        "'image_fidelity': 'much'; expected a number from 0 to 1",
    ),
    ("images/generations", {"prompt": True}, "Invalid value for 'prompt': True; expected text"),
    ("images/generations", {"element_list": "12"}, "Invalid value for 'element_list': '12'; expected a list"),
    (
        "images/generations",
        {"element_list": ["12"]},
        "Invalid value for 'element_list[0]': '12'; expected an object such as {'element_id': …}",
    ),
    (
        "images/generations",
        {"element_list": [{"element_id": "Anna"}]},
        "Invalid value for 'element_list[0].element_id': 'Anna'; expected a whole number, 0 or more",
    ),
    (
        "images/omni-image",
        {"series_amount": "many"},
        "Invalid value for 'series_amount': 'many'; expected a whole number from 2 to 9 or 'auto'",
    ),
    ("videos/text2video", {"multi_shot": "perhaps"}, "'multi_shot': 'perhaps'; expected True or False"),
    ("videos/text2video", {"camera_control": "left"}, "expected an object such as {'type': …}"),
    (
        "videos/text2video",
        {"multi_prompt": ["a"]},
        "expected an object such as {'index': …, 'prompt': …, 'duration': …}",
    ),
    (
        "videos/text2video",
        {"camera_control": {"type": "simple", "config": 1}},
        "Invalid value for 'camera_control.config': 1; expected an object such as {'horizontal': …}",
    ),
    (
        "videos/image2video",
        {"dynamic_masks": [{"mask": "m", "trajectories": [{"x": "a", "y": 1}, {"x": 1, "y": 1}]}]},
        "Invalid value for 'dynamic_masks[0].trajectories[0].x': 'a'; expected a whole number",
    ),
]


def fault(slug: str, values: dict[str, Any]) -> str:
    model = ENDPOINTS[slug].request
    with pytest.raises(ValidationError) as refused:
        model.model_validate({**VALUES.get(slug, {}), **values})
    return format_validation_error(slug, refused.value, model)


@pytest.mark.parametrize(("slug", "values", "expected_text"), CASES, ids=lambda each: str(each)[:40])
def test_it_reports_what_the_field_takes(slug: str, values: dict[str, Any], expected_text: str) -> None:
    text = fault(slug, values)
    assert expected_text in text
    assert "valid " not in text.removeprefix("Invalid ")
    assert "instance of" not in text


def test_a_violation_of_an_unknown_model_is_reported_without_its_range() -> None:
    with pytest.raises(ValidationError) as refused:
        ENDPOINTS["images/generations"].request.model_validate({"prompt": "x", "n": "many"})
    assert (
        format_validation_error("x", refused.value)
        == "Invalid value for 'n': 'many'; expected a whole number (x)."
    )

# SPDX-License-Identifier: Apache-2.0
"""A value of the wrong kind is refused in the words of whoever wrote it, not in those of a library."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.api.explain import explain

GIVEN = {"images/generations": {"prompt": "x"}, "images/omni-image": {"prompt": "x"}, "audio/tts": {}}

CASES: list[tuple[str, dict[str, Any], str]] = [
    ("images/generations", {"n": "many"}, "n='many' is refused: must be a whole number from 1 to 9"),
    ("images/generations", {"n": 2.5}, "n=2.5 is refused: must be a whole number from 1 to 9"),
    ("images/generations", {"n": [2]}, "n=[2] is refused: must be a whole number from 1 to 9"),
    ("images/generations", {"image_fidelity": "much"}, "='much' is refused: must be a number from 0 to 1"),
    ("images/generations", {"prompt": 3}, "prompt=3 is refused: must be text"),
    ("images/generations", {"element_list": "12"}, "element_list='12' is refused: must be a list"),
    (
        "images/generations",
        {"element_list": ["12"]},
        "element_list[0]='12' is refused: must be an object such as {'element_id': …}",
    ),
    (
        "images/generations",
        {"element_list": [{"element_id": "Anna"}]},
        "element_list[0].element_id='Anna' is refused: must be a whole number, 0 or more",
    ),
    (
        "images/omni-image",
        {"series_amount": "many"},
        "series_amount='many' is refused: must be a whole number from 2 to 9, or must be 'auto'",
    ),
    ("videos/text2video", {"multi_shot": "perhaps"}, "='perhaps' is refused: must be True or False"),
    ("videos/text2video", {"camera_control": "left"}, "must be an object such as {'type': …}"),
    (
        "videos/text2video",
        {"multi_prompt": ["a"]},
        "must be an object such as {'index': …, 'prompt': …, 'duration': …}",
    ),
    (
        "videos/text2video",
        {"camera_control": {"type": "simple", "config": 1}},
        "camera_control.config=1 is refused: must be an object such as {'horizontal': …}",
    ),
    (
        "videos/image2video",
        {"dynamic_masks": [{"mask": "m", "trajectories": [{"x": "a", "y": 1}, {"x": 1, "y": 1}]}]},
        "dynamic_masks[0].trajectories[0].x='a' is refused: must be a whole number.",
    ),
]


def fault(slug: str, values: dict[str, Any]) -> str:
    model = ENDPOINTS[slug].request
    with pytest.raises(ValidationError) as refused:
        model.model_validate({**GIVEN.get(slug, {}), **values})
    return explain(slug, refused.value, model)


@pytest.mark.parametrize(("slug", "values", "words"), CASES, ids=lambda each: str(each)[:40])
def test_it_says_what_the_field_takes(slug: str, values: dict[str, Any], words: str) -> None:
    text = fault(slug, values)
    assert words in text
    assert "valid" not in text
    assert "instance of" not in text


def test_a_fault_of_an_unknown_model_is_told_without_its_range() -> None:
    with pytest.raises(ValidationError) as refused:
        ENDPOINTS["images/generations"].request.model_validate({"prompt": "x", "n": "many"})
    assert explain("x", refused.value) == "x: n='many' is refused: must be a whole number."

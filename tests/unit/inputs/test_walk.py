# SPDX-License-Identifier: Apache-2.0
"""Media are found wherever an endpoint takes them."""

from __future__ import annotations

import pytest

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.inputs.resolve import map_media_fields

FACE = {"face_id": "0", "sound_start_time": 0, "sound_end_time": 3000, "sound_insert_time": 0}
CASES = [
    ("videos/image2video", {"image": "a", "image_tail": "b"}, ["image", "image_tail"]),
    (
        "videos/multi-image2video",
        {"image_list": [{"image": "a"}, {"image": "b"}], "prompt": "p"},
        ["image_list[0].image", "image_list[1].image"],
    ),
    (
        "videos/effects",
        {"effect_scene": "hug", "input": {"images": ["a", "b"]}},
        ["input.images[0]", "input.images[1]"],
    ),
    ("videos/avatar/image2video", {"image": "a", "sound_file": "b"}, ["image", "sound_file"]),
    (
        "videos/advanced-lip-sync",
        {"session_id": "1", "face_choose": [{**FACE, "sound_file": "a"}]},
        ["face_choose[0].sound_file"],
    ),
    (
        "videos/omni-video",
        {
            "prompt": "p",
            "aspect_ratio": "1:1",
            "image_list": [{"image_url": "a"}],
            "video_list": [{"video_url": "b", "refer_type": "feature"}],
        },
        ["image_list[0].image_url", "video_list[0].video_url"],
    ),
    (
        "general/advanced-custom-elements",
        {
            "element_name": "n",
            "element_description": "d",
            "reference_type": "image_refer",
            "element_image_list": {"frontal_image": "a", "refer_images": [{"image_url": "b"}]},
        },
        ["element_image_list.frontal_image", "element_image_list.refer_images[0].image_url"],
    ),
]


@pytest.mark.parametrize(("slug", "values", "fields"), CASES, ids=[case[0] for case in CASES])
def test_media_are_found_and_replaced(slug, values, fields):
    request = ENDPOINTS[slug].request.model_validate(values)
    before = request.wire()
    found = []

    def change(item):
        found.append(item)
        return f"new-{item.value}"

    changed = map_media_fields(request, change)
    assert [item.field for item in found] == fields
    assert request.wire() == before
    assert str(changed.wire()) == _renamed(str(before), [item.value for item in found])


def _renamed(text: str, values: list[str]) -> str:
    for value in values:
        text = text.replace(f": '{value}'", f": 'new-{value}'").replace(f"['{value}'", f"['new-{value}'")
        text = text.replace(f", '{value}']", f", 'new-{value}']")
    return text

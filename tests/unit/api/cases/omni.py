# SPDX-License-Identifier: Apache-2.0
"""Bodies of omni-video."""

from __future__ import annotations

from typing import Any

from airflow_provider_kling.api.requests.omni_video import OmniVideo

from .common import IMAGE_URL, VIDEO, Accepted, Refused, shots

FIRST = {"image_url": IMAGE_URL, "type": "first_frame"}
END = {"image_url": IMAGE_URL, "type": "end_frame"}
REFERENCE = {"image_url": IMAGE_URL}
FEATURE = [{"video_url": VIDEO, "refer_type": "feature"}]
BASE = [{"video_url": VIDEO}]
V3 = "kling-v3-omni"


def omni(**values: Any) -> dict[str, Any]:
    return {"prompt": "they dance", "aspect_ratio": "16:9", **values}


def elements(count: int) -> list[dict[str, int]]:
    return [{"element_id": at} for at in range(1, count + 1)]


def _good(**values: Any) -> Accepted:
    return Accepted(OmniVideo, omni(**values))


def _bad(expected_text: str, **values: Any) -> Refused:
    return Refused(OmniVideo, omni(**values), expected_text)


ACCEPTED = [
    _good(),
    _good(duration="10", video_list=[], image_list=[], element_list=[]),
    _good(aspect_ratio=None, image_list=[FIRST]),
    _good(aspect_ratio=None, image_list=[FIRST, END], duration=7),
    _good(image_list=[REFERENCE] * 7, duration=3),
    _good(image_list=[REFERENCE] * 2, element_list=elements(2), video_list=FEATURE),
    _good(aspect_ratio="", video_list=[{**BASE[0], "refer_type": "base", "keep_original_sound": True}]),
    _good(model_name=V3, sound="on", mode="4k", duration="15"),
    _good(model_name=V3, multi_shot=True, shot_type="customize", multi_prompt=shots("2", 3), prompt=None),
    _good(model_name=V3, multi_shot=True, shot_type="intelligence", video_list=FEATURE),
    _good(model_name=V3, image_list=[FIRST, END], element_list=elements(3)),
    _good(element_list=elements(1), duration="4"),
    # duration is not used here.
    _good(video_list=BASE, duration="15"),
]

REFUSED = [
    _bad("prompt must be given", prompt=None),
    _bad("shot_type must be given", model_name=V3, multi_shot=True),
    _bad("only when multi_shot is true", model_name=V3, shot_type="intelligence"),
    _bad("1 to 6 shots", model_name=V3, multi_shot=True, shot_type="customize"),
    _bad("taken from it", model_name=V3, multi_shot=True, shot_type="intelligence", prompt=""),
    _bad("add up to 4 s", model_name=V3, multi_shot=True, shot_type="customize", multi_prompt=shots(4)),
    _bad("needs a first_frame", image_list=[END]),
    _bad("one first_frame", image_list=[FIRST, FIRST]),
    _bad("no other image", image_list=[FIRST, END, REFERENCE]),
    _bad("at most 7", image_list=[REFERENCE] * 8),
    _bad("7 entries together without", image_list=[REFERENCE] * 4, element_list=elements(4)),
    _bad("4 entries together with", image_list=[REFERENCE] * 5, video_list=FEATURE),
    _bad("3 elements", model_name=V3, image_list=[FIRST], element_list=elements(4)),
    _bad("sound must be off", model_name=V3, sound="on", video_list=FEATURE),
    _bad("no first_frame or end_frame", video_list=BASE, image_list=[FIRST]),
    _bad(
        "multi_shot cannot be used", model_name=V3, video_list=BASE, multi_shot=True, shot_type="intelligence"
    ),
    _bad(
        "shot_type must be intelligence",
        model_name=V3,
        video_list=FEATURE,
        multi_shot=True,
        shot_type="customize",
        multi_prompt=shots(5),
    ),
    _bad("aspect_ratio must be given", aspect_ratio=None),
    _bad("aspect_ratio must be given", aspect_ratio=None, video_list=FEATURE),
    _bad("5 or 10 s", duration="6"),
    _bad("5 or 10 s", duration="6", image_list=[FIRST]),
    _bad("end_frame", image_list=[FIRST, END], element_list=elements(1)),
    _bad("accepts mode std or pro", mode="4k"),
    _bad("accepts duration 3 to 10", duration="11", image_list=[REFERENCE]),
    _bad("accepts duration 3 to 10", duration="15", video_list=FEATURE),
    _bad("cannot use sound='on'; sound='on' is possible with kling-v3-omni", sound="on"),
    _bad("cannot use multi_shot", multi_shot=True, shot_type="intelligence"),
    _bad("at most 1", video_list=FEATURE * 2),
    _bad("required", video_list=[{"refer_type": "feature"}]),
    _bad("first_frame", image_list=[{**REFERENCE, "type": "last_frame"}]),
    _bad("aspect_ratio", aspect_ratio="4:3"),
]

# SPDX-License-Identifier: Apache-2.0
"""The pages of API 2.0. Models stand in the path there, and contents are flat fields of the models."""

from __future__ import annotations

from .common import FILM, IMAGE_URL, MARKED, NEEDED_IMAGE, Body, Field, Page, Rule

_TURBO = {"model_name": "kling-3.0-turbo"}
_V3 = {"model_name": "kling-3.0"}
_V26 = {"model_name": "kling-2.6"}
_V25 = {"model_name": "kling-2.5-turbo"}
_OMNI = {"model_name": "kling-3.0-omni"}
_MODELS = Field(values=("kling-3.0-turbo", "kling-3.0", "kling-2.6", "kling-2.5-turbo"), closed=False)
_RATIOS = Field(values=("16:9", "9:16", "1:1"))
_THREE_TO_15 = Field(values=tuple(range(3, 16)), given=_V3)
_RESOLUTION = Field(values=("720p", "1080p", "4k"), given=_V3)


def _each(*bodies: Body, **more: object) -> tuple[Body, ...]:
    return tuple({**body, **more} for body in bodies)


_SETTINGS = (
    Rule(
        "3.0 Turbo makes 3 to 15 s in 720p and 1080p",
        refused=({**_TURBO, "resolution": "4k"}, {**_TURBO, "duration": 2}, {**_TURBO, "duration": 16}),
        accepted=({**_TURBO, "resolution": "1080p", "duration": 15},),
    ),
    Rule(
        "2.6 and 2.5 Turbo make 5 or 10 s in 720p and 1080p",
        refused=(*_each(_V26, _V25, duration=7), *_each(_V26, _V25, resolution="4k")),
        accepted=(*_each(_V26, _V25, duration=10, resolution="1080p"),),
    ),
    Rule(
        "2.6 has native audio in 1080p only",
        refused=({**_V26, "audio": "native", "resolution": "720p"},),
        accepted=({**_V26, "audio": "native", "resolution": "1080p"},),
    ),
    Rule("2.5 Turbo has no audio", refused=({**_V25, "audio": "native"},)),
)

VIDEO_V2 = (
    Page(
        "API 2.0, Text to Video",
        "text-to-video",
        {"prompt": "A boat"},
        {
            **MARKED,
            "model_name": _MODELS,
            "prompt": Field(required=True, longest=3072, given=_V3),
            "duration": _THREE_TO_15,
            "aspect_ratio": _RATIOS,
            "resolution": _RESOLUTION,
            "audio": Field(values=("native", "off"), given=_V3),
            "multi_shot": Field(values=(True, False), closed=False, given=_V3),
        },
        (
            *_SETTINGS,
            Rule(
                "3.0 Turbo takes prompts of 3,072 characters",
                refused=({**_TURBO, "prompt": "x" * 3073},),
                accepted=({**_TURBO, "prompt": "x" * 3072},),
            ),
        ),
    ),
    Page(
        "API 2.0, Image to Video",
        "image-to-video",
        {"first_frame": IMAGE_URL, "prompt": "A boat"},
        {
            **MARKED,
            "model_name": _MODELS,
            "first_frame": NEEDED_IMAGE,
            "last_frame": Field(values=(IMAGE_URL,), closed=False, given=_V3),
            "prompt": Field(longest=2500),
            "elements": Field(most=3, item={"element_id": "1", "id": "mug"}, given=_V3),
            "voices": Field(
                most=2,
                item={"voice_id": "1", "id": "ann"},
                given={**_V26, "audio": "native", "resolution": "1080p", "prompt": "@ann0 and @ann1 sing"},
            ),
            "duration": _THREE_TO_15,
            "resolution": _RESOLUTION,
            "audio": Field(values=("native", "off"), given=_V3),
            "multi_shot": Field(values=(True, False), closed=False, given=_V3),
        },
        (
            *_SETTINGS,
            Rule(
                "3.0 Turbo takes prompts of 2,500 characters here",
                refused=({**_TURBO, "prompt": "x" * 2501},),
                accepted=({**_TURBO, "prompt": "x" * 2500},),
            ),
            Rule("3.0 Turbo takes a first frame only", refused=({**_TURBO, "last_frame": IMAGE_URL},)),
            Rule(
                "2.6 and 2.5 Turbo take a last frame in 1080p",
                refused=_each(_V26, _V25, last_frame=IMAGE_URL, resolution="720p"),
                accepted=_each(_V26, _V25, last_frame=IMAGE_URL, resolution="1080p"),
            ),
        ),
    ),
    Page(
        "API 2.0, Omni Video",
        "omni-video",
        {"prompt": "A boat", "aspect_ratio": "16:9"},
        {
            **MARKED,
            "model_name": Field(values=("kling-3.0-omni", "kling-o1"), closed=False),
            "prompt": Field(longest=3072, given=_OMNI),
            "first_frame": Field(values=(IMAGE_URL,), closed=False),
            "last_frame": Field(values=(IMAGE_URL,), closed=False, given={"first_frame": IMAGE_URL}),
            "refer_images": Field(most=7, item=IMAGE_URL),
            "feature_video": Field(values=(FILM,), closed=False),
            "base_video": Field(values=(FILM,), closed=False),
            "elements": Field(most=7, item={"element_id": "1", "id": "mug"}, given=_OMNI),
            "duration": Field(values=tuple(range(3, 16)), given=_OMNI),
            "aspect_ratio": _RATIOS,
            "resolution": Field(values=("720p", "1080p", "4k"), given=_OMNI),
            "audio": Field(values=("native", "off"), given=_OMNI),
            "multi_shot": Field(values=(True, False), closed=False, given=_OMNI),
        },
        (
            Rule(
                "o1 makes 3 to 10 s, no 4k, no native audio",
                refused=(
                    {"model_name": "kling-o1", "duration": 11},
                    {"model_name": "kling-o1", "resolution": "4k"},
                    {"model_name": "kling-o1", "audio": "native"},
                ),
                accepted=({"model_name": "kling-o1", "duration": 10, "resolution": "1080p"},),
            ),
            Rule(
                "with a reference video there is no native audio",
                refused=({**_OMNI, "feature_video": FILM, "audio": "native"},),
                accepted=({**_OMNI, "feature_video": FILM, "audio": "off"},),
            ),
            Rule(
                "with a video to edit there are no frames and no native audio",
                refused=(
                    {**_OMNI, "base_video": FILM, "first_frame": IMAGE_URL},
                    {**_OMNI, "base_video": FILM, "audio": "native"},
                    {**_OMNI, "base_video": FILM, "feature_video": FILM},
                ),
                accepted=({**_OMNI, "base_video": FILM, "audio": "original"},),
            ),
            Rule("a last frame needs a first one", refused=({**_OMNI, "last_frame": IMAGE_URL},)),
        ),
    ),
    Page(
        "API 2.0, Motion Control",
        "motion-control",
        {"image": IMAGE_URL, "video": FILM, "character_orientation": "video"},
        {
            **MARKED,
            "model_name": Field(values=("kling-3.0", "kling-2.6"), closed=False),
            "image": NEEDED_IMAGE,
            "video": Field(required=True, values=(FILM,), closed=False),
            "character_orientation": Field(required=True, values=("image", "video")),
            "prompt": Field(longest=2500),
            "elements": Field(most=1, item={"element_id": "1", "id": "mug"}, given=_V3),
            "resolution": Field(values=("720p", "1080p")),
            "audio": Field(values=("original", "off")),
        },
    ),
)

# SPDX-License-Identifier: Apache-2.0
"""The limits of every image, audio and video field, against those of the vendor's pages."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any, get_args

import pytest
from PIL import Image

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.api.requests.field_types import MediaConstraints
from airflow_provider_kling.api.requests.video_editing import InitSelection
from airflow_provider_kling.inputs.media_header import VideoInfo, video_warnings
from airflow_provider_kling.inputs.media_inspection import InvalidMediaError, inspect_media

MEGABYTE = 1024 * 1024
JPG_PNG, WEBP = ("jpg", "jpeg", "png"), ("jpg", "jpeg", "png", "webp")
SPOKEN = ("mp3", "wav", "m4a", "aac")

# "jpg / jpeg / png, not larger than 10 MB, sides not less than 300 px, ratio 1:2.5 to 2.5:1"
COMMON = MediaConstraints(
    "image", formats=JPG_PNG, max_bytes=10 * MEGABYTE, min_side=300, ratio=(1 / 2.5, 2.5)
)
# API 2.0: the same with 50 MB.
LARGE = replace(COMMON, max_bytes=50 * MEGABYTE)
SOLUTION = replace(LARGE, formats=WEBP)
# "longest side not above 2048 px, short side greater than 300 px, at most 10 MB"; URLs only.
TRY_ON = replace(COMMON, inline=False, formats=WEBP, ratio=None, min_side=301, max_side=2048)
ANY_RATIO = replace(COMMON, ratio=None)


def video(shortest: float, longest: float, megabytes: int | None = 100, **more: Any) -> MediaConstraints:
    size = None if megabytes is None else megabytes * MEGABYTE
    known = {"formats": ("mp4", "mov"), "max_bytes": size, "seconds": (shortest, longest)}
    return MediaConstraints("video", inline=False, **{**known, **more})


def audio(seconds: tuple[float, float] | None = None, **more: Any) -> MediaConstraints:
    return MediaConstraints(
        "audio", **{"formats": SPOKEN, "max_bytes": 5 * MEGABYTE, "seconds": seconds, **more}
    )


# API 2.0: 3 to 15.5 s, 700 to 4553 px, area and ratio; the pages of v1 are narrower.
REFERENCE = video(
    *(3, 15.5, 200), min_side=700, max_side=4553, ratio=(0.4, 2), max_area=8_294_400, fps=(24, 60)
)
MOTION = video(3, 30, min_side=340, max_side=3850)
LIP_SYNC = video(2, 60, min_side=512, max_side=2160)
CONTAINERS = ("mp4", "mov", "mkv", "webm", "avi", "flv", "mpg", "ts")

LIMITS: dict[str, dict[str, MediaConstraints]] = {
    "audio/video-to-audio": {"video_url": video(3, 20)},
    "general/advanced-custom-elements": {
        "element_image_list.frontal_image": COMMON,
        "element_image_list.refer_images.image_url": COMMON,
        "element_video_list.refer_videos.video_url": video(
            *(3, 8, 200), min_side=1080, max_side=1920, ratios=((16, 9), (9, 16))
        ),
    },
    "general/ai-multi-shot": {"element_frontal_image": COMMON},
    "general/custom-voices": {
        "voice_url": audio((5, 30), inline=False, formats=("mp3", "wav", "mp4", "mov"), max_bytes=None)
    },
    "image-to-video": {"first_frame": LARGE, "last_frame": LARGE},
    "images/editing/expand": {"image": COMMON},
    "images/generations": {"image": COMMON},
    "images/kolors-virtual-try-on": {"human_image": ANY_RATIO, "cloth_image": ANY_RATIO},
    "images/multi-image2image": {
        "subject_image_list.subject_image": COMMON,
        "scene_image": COMMON,
        "style_image": COMMON,
    },
    "images/omni-image": {"image_list.image": COMMON},
    "motion-control": {"image": LARGE, "video": MOTION},
    "omni-video": {
        **dict.fromkeys(("first_frame", "last_frame", "refer_images"), LARGE),
        **dict.fromkeys(("first_frame.url", "last_frame.url", "refer_images.url"), LARGE),
        **dict.fromkeys(("feature_video", "base_video"), REFERENCE),
        **dict.fromkeys(("feature_video.url", "base_video.url"), REFERENCE),
    },
    "solutions/drama_subtitle": {"source_video": video(0, 300, 500, formats=CONTAINERS)},
    "solutions/e-commerce/clothing_dupe": {
        "source_video": video(
            *(5, 180), min_side=576, max_side=4553, ratio=(0.4, 2), max_area=8_294_400, fps=(24, 60)
        ),
        "product_image": SOLUTION,
        "model_image": SOLUTION,
        "bgm": audio(inline=False, formats=("mp3", "m4a", "wav", "wave"), max_bytes=50 * MEGABYTE),
    },
    "solutions/e-commerce/goods_studio": {"ref_image": SOLUTION},
    "solutions/talking_agent": {"avatar_image": SOLUTION, "ref_image": SOLUTION},
    "solutions/virtual_try_on": {"person_image": TRY_ON, "product_image": TRY_ON},
    "videos/advanced-lip-sync": {"face_choose.sound_file": audio((2, 60))},
    "videos/avatar": {"image": COMMON, "audio_url": audio((2, 300), inline=False)},
    "videos/avatar/image2video": {"image": COMMON, "sound_file": audio((2, 300))},
    "videos/effects": {"input.image": COMMON, "input.images": COMMON},
    "videos/identify-face": {"video_url": LIP_SYNC},
    "videos/image-recognize": {"image": COMMON},
    "videos/image2video": {
        "image": COMMON,
        "image_tail": ANY_RATIO,
        "static_mask": COMMON,
        "dynamic_masks.mask": COMMON,
    },
    "videos/lip-sync": {
        "video_url": LIP_SYNC,
        "audio_file": audio(url=False),
        "audio_url": audio(inline=False),
    },
    "videos/motion-control": {"image_url": COMMON, "video_url": MOTION},
    "videos/multi-elements": {"image_list.image": COMMON},
    "videos/multi-image2video": {
        "image_list.image": COMMON,
        "static_mask": COMMON,
        "dynamic_masks.mask": COMMON,
    },
    "videos/omni-video": {"image_list.image_url": COMMON, "video_list.video_url": REFERENCE},
    # "2-5 s or 7-10 s, 720-2160 px, 24, 30 or 60 fps"
    "init-selection": {
        "video_url": video(
            *(2, 10, None), min_side=720, max_side=2160, rates=(24, 30, 60), seconds_between=(5, 7)
        )
    },
}


def found(model: Any, path: str = "") -> Iterator[tuple[str, MediaConstraints]]:
    """Yield the media fields of a model, at any depth."""
    for name, field in model.model_fields.items():
        for mark in field.metadata:
            if isinstance(mark, MediaConstraints):
                yield f"{path}{name}", mark
        yield from within(field.annotation, f"{path}{name}")


def within(annotation: Any, path: str) -> Iterator[tuple[str, MediaConstraints]]:
    for mark in getattr(annotation, "__metadata__", ()):
        if isinstance(mark, MediaConstraints):
            yield path, mark
    for part in get_args(annotation):
        yield from within(part, path)
    if inspect.isclass(annotation) and hasattr(annotation, "model_fields"):
        yield from found(annotation, f"{path}.")


MODELS = {slug: ENDPOINTS[slug].request for slug in ENDPOINTS} | {"init-selection": InitSelection}


@pytest.mark.parametrize("slug", sorted(MODELS))
def test_the_limits_of_media_are_those_of_the_pages(slug: str) -> None:
    assert dict(found(MODELS[slug])) == LIMITS.get(slug, {})


SIZES = {
    "common, least": (COMMON, (300, 300), True),
    "common, too short": (COMMON, (299, 300), False),
    "common, too low": (COMMON, (300, 299), False),
    "common, widest": (COMMON, (750, 300), True),
    "common, too wide": (COMMON, (751, 300), False),
    "common, tallest": (COMMON, (300, 750), True),
    "common, too tall": (COMMON, (300, 751), False),
    "try-on of 300": (TRY_ON, (300, 400), False),
    "try-on of 301": (TRY_ON, (301, 301), True),
    "try-on of 2048": (TRY_ON, (2048, 301), True),
    "try-on of 2049": (TRY_ON, (2049, 400), False),
}


@pytest.mark.parametrize(("rules", "size", "accepted"), SIZES.values(), ids=SIZES)
def test_the_bounds_of_an_image(rules: MediaConstraints, size: tuple[int, int], accepted: bool) -> None:
    out = BytesIO()
    Image.new("RGB", size).save(out, "PNG")
    if accepted:
        assert inspect_media(out.getvalue(), rules).width == size[0]
    else:
        with pytest.raises(InvalidMediaError, match=f"is {size[0]} x {size[1]} pixels"):
            inspect_media(out.getvalue(), rules)


EDITED = LIMITS["init-selection"]["video_url"]
ELEMENT = LIMITS["general/advanced-custom-elements"]["element_video_list.refer_videos.video_url"]
VIDEOS: dict[str, tuple[MediaConstraints, VideoInfo, list[str]]] = {
    **{
        f"edited at {rate} fps": (EDITED, VideoInfo(4, 1280, 720, rate), [])
        for rate in (23.976, 24, 29.97, 30, 59.94, 60)
    },
    **{
        f"edited at {rate} fps": (
            EDITED,
            VideoInfo(4, 1280, 720, rate),
            [f"has {rate} frames a second; 24, 30 or 60 are documented"],
        )
        for rate in (15, 25, 48, 50, 120)
    },
    **{f"edited, {length} s": (EDITED, VideoInfo(length, 1280, 720), []) for length in (2, 5, 5.04, 7, 10)},
    "edited, 6 s": (
        EDITED,
        VideoInfo(6, 1280, 720),
        ["lasts 6.0 s; 2 to 5 s or 7 to 10 s are documented"],
    ),
    "edited, 11 s": (EDITED, VideoInfo(11, 1280, 720), ["lasts 11.0 s; 2 to 10 s are documented"]),
    "element, wide": (ELEMENT, VideoInfo(5, 1920, 1080), []),
    "element, tall": (ELEMENT, VideoInfo(5, 1080, 1920), []),
    "element, whole blocks": (ELEMENT, VideoInfo(5, 1920, 1088), []),
    "element, square": (
        ELEMENT,
        VideoInfo(5, 1080, 1080),
        ["is 1080 x 1080 pixels; a ratio of 16:9 or 9:16 is documented"],
    ),
    "element, 4:3": (
        ELEMENT,
        VideoInfo(5, 1440, 1080),
        ["is 1440 x 1080 pixels; a ratio of 16:9 or 9:16 is documented"],
    ),
    "element, 720p": (
        ELEMENT,
        VideoInfo(5, 1280, 720),
        ["is 1280 x 720 pixels; sides of at least 1080 are documented"],
    ),
    "element, 4k": (
        ELEMENT,
        VideoInfo(5, 3840, 2160),
        ["is 3840 x 2160 pixels; sides of at most 1920 are documented"],
    ),
}


@pytest.mark.parametrize(("rules", "info", "expected_text"), VIDEOS.values(), ids=VIDEOS)
def test_the_bounds_of_a_video(rules: MediaConstraints, info: VideoInfo, expected_text: list[str]) -> None:
    assert video_warnings(info, rules) == expected_text

# SPDX-License-Identifier: Apache-2.0
"""The rules of CometAPI that differ from the vendor's, by its pages of 2026."""

from __future__ import annotations

from collections.abc import Mapping

from .avatar import advanced_lip_sync
from .rules import Body, BodySpec, CrossRule, Media, first_audio
from .schema import any_of, number, string
from .video import RATIOS, text_to_video

_PROMPT = 500
_NEGATIVE_PROMPT = 200
_AUDIO_SECONDS = 60.1
_MIN_IMAGES = 2


def _short_prompts(body: Body, _: Media) -> str | None:
    for name, limit in (("prompt", _PROMPT), ("negative_prompt", _NEGATIVE_PROMPT)):
        if len(body.get(name, "")) > limit:
            return f"{name} length cannot exceed {limit}, got {len(body[name])}"
    return None


def _five_or_ten(body: Body, _: Media) -> str | None:
    seconds = body.get("duration", "5")
    return None if seconds in ("5", "10") else f"duration value '{seconds}' is invalid, must be one of 5, 10"


def _std_or_pro(body: Body, _: Media) -> str | None:
    mode = body.get("mode", "std")
    return None if mode in ("std", "pro") else f"mode value '{mode}' is invalid, must be one of std, pro"


def _no_wide_ratio(body: Body, _: Media) -> str | None:
    ratio = body.get("aspect_ratio")
    return f"aspect_ratio value '{ratio}' is invalid" if ratio == "21:9" else None


def _at_least_two_images(body: Body, _: Media) -> str | None:
    count = len(body["image_list"])
    return None if count >= _MIN_IMAGES else f"the size of image_list must be in [2, 4], got {count}"


def _avatar(body: Body, media: Media) -> str | None:
    if "prompt" not in body:
        return "prompt is required"
    audio = first_audio(media)
    if audio is not None and audio.seconds > _AUDIO_SECONDS:
        return f"audio duration must be in [2s, 60s], got {audio.seconds:.1f}s"
    return None


def _only_o1(body: Body, _: Media) -> str | None:
    model = body.get("model_name", "kling-video-o1")
    return None if model == "kling-video-o1" else f"model_name value '{model}' is invalid"


RULES: Mapping[str, BodySpec] = {
    "videos/text2video": text_to_video((*RATIOS, "4:3", "3:4", "3:2", "2:3")),
    # The times are strings, and there is one face or more.
    "videos/advanced-lip-sync": advanced_lip_sync(any_of(string(), number(0, whole=True)), None),
}
"""Rules instead of the vendor's, which are narrower."""

LIMITS: Mapping[str, tuple[CrossRule, ...]] = {
    "videos/text2video": (_short_prompts, _five_or_ten, _std_or_pro),
    "videos/image2video": (_short_prompts, _five_or_ten, _std_or_pro),
    "videos/multi-image2video": (_short_prompts, _at_least_two_images),
    "videos/avatar/image2video": (_avatar,),
    "videos/omni-video": (_only_o1,),
    "images/generations": (_short_prompts, _no_wide_ratio),
}
"""Further rules, which are narrower than the vendor's."""

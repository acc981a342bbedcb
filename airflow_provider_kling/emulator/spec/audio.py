# SPDX-License-Identifier: Apache-2.0
"""Rules for the bodies of the audio endpoints and of the library of voices and elements."""

from __future__ import annotations

from collections.abc import Mapping

from ..media.inputs import MediaLimits
from .rules import COMMON, VIDEO_FORMATS, Body, BodySpec, Media, exactly_one
from .schema import array, audio, boolean, image, number, object_, string, video, video_id

_SOURCE_VIDEO = MediaLimits(VIDEO_FORMATS, (3, 20))
_VOICE_SAMPLE = MediaLimits(("mp3", "wav", *VIDEO_FORMATS), (5, 30))
_ACTOR = MediaLimits(VIDEO_FORMATS, (3, 8), (1080, 4096), megabytes=200, ratios=(16 / 9, 9 / 16))


def _one_decimal(body: Body, _: Media) -> str | None:
    if round(body["duration"], 1) != body["duration"]:
        return f"duration supports one decimal place, got {body['duration']}"
    return None


def _reference(body: Body, _: Media) -> str | None:
    required = {"image_refer": "element_image_list", "video_refer": "element_video_list"}[
        body["reference_type"]
    ]
    if required in body:
        return None
    return f"{required} is required when reference_type is {body['reference_type']}"


RULES: Mapping[str, BodySpec] = {
    "audio/tts": BodySpec(
        object_(
            "text",
            "voice_id",
            "voice_language",
            text=string(1000),
            voice_id=string(),
            voice_language=string(one_of=("zh", "en")),
            voice_speed=number(0.8, 2.0),
        )
    ),
    "audio/text-to-audio": BodySpec(
        object_("prompt", "duration", **COMMON, prompt=string(200), duration=number(3.0, 10.0)),
        (_one_decimal,),
    ),
    "audio/video-to-audio": BodySpec(
        object_(
            **COMMON,
            video_id=video_id(_SOURCE_VIDEO),
            video_url=video(_SOURCE_VIDEO),
            sound_effect_prompt=string(200),
            bgm_prompt=string(200),
            asmr_mode=boolean(),
        ),
        (exactly_one("video_id", "video_url"),),
    ),
    "general/custom-voices": BodySpec(
        object_(
            "voice_name",
            **COMMON,
            voice_name=string(20),
            voice_url=audio(_VOICE_SAMPLE),
            video_id=video_id(_VOICE_SAMPLE),
        ),
        (exactly_one("voice_url", "video_id"),),
    ),
    "general/advanced-custom-elements": BodySpec(
        object_(
            "element_name",
            "element_description",
            "reference_type",
            **COMMON,
            element_name=string(20),
            element_description=string(100),
            reference_type=string(one_of=("image_refer", "video_refer")),
            element_image_list=object_(
                "frontal_image",
                "refer_images",
                frontal_image=image(),
                refer_images=array(object_("image_url", image_url=image()), 1, 3),
            ),
            element_video_list=object_(
                "refer_videos", refer_videos=array(object_("video_url", video_url=video(_ACTOR)), 1, 1)
            ),
            element_voice_id=string(),
            tag_list=array(
                object_("tag_id", tag_id=string(one_of=tuple(f"o_{n}" for n in range(101, 109)))), 1, 8
            ),
        ),
        (_reference,),
    ),
}

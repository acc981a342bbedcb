# SPDX-License-Identifier: Apache-2.0
"""Rules for the bodies of the sound endpoints and of the library of voices and elements."""

from __future__ import annotations

from collections.abc import Mapping

from .bodies import COMMON, VIDEO_FORMATS, Body, Media, Values, one_of_fields
from .checks import clip, clip_id, fields, flag, number, picture, several, sound, text
from .media_input import Limits

_SCORED = Limits(VIDEO_FORMATS, (3, 20))
_VOICE = Limits(("mp3", "wav", *VIDEO_FORMATS), (5, 30))
_ACTOR = Limits(VIDEO_FORMATS, (3, 8), (1080, 4096), megabytes=200)


def _one_decimal(body: Values, _: Media) -> str | None:
    if round(body["duration"], 1) != body["duration"]:
        return f"duration supports one decimal place, got {body['duration']}"
    return None


def _reference(body: Values, _: Media) -> str | None:
    needed = {"image_refer": "element_image_list", "video_refer": "element_video_list"}[
        body["reference_type"]
    ]
    if needed in body:
        return None
    return f"{needed} is required when reference_type is {body['reference_type']}"


RULES: Mapping[str, Body] = {
    "audio/tts": Body(
        fields(
            "text",
            "voice_id",
            "voice_language",
            text=text(1000),
            voice_id=text(),
            voice_language=text(one_of=("zh", "en")),
            voice_speed=number(0.8, 2.0),
        )
    ),
    "audio/text-to-audio": Body(
        fields("prompt", "duration", **COMMON, prompt=text(200), duration=number(3.0, 10.0)), (_one_decimal,)
    ),
    "audio/video-to-audio": Body(
        fields(
            **COMMON,
            video_id=clip_id(_SCORED),
            video_url=clip(_SCORED),
            sound_effect_prompt=text(200),
            bgm_prompt=text(200),
            asmr_mode=flag(),
        ),
        (one_of_fields("video_id", "video_url"),),
    ),
    "general/custom-voices": Body(
        fields(
            "voice_name", **COMMON, voice_name=text(20), voice_url=sound(_VOICE), video_id=clip_id(_VOICE)
        ),
        (one_of_fields("voice_url", "video_id"),),
    ),
    "general/advanced-custom-elements": Body(
        fields(
            "element_name",
            "element_description",
            "reference_type",
            **COMMON,
            element_name=text(20),
            element_description=text(100),
            reference_type=text(one_of=("image_refer", "video_refer")),
            element_image_list=fields(
                "frontal_image",
                "refer_images",
                frontal_image=picture(),
                refer_images=several(fields("image_url", image_url=picture()), 1, 3),
            ),
            element_video_list=fields(
                "refer_videos", refer_videos=several(fields("video_url", video_url=clip(_ACTOR)), 1, 1)
            ),
            element_voice_id=text(),
            tag_list=several(
                fields("tag_id", tag_id=text(one_of=tuple(f"o_{n}" for n in range(101, 109)))), 1, 8
            ),
        ),
        (_reference,),
    ),
}

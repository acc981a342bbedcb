# SPDX-License-Identifier: Apache-2.0
"""Voices and elements that every account has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .media.plan_context import content_hash
from .media.specs import AudioInfo, AudioSpec, ImageInfo, ImageSpec, OutputFile, ResultEntry

PRESET_OWNER_ID = "kling"
PRESETS = "presets"
"""What stands for the task id in the URLs of their files."""

_VOICES = {
    "829824295735410756": "Calm narrator",
    "829826751244537879": "Bright host",
    "829826751244537880": "Old sailor",
}
_ELEMENTS = {160: "Red fox", 161: "Robot cook", 162: "Paper lantern"}


def _voice(voice_id: str, name: str) -> ResultEntry:
    trial = OutputFile(f"{voice_id}.mp3", AudioSpec(AudioInfo(content_hash(voice_id), 5.0)))
    values = {"voice_id": voice_id, "voice_name": name, "trial_url": trial, "owned_by": PRESET_OWNER_ID}
    return ResultEntry("voices", values)


def _element(element_id: int, name: str) -> ResultEntry:
    image = ImageInfo(content_hash(name), 720, 720)
    values: Mapping[str, Any] = {
        "element_id": element_id,
        "element_name": name,
        "element_description": f"{name}, a preset element",
        "reference_type": "image_refer",
        "element_image_list": {
            "frontal_image": OutputFile(f"{element_id}.png", ImageSpec(image, 512, 512)),
            "refer_images": [],
        },
        "element_video_list": {"refer_videos": []},
        "element_voice_info": {},
        "tag_list": [],
        "owned_by": PRESET_OWNER_ID,
        "status": "succeed",
    }
    return ResultEntry("elements", values)


VOICES = tuple(_voice(voice_id, name) for voice_id, name in _VOICES.items())
ELEMENTS = tuple(_element(element_id, name) for element_id, name in _ELEMENTS.items())
PRESET_VOICE_IDS = frozenset(_VOICES)

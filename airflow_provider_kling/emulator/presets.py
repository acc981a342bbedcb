# SPDX-License-Identifier: Apache-2.0
"""Voices and elements that every account has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .media_kinds import Picture, Sound
from .recipes import File, Item, PictureRecipe, SoundRecipe
from .work import digest_of

OWNER = "kling"
PRESETS = "presets"
"""What stands for the task id in the addresses of their files."""

_VOICES = {
    "829824295735410756": "Calm narrator",
    "829826751244537879": "Bright host",
    "829826751244537880": "Old sailor",
}
_ELEMENTS = {160: "Red fox", 161: "Robot cook", 162: "Paper lantern"}


def _voice(voice_id: str, name: str) -> Item:
    trial = File(f"{voice_id}.mp3", SoundRecipe(Sound(digest_of(voice_id), 5.0)))
    values = {"voice_id": voice_id, "voice_name": name, "trial_url": trial, "owned_by": OWNER}
    return Item("voices", values)


def _element(element_id: int, name: str) -> Item:
    picture = Picture(digest_of(name), 720, 720)
    values: Mapping[str, Any] = {
        "element_id": element_id,
        "element_name": name,
        "element_description": f"{name}, a preset element",
        "reference_type": "image_refer",
        "element_image_list": {
            "frontal_image": File(f"{element_id}.png", PictureRecipe(picture, 512, 512)),
            "refer_images": [],
        },
        "element_video_list": {"refer_videos": []},
        "element_voice_info": {},
        "tag_list": [],
        "owned_by": OWNER,
        "status": "succeed",
    }
    return Item("elements", values)


VOICES = tuple(_voice(voice_id, name) for voice_id, name in _VOICES.items())
ELEMENTS = tuple(_element(element_id, name) for element_id, name in _ELEMENTS.items())
PRESET_VOICE_IDS = frozenset(_VOICES)

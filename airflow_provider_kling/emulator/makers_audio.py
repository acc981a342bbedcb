# SPDX-License-Identifier: Apache-2.0
"""Plans for jobs that make sounds, voices and elements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .bodies import the_clip, the_sound
from .media_kinds import Picture, Sound
from .media_video import frame_size
from .presets import PRESET_VOICE_IDS
from .recipes import File, Item, PictureRecipe, SoundRecipe, VideoRecipe
from .refusal import bad_value
from .rules import Order
from .work import Bench, Maker, Work, digest_of, pictures_of, spoken

OWNER = "emulator"
_TRIAL_SECONDS = 5.0
_ELEMENT_PIXELS = 512


def speech(order: Order, bench: Bench) -> Work:
    """Plan a spoken text."""
    body = order.body
    voice_id = body["voice_id"]
    if voice_id in PRESET_VOICE_IDS or bench.made.is_library_voice(voice_id):
        # Three voice catalogues share the word voice_id; text-to-speech has its own.
        raise bad_value("Voice id not found")
    sound = spoken(body["text"], language=body["voice_language"], speed=body.get("voice_speed", 1.0))
    values = {
        "id": f"{bench.task_id}0",
        "url": File("0.mp3", SoundRecipe(sound)),
        "duration": f"{sound.seconds:.3f}",
    }
    return Work((Item("audios", values),), sound.seconds)


def effect(order: Order, bench: Bench) -> Work:
    """Plan a sound of words."""
    seconds = float(order.body.get("duration", _TRIAL_SECONDS))
    return Work((_both(bench, Sound(digest_of(str(order.body.get("prompt", ""))), seconds)),), seconds)


def _scored(order: Order, bench: Bench) -> Work:
    parent = the_clip(order.media)
    if parent is None:
        raise bad_value("video_id or video_url is required")
    sound = Sound(digest_of(order.digest), parent.seconds)
    width, height = frame_size("std", parent.picture.ratio, bench.scale)
    recipe = VideoRecipe(parent.picture, width, height, parent.seconds, sound)
    values = {
        "id": f"{bench.task_id}0",
        "url": File("0.mp4", recipe),
        "duration": f"{parent.seconds:.3f}",
    }
    return Work((Item("videos", values), _both(bench, sound)), parent.seconds, parent=parent)


def voice(order: Order, bench: Bench) -> Work:
    """Plan a voice of a recording."""
    sound = the_sound(order.media) or Sound(digest_of(order.digest), _TRIAL_SECONDS)
    values = {
        "voice_id": bench.task_id,
        "voice_name": order.body.get("voice_name", ""),
        "trial_url": File("trial.mp3", SoundRecipe(sound)),
        "owned_by": OWNER,
    }
    return Work((Item("voices", values),))


def element(order: Order, bench: Bench) -> Work:
    """Plan an element of pictures or of a video."""
    body, pictures = order.body, pictures_of(order)
    clip = the_clip(order.media)
    frontal = (
        pictures[0] if pictures else (clip.picture if clip else Picture(digest_of(order.digest), 720, 720))
    )
    values: dict[str, Any] = {
        "element_id": int(bench.task_id),
        "element_name": body.get("element_name", ""),
        "element_description": body.get("element_description", ""),
        "reference_type": body.get("reference_type", "image_refer"),
        "element_image_list": {
            "frontal_image": _shown("frontal.png", frontal),
            "refer_images": [
                {"image_url": _shown(f"refer-{number}.png", picture)}
                for number, picture in enumerate(pictures[1:])
            ],
        },
        "element_video_list": {"refer_videos": [{"video_url": clip.url}] if clip else []},
        "element_voice_info": {"voice_id": body["element_voice_id"]} if "element_voice_id" in body else {},
        "tag_list": body.get("tag_list", []),
        "owned_by": OWNER,
        "status": "succeed",
    }
    return Work((Item("elements", values),))


def _both(bench: Bench, sound: Sound) -> Item:
    seconds = f"{sound.seconds:.3f}"
    return Item(
        "audios",
        {
            "id": f"{bench.task_id}1",
            "url_mp3": File("1.mp3", SoundRecipe(sound)),
            "url_wav": File("1.wav", SoundRecipe(sound, "wav")),
            "duration_mp3": seconds,
            "duration_wav": seconds,
        },
    )


def _shown(name: str, picture: Picture) -> File:
    size = _ELEMENT_PIXELS / max(picture.width, picture.height)
    width, height = max(1, round(picture.width * size)), max(1, round(picture.height * size))
    return File(name, PictureRecipe(picture, width, height))


BY_SLUG: Mapping[str, Maker] = {"audio/tts": speech, "audio/video-to-audio": _scored}

# SPDX-License-Identifier: Apache-2.0
"""Plans for jobs that make sounds, voices and elements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import invalid_value
from ..presets import PRESET_VOICE_IDS
from ..spec.rules import first_audio, first_video
from ..spec.validation import ValidatedBody
from .kinds import AudioInfo, ImageInfo
from .plan_context import Plan, PlanContext, Planner, content_hash, pictures_of, speech_audio
from .specs import AudioSpec, ImageSpec, OutputFile, ResultEntry, VideoSpec
from .video import frame_size

OWNER = "emulator"
_TRIAL_SECONDS = 5.0
_ELEMENT_PIXELS = 512


def speech(order: ValidatedBody, bench: PlanContext) -> Plan:
    """Plan speech from text.

    :param order: the validated body.
    :param bench: facts about the job.
    :return: the plan.
    """
    body = order.body
    voice_id = body["voice_id"]
    if voice_id in PRESET_VOICE_IDS or bench.made.is_library_voice(voice_id):
        # Three voice catalogues share the word voice_id; text-to-speech has its own.
        raise invalid_value("Voice id not found")
    sound = speech_audio(body["text"], language=body["voice_language"], speed=body.get("voice_speed", 1.0))
    values = {
        "id": f"{bench.task_id}0",
        "url": OutputFile("0.mp3", AudioSpec(sound)),
        "duration": f"{sound.seconds:.3f}",
    }
    return Plan((ResultEntry("audios", values),), sound.seconds)


def effect(order: ValidatedBody, bench: PlanContext) -> Plan:
    """Plan a sound effect from a prompt.

    :param order: the validated body.
    :param bench: facts about the job.
    :return: the plan.
    """
    seconds = float(order.body.get("duration", _TRIAL_SECONDS))
    return Plan((_both(bench, AudioInfo(content_hash(str(order.body.get("prompt", ""))), seconds)),), seconds)


def _scored(order: ValidatedBody, bench: PlanContext) -> Plan:
    parent = first_video(order.media)
    if parent is None:
        raise invalid_value("video_id or video_url is required")
    sound = AudioInfo(content_hash(order.digest), parent.seconds)
    width, height = frame_size("std", parent.picture.ratio, bench.scale)
    recipe = VideoSpec(parent.picture, width, height, parent.seconds, sound)
    values = {
        "id": f"{bench.task_id}0",
        "url": OutputFile("0.mp4", recipe),
        "duration": f"{parent.seconds:.3f}",
    }
    return Plan((ResultEntry("videos", values), _both(bench, sound)), parent.seconds, parent=parent)


def voice(order: ValidatedBody, bench: PlanContext) -> Plan:
    """Plan a custom voice from a recording.

    :param order: the validated body.
    :param bench: facts about the job.
    :return: the plan.
    """
    sound = first_audio(order.media) or AudioInfo(content_hash(order.digest), _TRIAL_SECONDS)
    values = {
        "voice_id": bench.task_id,
        "voice_name": order.body.get("voice_name", ""),
        "trial_url": OutputFile("trial.mp3", AudioSpec(sound)),
        "owned_by": OWNER,
    }
    return Plan((ResultEntry("voices", values),))


def element(order: ValidatedBody, bench: PlanContext) -> Plan:
    """Plan an element from images or a video.

    :param order: the validated body.
    :param bench: facts about the job.
    :return: the plan.
    """
    body, pictures = order.body, pictures_of(order)
    clip = first_video(order.media)
    frontal = (
        pictures[0]
        if pictures
        else (clip.picture if clip else ImageInfo(content_hash(order.digest), 720, 720))
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
    return Plan((ResultEntry("elements", values),))


def _both(bench: PlanContext, sound: AudioInfo) -> ResultEntry:
    seconds = f"{sound.seconds:.3f}"
    return ResultEntry(
        "audios",
        {
            "id": f"{bench.task_id}1",
            "url_mp3": OutputFile("1.mp3", AudioSpec(sound)),
            "url_wav": OutputFile("1.wav", AudioSpec(sound, "wav")),
            "duration_mp3": seconds,
            "duration_wav": seconds,
        },
    )


def _shown(name: str, picture: ImageInfo) -> OutputFile:
    size = _ELEMENT_PIXELS / max(picture.width, picture.height)
    width, height = max(1, round(picture.width * size)), max(1, round(picture.height * size))
    return OutputFile(name, ImageSpec(picture, width, height))


BY_SLUG: Mapping[str, Planner] = {"audio/tts": speech, "audio/video-to-audio": _scored}

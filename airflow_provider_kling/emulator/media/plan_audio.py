# SPDX-License-Identifier: Apache-2.0
"""Plans for jobs that make sounds, voices and elements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..artifacts import PRESET_VOICE_IDS
from ..errors import invalid_value
from ..spec.rules import first_audio, first_video
from ..spec.validation import ValidatedBody
from .plan_context import Plan, PlanContext, Planner, request_images, speech_audio
from .specs import (
    AudioInfo,
    AudioSpec,
    ImageInfo,
    ImageSpec,
    OutputFile,
    ResultEntry,
    VideoSpec,
    content_hash,
)
from .video import frame_size

OWNER = "emulator"
_TRIAL_SECONDS = 5.0
_ELEMENT_PIXELS = 512


def speech(validated: ValidatedBody, context: PlanContext) -> Plan:
    """Plan speech from text.

    :param validated: the validated body.
    :param context: facts about the job.
    :return: the plan.
    """
    body = validated.body
    voice_id = body["voice_id"]
    if voice_id in PRESET_VOICE_IDS or context.made.is_library_voice(voice_id):
        # Three voice catalogues share the word voice_id; text-to-speech has its own.
        raise invalid_value("Voice id not found")
    audio = speech_audio(body["text"], language=body["voice_language"], speed=body.get("voice_speed", 1.0))
    values = {
        "id": f"{context.task_id}0",
        "url": OutputFile("0.mp3", AudioSpec(audio)),
        "duration": f"{audio.seconds:.3f}",
    }
    return Plan((ResultEntry("audios", values),), audio.seconds)


def effect(validated: ValidatedBody, context: PlanContext) -> Plan:
    """Plan a sound effect from a prompt.

    :param validated: the validated body.
    :param context: facts about the job.
    :return: the plan.
    """
    seconds = float(validated.body.get("duration", _TRIAL_SECONDS))
    return Plan(
        (_both(context, AudioInfo(content_hash(str(validated.body.get("prompt", ""))), seconds)),), seconds
    )


def _scored(validated: ValidatedBody, context: PlanContext) -> Plan:
    parent = first_video(validated.media)
    if parent is None:
        raise invalid_value("video_id or video_url is required")
    audio = AudioInfo(content_hash(validated.digest), parent.seconds)
    width, height = frame_size("std", parent.image.ratio, context.scale)
    spec = VideoSpec(parent.image, width, height, parent.seconds, audio)
    values = {
        "id": f"{context.task_id}0",
        "url": OutputFile("0.mp4", spec),
        "duration": f"{parent.seconds:.3f}",
    }
    return Plan((ResultEntry("videos", values), _both(context, audio)), parent.seconds, parent=parent)


def voice(validated: ValidatedBody, context: PlanContext) -> Plan:
    """Plan a custom voice from a recording.

    :param validated: the validated body.
    :param context: facts about the job.
    :return: the plan.
    """
    audio = first_audio(validated.media) or AudioInfo(content_hash(validated.digest), _TRIAL_SECONDS)
    values = {
        "voice_id": context.task_id,
        "voice_name": validated.body.get("voice_name", ""),
        "trial_url": OutputFile("trial.mp3", AudioSpec(audio)),
        "owned_by": OWNER,
    }
    return Plan((ResultEntry("voices", values),))


def element(validated: ValidatedBody, context: PlanContext) -> Plan:
    """Plan an element from images or a video.

    :param validated: the validated body.
    :param context: facts about the job.
    :return: the plan.
    """
    body, all_images = validated.body, request_images(validated)
    video = first_video(validated.media)
    frontal = (
        all_images[0]
        if all_images
        else (video.image if video else ImageInfo(content_hash(validated.digest), 720, 720))
    )
    values: dict[str, Any] = {
        "element_id": int(context.task_id),
        "element_name": body.get("element_name", ""),
        "element_description": body.get("element_description", ""),
        "reference_type": body.get("reference_type", "image_refer"),
        "element_image_list": {
            "frontal_image": _shown("frontal.png", frontal),
            "refer_images": [
                {"image_url": _shown(f"refer-{number}.png", image)}
                for number, image in enumerate(all_images[1:])
            ],
        },
        "element_video_list": {"refer_videos": [{"video_url": video.url}] if video else []},
        "element_voice_info": {"voice_id": body["element_voice_id"]} if "element_voice_id" in body else {},
        "tag_list": body.get("tag_list", []),
        "owned_by": OWNER,
        "status": "succeed",
    }
    return Plan((ResultEntry("elements", values),))


def _both(context: PlanContext, audio: AudioInfo) -> ResultEntry:
    seconds = f"{audio.seconds:.3f}"
    return ResultEntry(
        "audios",
        {
            "id": f"{context.task_id}1",
            "url_mp3": OutputFile("1.mp3", AudioSpec(audio)),
            "url_wav": OutputFile("1.wav", AudioSpec(audio, "wav")),
            "duration_mp3": seconds,
            "duration_wav": seconds,
        },
    )


def _shown(name: str, image: ImageInfo) -> OutputFile:
    size = _ELEMENT_PIXELS / max(image.width, image.height)
    width, height = max(1, round(image.width * size)), max(1, round(image.height * size))
    return OutputFile(name, ImageSpec(image, width, height))


BY_SLUG: Mapping[str, Planner] = {"audio/tts": speech, "audio/video-to-audio": _scored}

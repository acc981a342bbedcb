# SPDX-License-Identifier: Apache-2.0
"""Rules for the bodies of avatar and lip-sync endpoints."""

from __future__ import annotations

from collections.abc import Mapping

from ..media.inputs import AUDIO_FORMATS, MediaLimits
from ..media.specs import AudioInfo, MediaInfo
from .rules import (
    COMMON,
    SHORT_SPEECH,
    SPEECH,
    VIDEO_FORMATS,
    WATERMARK,
    Body,
    BodySpec,
    Media,
    exactly_one,
    requires,
)
from .schema import Check, array, audio, image, number, object_, string, tts_audio_id, video, video_id

_MIN_FACE_MS = 2000
_ANY_SPEECH = MediaLimits(AUDIO_FORMATS, megabytes=5)
_FACE_VIDEO = MediaLimits(VIDEO_FORMATS, (2, 60), (512, 2160))


def _video_or_id(limits: MediaLimits) -> dict[str, Check]:
    return {"video_id": video_id(limits), "video_url": video(limits)}


def _lip_sync_mode(body: Body, _: Media) -> str | None:
    fields = body["input"]
    required = ("text", "voice_id") if fields["mode"] == "text2video" else ("audio_type",)
    if fields["mode"] == "audio2video" and "audio_type" in fields:
        required = ("audio_file",) if fields["audio_type"] == "file" else ("audio_url",)
    missing = [name for name in required if name not in fields]
    return f"input.{missing[0]} is required when mode is {fields['mode']}" if missing else None


def _face_times(body: Body, media: Media) -> str | None:
    for index, face in enumerate(body["face_choose"]):
        keys = (f"face_choose[{index}].{name}" for name in ("audio_id", "sound_file"))
        if violation := _times_of(face, next((media[key] for key in keys if key in media), None)):
            return violation
    return None


def _times_of(face: Body, spoken_audio: MediaInfo | None) -> str | None:
    if ("audio_id" in face) == ("sound_file" in face):
        return "one and only one of audio_id and sound_file must be given"
    try:
        start, end = int(face["sound_start_time"]), int(face["sound_end_time"])
        int(face["sound_insert_time"])
    except ValueError:
        return "sound_start_time, sound_end_time and sound_insert_time must be milliseconds"
    if end - start < _MIN_FACE_MS:
        return f"the cropped audio must be at least {_MIN_FACE_MS}ms, got {end - start}ms"
    if isinstance(spoken_audio, AudioInfo) and end > spoken_audio.seconds * 1000 + 100:
        return f"sound_end_time {end} is after the end of the audio"
    return None


def advanced_lip_sync(time: Check, max_faces: int | None) -> BodySpec:
    """Build the rules of advanced lip-sync.

    :param time: check of a time.
    :param max_faces: most faces; ``None`` for any number.
    :return: the rules.
    """
    return BodySpec(
        object_(
            "session_id",
            "face_choose",
            **COMMON,
            **WATERMARK,
            session_id=string(),
            face_choose=array(
                object_(
                    "face_id",
                    "sound_start_time",
                    "sound_end_time",
                    "sound_insert_time",
                    face_id=string(),
                    audio_id=tts_audio_id(SHORT_SPEECH),
                    sound_file=audio(SHORT_SPEECH),
                    sound_start_time=time,
                    sound_end_time=time,
                    sound_insert_time=time,
                    sound_volume=number(0, 2),
                    original_audio_volume=number(0, 2),
                    original_sound_volume=number(0, 2),
                ),
                1,
                max_faces,
            ),
        ),
        (_face_times,),
    )


RULES: Mapping[str, BodySpec] = {
    "videos/avatar/image2video": BodySpec(
        object_(
            "image",
            **COMMON,
            **WATERMARK,
            image=image(),
            audio_id=tts_audio_id(SPEECH),
            sound_file=audio(SPEECH),
            prompt=string(2500),
            mode=string(one_of=("std", "pro")),
        ),
        (exactly_one("audio_id", "sound_file"),),
    ),
    "videos/avatar": BodySpec(
        object_(
            "image",
            **COMMON,
            image=image(),
            text=string(),
            audio_url=audio(SPEECH),
            voice_id=string(),
            aspect_ratio=string(),
        ),
        (exactly_one("text", "audio_url"), requires("text", "voice_id"), requires("voice_id", "text")),
    ),
    "videos/lip-sync": BodySpec(
        object_(
            "input",
            **COMMON,
            input=object_(
                "mode",
                **_video_or_id(_FACE_VIDEO),
                mode=string(one_of=("text2video", "audio2video")),
                text=string(120),
                voice_id=string(),
                voice_language=string(one_of=("zh", "en")),
                voice_speed=number(0.8, 2.0),
                audio_type=string(one_of=("file", "url")),
                audio_file=audio(_ANY_SPEECH),
                audio_url=audio(_ANY_SPEECH),
            ),
        ),
        (exactly_one("video_id", "video_url", within="input"), _lip_sync_mode),
    ),
    "videos/identify-face": BodySpec(
        object_(**_video_or_id(_FACE_VIDEO)), (exactly_one("video_id", "video_url"),)
    ),
    "videos/advanced-lip-sync": advanced_lip_sync(number(0, whole=True), 1),
}

# SPDX-License-Identifier: Apache-2.0
"""Rules for the bodies of the endpoints that let a face speak."""

from __future__ import annotations

from collections.abc import Mapping

from .bodies import (
    COMMON,
    SHORT_SPEECH,
    SPEECH,
    VIDEO_FORMATS,
    WATERMARK,
    Body,
    Media,
    Values,
    one_of_fields,
    together,
)
from .checks import Kind, clip, clip_id, either, fields, number, picture, several, sound, sound_id, text
from .media_input import SOUND_FORMATS, Limits
from .media_kinds import Medium, Sound

_SHORTEST_MS = 2000
_ANY_SPEECH = Limits(SOUND_FORMATS, (0, float("inf")), megabytes=5)
_FACE_CLIP = Limits(VIDEO_FORMATS, (2, 60), (512, 2160))


def _clip_or_id(limits: Limits) -> dict[str, Kind]:
    return {"video_id": clip_id(limits), "video_url": clip(limits)}


def _lip_sync_mode(body: Values, _: Media) -> str | None:
    given = body["input"]
    needed = ("text", "voice_id") if given["mode"] == "text2video" else ("audio_type",)
    if given["mode"] == "audio2video" and "audio_type" in given:
        needed = ("audio_file",) if given["audio_type"] == "file" else ("audio_url",)
    missing = [name for name in needed if name not in given]
    return f"input.{missing[0]} is required when mode is {given['mode']}" if missing else None


def _face_times(body: Values, media: Media) -> str | None:
    for place, face in enumerate(body["face_choose"]):
        keys = (f"face_choose[{place}].{name}" for name in ("audio_id", "sound_file"))
        if wrong := _times_of(face, next((media[key] for key in keys if key in media), None)):
            return wrong
    return None


def _times_of(face: Values, spoken: Medium | None) -> str | None:
    if ("audio_id" in face) == ("sound_file" in face):
        return "one and only one of audio_id and sound_file must be given"
    try:
        start, end = int(face["sound_start_time"]), int(face["sound_end_time"])
        int(face["sound_insert_time"])
    except ValueError:
        return "sound_start_time, sound_end_time and sound_insert_time must be milliseconds"
    if end - start < _SHORTEST_MS:
        return f"the cropped audio must be at least {_SHORTEST_MS}ms, got {end - start}ms"
    if isinstance(spoken, Sound) and end > spoken.seconds * 1000 + 100:
        return f"sound_end_time {end} is after the end of the audio"
    return None


def _advanced(time: Kind, most: int | None) -> Body:
    return Body(
        fields(
            "session_id",
            "face_choose",
            **COMMON,
            **WATERMARK,
            session_id=text(),
            face_choose=several(
                fields(
                    "face_id",
                    "sound_start_time",
                    "sound_end_time",
                    "sound_insert_time",
                    face_id=text(),
                    audio_id=sound_id(SHORT_SPEECH),
                    sound_file=sound(SHORT_SPEECH),
                    sound_start_time=time,
                    sound_end_time=time,
                    sound_insert_time=time,
                    sound_volume=number(0, 2),
                    original_audio_volume=number(0, 2),
                    original_sound_volume=number(0, 2),
                ),
                1,
                most,
            ),
        ),
        (_face_times,),
    )


RULES: Mapping[str, Body] = {
    "videos/avatar/image2video": Body(
        fields(
            "image",
            **COMMON,
            **WATERMARK,
            image=picture(),
            audio_id=sound_id(SPEECH),
            sound_file=sound(SPEECH),
            prompt=text(2500),
            mode=text(one_of=("std", "pro")),
        ),
        (one_of_fields("audio_id", "sound_file"),),
    ),
    "videos/avatar": Body(
        fields(
            "image",
            **COMMON,
            image=picture(),
            text=text(),
            audio_url=sound(SPEECH),
            voice_id=text(),
            aspect_ratio=text(),
        ),
        (one_of_fields("text", "audio_url"), together("text", "voice_id"), together("voice_id", "text")),
    ),
    "videos/lip-sync": Body(
        fields(
            "input",
            **COMMON,
            input=fields(
                "mode",
                **_clip_or_id(_FACE_CLIP),
                mode=text(one_of=("text2video", "audio2video")),
                text=text(120),
                voice_id=text(),
                voice_language=text(one_of=("zh", "en")),
                voice_speed=number(0.8, 2.0),
                audio_type=text(one_of=("file", "url")),
                audio_file=sound(_ANY_SPEECH),
                audio_url=sound(_ANY_SPEECH),
            ),
        ),
        (one_of_fields("video_id", "video_url", within="input"), _lip_sync_mode),
    ),
    "videos/identify-face": Body(
        fields(**_clip_or_id(_FACE_CLIP)), (one_of_fields("video_id", "video_url"),)
    ),
    "videos/advanced-lip-sync": _advanced(number(0, whole=True), 1),
}

COMETAPI: Mapping[str, Body] = {
    "videos/advanced-lip-sync": _advanced(either(text(), number(0, whole=True)), None)
}
"""What CometAPI's pages document: the times are strings, and there is one face or more."""

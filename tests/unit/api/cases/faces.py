# SPDX-License-Identifier: Apache-2.0
"""Bodies of avatars and lip-sync."""

from __future__ import annotations

from typing import Any

from airflow_provider_kling.api.requests.avatar import (
    AdvancedLipSync,
    Avatar,
    AvatarImageToVideo,
    IdentifyFace,
    LipSync,
)

from .common import AUDIO_URL, IMAGE_URL, LONG, VIDEO, Accepted, Refused

TIMES = {"sound_start_time": 0, "sound_end_time": "3000", "sound_insert_time": 1000}


def face(**values: Any) -> dict[str, Any]:
    return {"session_id": "850", "face_choose": [{"face_id": 0, "sound_file": AUDIO_URL, **TIMES, **values}]}


def two_faces(**values: Any) -> dict[str, Any]:
    (one,) = face()["face_choose"]
    return {"session_id": "850", "face_choose": [one, {**one, "face_id": "1", **values}]}


def words(**values: Any) -> dict[str, Any]:
    return {"video_id": "8", "mode": "text2video", "text": "hello", "voice_id": "girl", **values}


def sound(**values: Any) -> dict[str, Any]:
    return {"video_url": VIDEO, "mode": "audio2video", "audio_type": "url", "audio_url": AUDIO_URL, **values}


def avatar(**values: Any) -> dict[str, Any]:
    return {"image": IMAGE_URL, "audio_id": "825455158141661278", **values}


ACCEPTED = [
    Accepted(AvatarImageToVideo, avatar()),
    Accepted(AvatarImageToVideo, avatar(audio_id=825455158141661278, prompt="nods", mode="pro")),
    Accepted(AvatarImageToVideo, avatar(audio_id="", sound_file="data:audio/mpeg;base64,SUQz")),
    Accepted(
        AvatarImageToVideo,
        # The gateway page's own example.
        avatar(sound_file="", prompt="", mode="std", callback_url="", external_task_id=""),
    ),
    # The page's own examples.
    Accepted(Avatar, {"image": IMAGE_URL, "text": "Hello", "voice_id": "v", "aspect_ratio": "16:9"}),
    Accepted(Avatar, {"image": IMAGE_URL, "audio_url": AUDIO_URL, "aspect_ratio": "16:9"}),
    Accepted(LipSync, words()),
    Accepted(LipSync, words(voice_language="en", voice_speed="1.5", callback_url="https://x.example/cb")),
    Accepted(LipSync, sound()),
    Accepted(LipSync, {"input": sound(), "callback_url": ""}),
    Accepted(LipSync, sound(audio_type="file", audio_url="", audio_file="SUQz")),
    # Forms with every field filled in: what the mode does not read is no fault.
    Accepted(LipSync, words(audio_type="url")),
    Accepted(LipSync, words(audio_type="file", audio_url=AUDIO_URL)),
    Accepted(LipSync, sound(text="x", voice_id="v", voice_language="en", voice_speed=1, audio_file="SUQz")),
    Accepted(IdentifyFace, {"video_id": "8"}),
    Accepted(IdentifyFace, {"video_url": VIDEO}),
    Accepted(AdvancedLipSync, face()),
    Accepted(AdvancedLipSync, face(sound_file="", audio_id="8", sound_volume=2, original_audio_volume=0)),
    Accepted(AdvancedLipSync, face(original_sound_volume=0.5)),
    Accepted(AdvancedLipSync, two_faces()),
    # CometAPI's own example.
    Accepted(
        AdvancedLipSync,
        face(
            sound_start_time="0",
            sound_end_time="2000",
            sound_insert_time="0",
            sound_volume=1,
            original_sound_volume=0,
        ),
    ),
]

REFUSED = [
    Refused(AvatarImageToVideo, {"audio_id": "8"}, "image"),
    Refused(AvatarImageToVideo, avatar(sound_file=AUDIO_URL), "audio_id and sound_file are"),
    Refused(AvatarImageToVideo, avatar(audio_id=None), "none is"),
    Refused(AvatarImageToVideo, avatar(prompt=LONG), "2500"),
    Refused(AvatarImageToVideo, avatar(mode="4k"), "mode"),
    Refused(AvatarImageToVideo, avatar(aspect_ratio="16:9"), "aspect_ratio"),
    Refused(AvatarImageToVideo, avatar(audio_id=8.25e17), "audio_id"),
    Refused(Avatar, {"image": IMAGE_URL}, "exactly one of text or audio_url"),
    Refused(
        Avatar,
        {"image": IMAGE_URL, "text": "x", "voice_id": "v", "audio_url": AUDIO_URL},
        "text and audio_url",
    ),
    Refused(Avatar, {"image": IMAGE_URL, "text": "x"}, "text needs voice_id"),
    Refused(Avatar, {"image": IMAGE_URL, "audio_url": AUDIO_URL, "voice_id": "v"}, "voice_id needs text"),
    Refused(Avatar, {"image": IMAGE_URL, "audio_url": AUDIO_URL, "aspect_ratio": "wide"}, "aspect_ratio"),
    Refused(LipSync, words(video_url=VIDEO), "exactly one of video_id or video_url"),
    Refused(LipSync, words(text=None), "text must be given when mode is text2video"),
    Refused(LipSync, words(text="x" * 121), "120"),
    Refused(LipSync, words(voice_id=""), "voice_id must be given"),
    Refused(LipSync, words(voice_speed=2.1), "voice_speed"),
    Refused(LipSync, sound(audio_type=None), "audio_type must be given when mode is audio2video"),
    Refused(LipSync, sound(audio_type="file"), "audio_file must be given when mode is audio2video and"),
    Refused(
        LipSync, sound(audio_url=None), "audio_url must be given when mode is audio2video and audio_type"
    ),
    Refused(LipSync, {"input": {**sound(), "speed": 2}}, "speed"),
    Refused(IdentifyFace, {}, "none is"),
    Refused(IdentifyFace, {"video_id": "8", "video_url": VIDEO}, "video_id and video_url are"),
    Refused(AdvancedLipSync, face(audio_id="8"), "exactly one of audio_id or sound_file"),
    Refused(AdvancedLipSync, face(sound_file=None), "none is"),
    Refused(AdvancedLipSync, face(sound_end_time=1999), "it is 1999 ms after"),
    Refused(AdvancedLipSync, face(sound_start_time=-1), "sound_start_time"),
    Refused(AdvancedLipSync, face(sound_insert_time=None), "sound_insert_time"),
    Refused(AdvancedLipSync, face(original_audio_volume=1, original_sound_volume=1), "two names"),
    Refused(AdvancedLipSync, face(sound_volume=2.1), "sound_volume"),
    Refused(AdvancedLipSync, {"session_id": "8", "face_choose": []}, "at least 1"),
    *(
        Refused(AdvancedLipSync, face(sound_insert_time=time), "must be a whole number of milliseconds")
        for time in ("soon", "1.5", 1.5, True, "-1", "²", 10**18)
    ),
    Refused(AdvancedLipSync, two_faces(sound_file=None), "none is"),
]

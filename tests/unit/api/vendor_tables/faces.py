# SPDX-License-Identifier: Apache-2.0
"""The pages on avatars and lip-sync."""

from __future__ import annotations

from .common import AUDIO_FIELD, FILM, IMAGE_URL, MARKED, NEEDED_IMAGE, URL, Field, Page, Rule

_FACE = {
    "face_id": "0",
    "sound_file": AUDIO_FIELD,
    "sound_start_time": 0,
    "sound_end_time": 3000,
    "sound_insert_time": 1000,
}


def _face(**values: object) -> dict[str, object]:
    face = {**_FACE, **values}
    return {"face_choose": [{name: value for name, value in face.items() if value is not None}]}


FACES = (
    Page(
        "Avatar",
        "videos/avatar/image2video",
        {"image": IMAGE_URL, "sound_file": AUDIO_FIELD},
        {
            **MARKED,
            "image": NEEDED_IMAGE,
            "audio_id": Field(values=("1",), closed=False, given={"sound_file": None}),
            "sound_file": Field(values=(AUDIO_FIELD,), closed=False),
            "prompt": Field(longest=2500),
            "mode": Field(values=("std", "pro")),
        },
        (
            Rule(
                "exactly one of audio_id and sound_file",
                refused=({"sound_file": None}, {"audio_id": "1"}),
                accepted=({"sound_file": None, "audio_id": "1"},),
            ),
        ),
    ),
    Page(
        "Identify Face",
        "videos/identify-face",
        {"video_id": "1"},
        {
            "video_id": Field(values=("1",), closed=False),
            "video_url": Field(values=(FILM,), closed=False, given={"video_id": None}),
        },
        (
            Rule(
                "exactly one of video_id and video_url",
                refused=({"video_id": None}, {"video_url": FILM}),
            ),
        ),
    ),
    Page(
        "Lip-Sync",
        "videos/advanced-lip-sync",
        {"session_id": "1", **_face()},
        {
            **MARKED,
            "session_id": Field(required=True, values=("1",), closed=False),
            # The page takes one face; a gateway takes more, so that is a warning on the vendor's own hosts.
            "face_choose": Field(required=True, values=([_FACE],), closed=False),
        },
        (
            Rule(
                "a face has its id, exactly one of audio_id and sound_file, and all three times",
                refused=(
                    _face(face_id=None),
                    _face(audio_id="1"),
                    _face(sound_file=None),
                    _face(sound_start_time=None),
                    _face(sound_end_time=None),
                    _face(sound_insert_time=None),
                ),
                accepted=(_face(sound_file=None, audio_id="1"),),
            ),
            Rule(
                "volumes are 0 to 2",
                refused=(
                    _face(sound_volume=2.1),
                    _face(original_audio_volume=-0.1),
                ),
                accepted=(_face(sound_volume=0, original_audio_volume=2),),
            ),
            Rule(
                "the cut of the sound lasts 2 s or more",
                refused=(_face(sound_end_time=1999),),
                accepted=(_face(sound_end_time=2000),),
            ),
        ),
    ),
    Page(
        "Lip-Sync of 2025",
        "videos/lip-sync",
        {"video_url": FILM, "mode": "text2video", "text": "Hello", "voice_id": "girlfriend_1_speech02"},
        {
            "callback_url": URL,
            "video_id": Field(values=("1",), closed=False, given={"video_url": None}),
            "video_url": Field(values=(FILM,), closed=False),
            "mode": Field(required=True, values=("text2video",), closed=False),
            "text": Field(longest=120),
            "voice_id": Field(values=("girlfriend_1_speech02",), closed=False),
            "voice_language": Field(values=("zh", "en")),
            "voice_speed": Field(low=0.8, high=2.0),
            "audio_type": Field(
                values=("url",),
                given={"mode": "audio2video", "text": None, "voice_id": None, "audio_url": AUDIO_FIELD},
            ),
            "audio_file": Field(),
            "audio_url": Field(
                values=(AUDIO_FIELD,),
                closed=False,
                given={"mode": "audio2video", "text": None, "voice_id": None, "audio_type": "url"},
            ),
        },
        (
            Rule(
                "mode text2video needs text and voice, audio2video a sound",
                refused=(
                    {"text": None},
                    {"voice_id": None},
                    {"mode": "audio2video", "text": None, "voice_id": None},
                ),
            ),
        ),
        date="2025-06",
    ),
)

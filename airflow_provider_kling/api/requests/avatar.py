# SPDX-License-Identifier: Apache-2.0
"""Requests that fit the lips of a video to an audio, each followed by its endpoint."""

# No deferred annotations in modules of models: pydantic would have to evaluate each one again at import.

import re

# No deferred annotations in modules of models: pydantic would have to evaluate each one again at import.
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from ..endpoint import Endpoint, ResultType, kling_page
from .base import KlingObject, KlingRequest
from .components import Watermark
from .field_types import (
    AvatarAudio,
    CallbackUrl,
    ExternalTaskId,
    Id,
    Image,
    Language,
    LipSyncAudio,
    LipSyncInlineAudio,
    Prompt,
    StdPro,
    audio,
    int_to_str,
    video,
)
from .rules import Rule, custom_rule, exactly_one, ignored_unless, required_when, requires, set_fields

MIN_AUDIO_MS = 2000

LipSyncVideo = Annotated[str, video(2, 60, min_side=512, max_side=2160), Field(min_length=1)]
"""A video: public URL, or an object-storage URI whose filesystem can sign URLs. mp4 or mov, at most
100 MB, 2 to 60 s, 720p or 1080p."""

_AudioUrl = Annotated[str, audio(inline=False), Field(min_length=1)]

_OUTSIDE_INPUT = ("callback_url",)

VoiceSpeed = Annotated[float, Field(ge=0.8, le=2.0)]


class LipSync(KlingRequest):
    """Body of ``POST /v1/videos/lip-sync``, the older form: fit a video to a text or an audio.

    In the HTTP request all fields except ``callback_url`` are inside an object ``input``; the operator
    takes them as parameters.
    ``videos/identify-face`` and ``videos/advanced-lip-sync`` are its successors.
    """

    video_id: Id | None = Field(
        None, description="Id of a video that Kling generated. Exactly one of video_id and video_url."
    )
    video_url: LipSyncVideo | None = Field(
        None,
        description="Your own video: mp4 or mov, at most 100 MB, 2 to 60 s, 720p or 1080p. Exactly one of"
        " video_id and video_url.",
    )
    mode: Literal["text2video", "audio2video"] = Field(
        description="text2video: say text with a voice; audio2video: use your own audio."
    )
    text: Annotated[str, Field(min_length=1, max_length=120)] | None = Field(
        None, description="Text to speak, at most 120 characters; with mode text2video."
    )
    voice_id: Id | None = Field(None, description="Text-to-speech voice; with mode text2video.")
    voice_language: Language | None = Field(
        None, description="Language of the voice, zh or en; zh when unset; with mode text2video."
    )
    voice_speed: VoiceSpeed | None = Field(
        None, description="Speed of the voice, 0.8 to 2.0; 1.0 when unset; with mode text2video."
    )
    audio_type: Literal["file", "url"] | None = Field(
        None,
        description="Form of the audio: file (audio_file) or url (audio_url); with mode audio2video.",
    )
    audio_file: LipSyncInlineAudio | None = Field(
        None,
        description="The audio file's content: mp3, wav, m4a or aac, at most 5 MB; with audio_type file.",
    )
    audio_url: _AudioUrl | None = Field(
        None, description="The audio file's URL: mp3, wav, m4a or aac, at most 5 MB; with audio_type url."
    )
    callback_url: CallbackUrl = None

    rules: ClassVar[tuple[Rule, ...]] = (
        exactly_one("video_id", "video_url"),
        required_when("text", mode="text2video"),
        required_when("voice_id", mode="text2video"),
        required_when("audio_type", mode="audio2video"),
        required_when("audio_file", mode="audio2video", audio_type="file"),
        required_when("audio_url", mode="audio2video", audio_type="url"),
    )
    warning_rules: ClassVar[tuple[Rule, ...]] = (
        ignored_unless("text", mode="text2video"),
        ignored_unless("voice_id", mode="text2video"),
        ignored_unless("voice_language", mode="text2video"),
        ignored_unless("voice_speed", mode="text2video"),
        ignored_unless("audio_type", mode="audio2video"),
        ignored_unless("audio_file", mode="audio2video", audio_type="file"),
        ignored_unless("audio_url", mode="audio2video", audio_type="url"),
    )

    @model_validator(mode="before")
    @classmethod
    def _flatten_input(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("input"), dict):
            return data
        return {**{name: value for name, value in data.items() if name != "input"}, **data["input"]}

    def wire(self) -> dict[str, Any]:
        """Return the JSON that is sent, with the vendor's object ``input``."""
        flat = super().wire()
        outside = {name: flat.pop(name) for name in _OUTSIDE_INPUT if name in flat}
        return {"input": flat, **outside}


LIP_SYNC = Endpoint(
    "/v1/videos/lip-sync",
    LipSync,
    ResultType.VIDEOS,
    external_id=False,
    source=kling_page("Lip-Sync of 2025", "2025-06"),
)


class IdentifyFace(KlingRequest):
    """Body of ``POST /v1/videos/identify-face``: find the faces of a video.

    Synchronous: the response holds a session and its faces, and there is no job that could be looked up. If
    the response is lost, the call may have been charged, and the task fails with ``KlingSubmissionUnknown``.
    """

    video_id: Id | None = Field(
        None, description="Id of a video that Kling generated. Exactly one of video_id and video_url."
    )
    video_url: LipSyncVideo | None = Field(
        None,
        description="Your own video: mp4 or mov, at most 100 MB, 2 to 60 s, 512 to 2,160 px per side. Exactly"
        " one of video_id and video_url.",
    )

    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("video_id", "video_url"),)


IDENTIFY_FACE = Endpoint(
    "/v1/videos/identify-face",
    IdentifyFace,
    ResultType.FACES,
    synchronous=True,
    external_id=False,
    listable=False,
    source=kling_page("Identify Face"),
)

_Volume = Annotated[float, Field(ge=0, le=2)]

_DIGITS = re.compile(r"[0-9]{1,18}")


def _as_milliseconds(value: Any) -> int | str:
    # Kling's pages have a number here and CometAPI's a string: the type is not changed.
    text = int_to_str(value)
    if not isinstance(text, str) or not _DIGITS.fullmatch(text):
        raise ValueError("must be a whole number of milliseconds, from 0 on")
    return text if isinstance(value, str) else int(text)


_Milliseconds = Annotated[int | str, BeforeValidator(_as_milliseconds)]


class FaceChoice(KlingObject):
    """One face, the sound it speaks, and when."""

    face_id: Id = Field(description="Id of a face that identify-face returned.")
    audio_id: Id | None = Field(
        None,
        description="Id of audio from audio/tts, at most 30 days old, 2 to 60 s. Exactly one of"
        " audio_id and sound_file.",
    )
    sound_file: LipSyncAudio | None = Field(
        None,
        description="Your own audio: mp3, wav, m4a or aac, at most 5 MB, 2 to 60 s. Exactly one of audio_id"
        " and sound_file.",
    )
    sound_start_time: _Milliseconds = Field(description="Start within the audio, in milliseconds.")
    sound_end_time: _Milliseconds = Field(
        description="End within the audio, in milliseconds; at least 2,000 after sound_start_time."
    )
    sound_insert_time: _Milliseconds = Field(
        description="Time in the video at which the audio begins, in milliseconds; audio and face must"
        " overlap for 2 s."
    )
    sound_volume: _Volume | None = Field(None, description="Loudness of the audio, 0 to 2; 1 when unset.")
    original_audio_volume: _Volume | None = Field(
        None, description="Loudness of the video's own audio, 0 to 2; 1 when unset."
    )
    original_sound_volume: _Volume | None = Field(
        None, description="What CometAPI calls original_audio_volume."
    )


def _each_face(violation: Any) -> Any:
    def first_broken(request: Any) -> str | None:
        return next((what for face in request.face_choose if (what := violation(face))), None)

    return first_broken


def _audio_too_short(face: FaceChoice) -> str | None:
    length = int(face.sound_end_time) - int(face.sound_start_time)
    if length >= MIN_AUDIO_MS:
        return None
    return (
        f"sound_end_time must be at least {MIN_AUDIO_MS} ms after sound_start_time;"
        f" it is {length} ms after it"
    )


_ONE_AUDIO = exactly_one("audio_id", "sound_file")
_NO_TWO_NAMES = "original_audio_volume and original_sound_volume are two names of one field: set one"


class AdvancedLipSync(KlingRequest):
    """Body of ``POST /v1/videos/advanced-lip-sync``: make faces of a video speak audio files.

    Kling accepts one face per request; CometAPI documents one or more.
    """

    session_id: Id = Field(description="Id of the session that identify-face returned.")
    face_choose: Annotated[list[FaceChoice], Field(min_length=1)] = Field(
        description="The face, with CometAPI one or more: {'face_id', 'audio_id' or 'sound_file',"
        " 'sound_start_time', 'sound_end_time', 'sound_insert_time', 'sound_volume',"
        " 'original_audio_volume'}; times in milliseconds."
    )
    watermark_info: Watermark = None
    callback_url: CallbackUrl = None
    external_task_id: ExternalTaskId = None

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(("face_choose",), _ONE_AUDIO.text, _each_face(_ONE_AUDIO.violation)),
        Rule(
            ("face_choose",),
            f"sound_end_time must be at least {MIN_AUDIO_MS} ms after sound_start_time",
            _each_face(_audio_too_short),
        ),
        custom_rule(
            "face_choose",
            text=_NO_TWO_NAMES,
            violated=lambda request: any(
                len(set_fields(face, "original_audio_volume", "original_sound_volume")) > 1
                for face in request.face_choose
            ),
        ),
    )


# The vendor's page has queries by task id only; that external ids are found as well is a field note.
ADVANCED_LIP_SYNC = Endpoint(
    "/v1/videos/advanced-lip-sync",
    AdvancedLipSync,
    ResultType.VIDEOS,
    absence_proves=False,
    source=kling_page("Lip-Sync"),
)

# The page names neither sizes nor lengths for the sound; the vendor's avatar limits are the widest known.
SpeechUrl = Annotated[str, audio(2, 300, inline=False), Field(min_length=1)]
"""An audio file: public URL, or an object-storage URI whose filesystem can sign URLs."""


class AvatarImageToVideo(KlingRequest):
    """Body of ``POST /v1/videos/avatar/image2video``: let the face of an image speak an audio file.

    The video is as long as the audio. The image must show one face only.
    """

    image: Image = Field(description="Image with one face.")
    audio_id: Id | None = Field(
        None,
        description="Id of audio from audio/tts, at most 30 days old, 2 to 300 s (CometAPI: 2 to 60 s)."
        " Exactly one of audio_id and sound_file.",
    )
    sound_file: AvatarAudio | None = Field(
        None,
        description="Your own audio: mp3, wav, m4a or aac, at most 5 MB, 2 to 300 s (CometAPI: 2 to 60 s)."
        " Exactly one of audio_id and sound_file.",
    )
    prompt: Prompt | None = Field(
        None,
        description="Gestures, mood, camera; at most 2,500 characters. CometAPI rejects requests without it.",
    )
    mode: StdPro | None = Field(None, description="Quality: std or pro; std when unset.")
    watermark_info: Watermark = None
    callback_url: CallbackUrl = None
    external_task_id: ExternalTaskId = None

    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("audio_id", "sound_file"),)


AVATAR_IMAGE_TO_VIDEO = Endpoint(
    "/v1/videos/avatar/image2video", AvatarImageToVideo, ResultType.VIDEOS, source=kling_page("Avatar")
)


class Avatar(KlingRequest):
    """Body of ``POST /v1/videos/avatar``: let the face of an image speak a text or an audio file.

    Kling's own pages do not have this path; use ``KlingAvatarImageToVideoOperator`` where the host has
    it.
    """

    image: Image = Field(description="Image with one face, preferably from the front.")
    text: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="Text to speak; needs voice_id. Exactly one of text and audio_url."
    )
    voice_id: Id | None = Field(None, description="Text-to-speech voice that speaks the text.")
    audio_url: SpeechUrl | None = Field(
        None, description="URL of the audio to speak. Exactly one of text and audio_url."
    )
    aspect_ratio: Annotated[str, Field(pattern=r"^[1-9][0-9]?:[1-9][0-9]?$")] | None = Field(
        None,
        description="Aspect ratio (width to height), such as 16:9; 16:9 when unset. Kling does not document"
        " the values.",
    )
    callback_url: CallbackUrl = None
    external_task_id: ExternalTaskId = None

    rules: ClassVar[tuple[Rule, ...]] = (
        exactly_one("text", "audio_url"),
        requires("text", "voice_id"),
        requires("voice_id", "text"),
    )


# The page documents the query by task id only.
AVATAR = Endpoint(
    "/v1/videos/avatar",
    Avatar,
    ResultType.VIDEOS,
    external_id=False,
    source="inference.sh documentation, Avatar API",
)

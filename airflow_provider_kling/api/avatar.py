# SPDX-License-Identifier: Apache-2.0
"""Requests that let a face speak, each followed by its endpoint."""

# No deferred annotations in modules of models: pydantic would have to evaluate each one again at import.

from typing import Annotated, ClassVar

from pydantic import Field

from .endpoint import Endpoint, Result
from .fields import AvatarSound, CallbackUrl, ExternalTaskId, Id, Image, Prompt, StdPro, sound
from .lip_sync import (
    ADVANCED_LIP_SYNC,
    IDENTIFY_FACE,
    LIP_SYNC,
    AdvancedLipSync,
    FaceChoice,
    IdentifyFace,
    LipSync,
)
from .objects import Watermark
from .request import KlingRequest
from .rules import Rule, exactly_one, needs

__all__ = [
    "ADVANCED_LIP_SYNC",
    "AVATAR",
    "AVATAR_IMAGE_TO_VIDEO",
    "IDENTIFY_FACE",
    "LIP_SYNC",
    "AdvancedLipSync",
    "Avatar",
    "AvatarImageToVideo",
    "FaceChoice",
    "IdentifyFace",
    "LipSync",
]

# S003 names neither sizes nor lengths for the sound; the vendor's avatar limits are the widest known.
SpeechUrl = Annotated[str, sound(2, 300, inline=False), Field(min_length=1)]
"""A sound: public URL, or an object-storage URI whose filesystem can sign addresses."""


class AvatarImageToVideo(KlingRequest):
    """Body of ``POST /v1/videos/avatar/image2video``: let the face of a picture speak a given sound.

    The video is as long as the sound. The picture must show one face only.
    """

    image: Image = Field(description="Picture with one face.")
    audio_id: Id | None = Field(
        None,
        description="Id of a sound of audio/tts: at most 30 days old, 2 to 300 s (CometAPI: 2 to 60 s)."
        " Exactly one of audio_id and sound_file.",
    )
    sound_file: AvatarSound | None = Field(
        None,
        description="Your own sound: mp3, wav, m4a or aac, at most 5 MB, 2 to 300 s (CometAPI: 2 to 60 s)."
        " Exactly one of audio_id and sound_file.",
    )
    prompt: Prompt | None = Field(
        None,
        description="Gestures, mood, camera; at most 2,500 characters. CometAPI refuses requests without it.",
    )
    mode: StdPro | None = Field(None, description="Quality: std or pro; std when unset.")
    watermark_info: Watermark = None
    callback_url: CallbackUrl = None
    external_task_id: ExternalTaskId = None

    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("audio_id", "sound_file"),)


AVATAR_IMAGE_TO_VIDEO = Endpoint("/v1/videos/avatar/image2video", AvatarImageToVideo, Result.VIDEOS)


class Avatar(KlingRequest):
    """Body of ``POST /v1/videos/avatar`` (S003): let the face of a picture speak a text or a sound.

    The vendor's own pages do not have this path; use :class:`AvatarImageToVideo` where you can.
    """

    image: Image = Field(description="Picture with one face, best from the front.")
    text: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="What to say; needs voice_id. Exactly one of text and audio_url."
    )
    voice_id: Id | None = Field(None, description="Text-to-speech voice that says the text.")
    audio_url: SpeechUrl | None = Field(
        None, description="Address of the sound to speak. Exactly one of text and audio_url."
    )
    aspect_ratio: Annotated[str, Field(pattern=r"^[1-9][0-9]?:[1-9][0-9]?$")] | None = Field(
        None, description="Width to height, such as 16:9; 16:9 when unset. S003 does not list the values."
    )
    callback_url: CallbackUrl = None
    external_task_id: ExternalTaskId = None

    rules: ClassVar[tuple[Rule, ...]] = (
        exactly_one("text", "audio_url"),
        needs("text", "voice_id"),
        needs("voice_id", "text"),
    )


# S003 documents the query by task id only.
AVATAR = Endpoint("/v1/videos/avatar", Avatar, Result.VIDEOS, external_id=False, source="S003")

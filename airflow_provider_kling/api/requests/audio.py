# SPDX-License-Identifier: Apache-2.0
"""Requests that generate audio, each followed by its endpoint."""

# No deferred annotations in modules of models: pydantic would have to evaluate each one again at import.

from typing import Annotated, ClassVar

from pydantic import Field

from ..endpoint import Endpoint, ResultType, kling_page
from .base import KlingRequest
from .field_types import CallbackUrl, ExternalTaskId, Id, Language, OneDecimal, video
from .rules import Rule, exactly_one

SourceVideo = Annotated[str, video(3, 20), Field(min_length=1)]
"""A video: public URL, or an object-storage URI whose filesystem can sign URLs. mp4 or mov, at most
100 MB, 3 to 20 s."""

_SpeechText = Annotated[str, Field(min_length=1, max_length=200)]


class TextToSpeech(KlingRequest):
    """Body of ``POST /v1/audio/tts``: say a text.

    Synchronous: the response holds the audio, and there is no job that could be looked up. If the response is
    lost, the call may have been charged, and the task fails with ``KlingSubmissionUnknown``. The id of the
    audio is the ``audio_id`` of avatars and lip-sync for 30 days.
    """

    text: Annotated[str, Field(min_length=1, max_length=1000)] = Field(
        description="Text to speak; at most 1,000 characters."
    )
    voice_id: Id = Field(
        description="Voice of Kling's text-to-speech list; custom and preset voices do not work here."
    )
    voice_language: Language = Field(description="Language of the voice: zh or en.")
    voice_speed: Annotated[float, Field(ge=0.8, le=2.0)] | None = Field(
        None, description="Speed, 0.8 to 2.0; 1.0 when unset. Kling rounds it to one decimal place."
    )


TEXT_TO_SPEECH = Endpoint(
    "/v1/audio/tts",
    TextToSpeech,
    ResultType.AUDIOS,
    synchronous=True,
    external_id=False,
    listable=False,
    source=kling_page("Text to Speech"),
)


class TextToAudio(KlingRequest):
    """Body of ``POST /v1/audio/text-to-audio``: generate audio from a text prompt."""

    prompt: _SpeechText = Field(description="What the audio contains; at most 200 characters.")
    duration: Annotated[float, Field(ge=3, le=10), OneDecimal] = Field(
        description="Length in seconds, 3.0 to 10.0 with one decimal place."
    )
    callback_url: CallbackUrl = None
    external_task_id: ExternalTaskId = None


TEXT_TO_AUDIO = Endpoint(
    "/v1/audio/text-to-audio", TextToAudio, ResultType.AUDIOS, source=kling_page("Text to Audio")
)


class VideoToAudio(KlingRequest):
    """Body of ``POST /v1/audio/video-to-audio``: give a video sound; makes both sound and video."""

    video_id: Id | None = Field(
        None,
        description="Id of a video that Kling generated, at most 30 days old. Exactly one of video_id and"
        " video_url.",
    )
    video_url: SourceVideo | None = Field(
        None,
        description="Your own video: mp4 or mov, at most 100 MB, 3 to 20 s. Exactly one of video_id and"
        " video_url.",
    )
    sound_effect_prompt: _SpeechText | None = Field(
        None, description="Sound effects; at most 200 characters; taken from the video when unset."
    )
    bgm_prompt: _SpeechText | None = Field(
        None, description="Background music; at most 200 characters; taken from the video when unset."
    )
    asmr_mode: bool | None = Field(
        None, description="Whether to generate close, detailed noises (ASMR); false when unset."
    )
    callback_url: CallbackUrl = None
    external_task_id: ExternalTaskId = None

    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("video_id", "video_url"),)


VIDEO_TO_AUDIO = Endpoint(
    "/v1/audio/video-to-audio", VideoToAudio, ResultType.AUDIOS, source=kling_page("Video to Audio")
)

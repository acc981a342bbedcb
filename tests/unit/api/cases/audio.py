# SPDX-License-Identifier: Apache-2.0
"""Bodies of the sound endpoints and of the library."""

from __future__ import annotations

from typing import Any

from airflow_provider_kling.api.requests.audio import TextToAudio, TextToSpeech, VideoToAudio
from airflow_provider_kling.api.requests.library import CustomElement, CustomVoice, DeleteElement, DeleteVoice

from .common import AUDIO_URL, IMAGE_URL, VIDEO, Accepted, Refused

SPEECH = {"text": "Throughout my time", "voice_id": "oversea_male1", "voice_language": "en"}
VIEWS = {"frontal_image": IMAGE_URL, "refer_images": [{"image_url": IMAGE_URL}]}
FILM = {"refer_videos": [{"video_url": VIDEO}]}


def element(kind: str, **values: Any) -> dict[str, Any]:
    return {"element_name": "Ann", "element_description": "a sailor", "reference_type": kind, **values}


ACCEPTED = [
    Accepted(TextToSpeech, SPEECH),
    Accepted(TextToSpeech, {**SPEECH, "voice_speed": 1}),
    Accepted(TextToSpeech, {**SPEECH, "text": "x" * 1000, "voice_speed": "0.8"}),
    Accepted(TextToAudio, {"prompt": "rain", "duration": 3}),
    Accepted(TextToAudio, {"prompt": "x" * 200, "duration": "9.9"}),
    Accepted(VideoToAudio, {"video_id": "8", "asmr_mode": "True"}),
    Accepted(VideoToAudio, {"video_url": VIDEO, "sound_effect_prompt": "steps", "bgm_prompt": "piano"}),
    Accepted(CustomVoice, {"voice_name": "Ann", "voice_url": AUDIO_URL, "video_id": ""}),
    Accepted(CustomVoice, {"voice_name": "x" * 20, "video_id": "8"}),
    Accepted(CustomElement, element("image_refer", element_image_list=VIEWS)),
    Accepted(
        CustomElement,
        element("video_refer", element_video_list=FILM, tag_list=[{"tag_id": "o_102"}], element_voice_id=8),
    ),
    Accepted(DeleteVoice, {"voice_id": 850087542757535834}),
    Accepted(DeleteElement, {"element_id": 829836802793406551}),
]

REFUSED = [
    Refused(TextToSpeech, {**SPEECH, "text": ""}, "text"),
    Refused(TextToSpeech, {**SPEECH, "text": "x" * 1001}, "1000"),
    Refused(TextToSpeech, {**SPEECH, "voice_language": None}, "voice_language"),
    Refused(TextToSpeech, {**SPEECH, "voice_speed": 0.7}, "voice_speed"),
    Refused(TextToSpeech, {**SPEECH, "external_task_id": "mine"}, "external_task_id"),
    Refused(TextToAudio, {"prompt": "rain"}, "duration"),
    Refused(TextToAudio, {"prompt": "rain", "duration": 2.9}, "duration"),
    Refused(TextToAudio, {"prompt": "rain", "duration": 10.1}, "duration"),
    Refused(TextToAudio, {"prompt": "rain", "duration": 5.25}, "one decimal"),
    Refused(TextToAudio, {"prompt": "x" * 201, "duration": 5}, "200"),
    Refused(VideoToAudio, {}, "exactly one of video_id or video_url"),
    Refused(VideoToAudio, {"video_id": "8", "bgm_prompt": "x" * 201}, "200"),
    Refused(CustomVoice, {"voice_name": "Ann"}, "exactly one of voice_url or video_id"),
    Refused(CustomVoice, {"voice_name": "x" * 21, "video_id": "8"}, "20"),
    Refused(CustomElement, element("image_refer"), "element_image_list must be given"),
    Refused(CustomElement, element("video_refer"), "element_video_list must be given"),
    Refused(
        CustomElement,
        element("image_refer", element_image_list={"frontal_image": IMAGE_URL, "refer_images": []}),
        "at least 1",
    ),
    Refused(
        CustomElement,
        element("image_refer", element_image_list={**VIEWS, "refer_images": VIEWS["refer_images"] * 4}),
        "at most 3",
    ),
    Refused(
        CustomElement,
        element("video_refer", element_video_list={"refer_videos": FILM["refer_videos"] * 2}),
        "at most 1",
    ),
    Refused(
        CustomElement,
        element("image_refer", element_image_list=VIEWS, element_description="x" * 101),
        "100",
    ),
    Refused(
        CustomElement,
        element("image_refer", element_image_list=VIEWS, tag_list=[{"tag_id": "hot"}]),
        "tag_id",
    ),
    Refused(DeleteVoice, {}, "voice_id"),
    Refused(DeleteElement, {"element_id": "Ann"}, "whole number"),
]

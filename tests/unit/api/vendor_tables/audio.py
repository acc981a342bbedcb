# SPDX-License-Identifier: Apache-2.0
"""The pages on speech, other audio and voices."""

from __future__ import annotations

from .common import AUDIO_FIELD, FILM, TASK, Field, Page, Rule

AUDIO = (
    Page(
        "Text to Speech",
        "audio/tts",
        {"text": "Hello", "voice_id": "oversea_male1", "voice_language": "en"},
        {
            "text": Field(required=True, longest=1000),
            "voice_id": Field(required=True, values=("oversea_male1",), closed=False),
            # The page requires it and names a default, which is sent where it is not given.
            "voice_language": Field(values=("zh", "en")),
            "voice_speed": Field(low=0.8, high=2.0),
        },
    ),
    Page(
        "Text to Audio",
        "audio/text-to-audio",
        {"prompt": "Rain", "duration": 5.0},
        {
            **TASK,
            "prompt": Field(required=True, longest=200),
            "duration": Field(required=True, low=3.0, high=10.0, values=(4.5,), closed=False),
        },
    ),
    Page(
        "Video to Audio",
        "audio/video-to-audio",
        {"video_id": "1"},
        {
            **TASK,
            "video_id": Field(values=("1",), closed=False),
            "video_url": Field(values=(FILM,), closed=False, given={"video_id": None}),
            "sound_effect_prompt": Field(longest=200),
            "bgm_prompt": Field(longest=200),
            "asmr_mode": Field(values=(True, False), closed=False),
        },
        (
            Rule(
                "exactly one of video_id and video_url",
                refused=({"video_id": None}, {"video_url": FILM}),
            ),
        ),
    ),
    Page(
        "Custom Voices",
        "general/custom-voices",
        {"voice_name": "Ann", "voice_url": AUDIO_FIELD},
        {
            **TASK,
            "voice_name": Field(required=True, longest=20),
            "voice_url": Field(values=(AUDIO_FIELD,), closed=False),
            "video_id": Field(values=("1",), closed=False, given={"voice_url": None}),
        },
        (Rule("exactly one of voice_url and video_id", refused=({"voice_url": None}, {"video_id": "1"})),),
    ),
)

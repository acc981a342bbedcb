# SPDX-License-Identifier: Apache-2.0
"""Audio and valid bodies for every endpoint."""

from __future__ import annotations

import base64
import io
from functools import cache
from typing import Any

import av
import numpy as np

from tests.unit.emulator.conftest import png

URL = "https://example.com/picture.png"
VIDEO_URL = "https://example.com/video.mp4"

# A file of minutes is encoded in no time only without compression, and must stay below 5 MB.
_CODECS = {
    "mp3": ("mp3", "libmp3lame", "fltp", 22_050),
    "wav": ("wav", "pcm_s16le", "s16", 8_000),
    "m4a": ("ipod", "aac", "fltp", 22_050),
    "aac": ("adts", "aac", "fltp", 22_050),
}


@cache
def audio_file(seconds: float, kind: str = "mp3") -> str:
    """Return a 440 Hz tone as base64."""
    container_name, codec, sample_format, rate = _CODECS[kind]
    stream = io.BytesIO()
    with av.open(stream, "w", format=container_name) as container:
        track = container.add_stream(codec, rate=rate, layout="mono", format=sample_format)
        tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
        data = (tone * 32767).astype(np.int16) if kind == "wav" else tone.astype(np.float32)
        frame = av.AudioFrame.from_ndarray(data[None], format=sample_format, layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return base64.b64encode(stream.getvalue()).decode()


def body(slug: str, kling: Any) -> dict[str, Any]:
    """Return a good body for an endpoint; what it needs from earlier calls is made first."""
    makers = {
        "videos/video-extend": lambda: {"video_id": _video(kling)},
        "videos/multi-elements": lambda: {
            "session_id": kling.post(
                "/v1/videos/multi-elements/init-selection", {"video_url": VIDEO_URL}
            ).json()["data"]["session_id"],
            "edit_mode": "removal",
            "prompt": "without the cup",
        },
        "videos/advanced-lip-sync": lambda: _lip_sync(kling),
    }
    return makers[slug]() if slug in makers else dict(BODIES[slug])


def _video(kling: Any) -> str:
    return str(kling.finish(kling.create())["task_result"]["videos"][0]["id"])


def _lip_sync(kling: Any) -> dict[str, Any]:
    found = kling.post("/v1/videos/identify-face", {"video_url": VIDEO_URL}).json()["data"]
    return {
        "session_id": found["session_id"],
        "face_choose": [
            {
                "face_id": found["face_data"][0]["face_id"],
                "sound_file": audio_file(3),
                "sound_start_time": 0,
                "sound_end_time": 3000,
                "sound_insert_time": 500,
            }
        ],
    }


BODIES: dict[str, dict[str, Any]] = {
    "videos/text2video": {"model_name": "kling-v3", "prompt": "a cat"},
    "videos/image2video": {"model_name": "kling-v3", "image": png()},
    "videos/multi-image2video": {"image_list": [{"image": png()}, {"image": URL}], "prompt": "they dance"},
    "videos/omni-video": {"prompt": "a cat", "aspect_ratio": "9:16"},
    "videos/motion-control": {
        "image_url": png(),
        "video_url": VIDEO_URL,
        "character_orientation": "video",
        "mode": "std",
    },
    "videos/effects": {"effect_scene": "squish", "input": {"image": png()}},
    "videos/avatar/image2video": {"image": png(), "sound_file": audio_file(2.5), "prompt": "smile"},
    "videos/avatar": {"image": png(), "text": "Good evening, this is the news.", "voice_id": "oversea_male1"},
    "videos/lip-sync": {
        "input": {
            "video_url": VIDEO_URL,
            "mode": "text2video",
            "text": "Hello",
            "voice_id": "girl",
            "voice_language": "en",
        }
    },
    "videos/identify-face": {"video_url": VIDEO_URL},
    "videos/image-recognize": {"image": png()},
    "images/generations": {"model_name": "kling-v3", "prompt": "a cat", "n": 2},
    "images/omni-image": {"prompt": "a cat"},
    "images/multi-image2image": {
        "model_name": "kling-v2-1",
        "subject_image_list": [{"subject_image": png()}],
    },
    "images/editing/expand": {
        "image": png(),
        "up_expansion_ratio": 0.2,
        "down_expansion_ratio": 0,
        "left_expansion_ratio": 0.5,
        "right_expansion_ratio": 0.5,
    },
    "images/kolors-virtual-try-on": {"human_image": png(), "cloth_image": png(colour="green")},
    "general/ai-multi-shot": {"element_frontal_image": png()},
    "audio/tts": {
        "text": "Hello and welcome to the show",
        "voice_id": "oversea_male1",
        "voice_language": "en",
    },
    "audio/text-to-audio": {"prompt": "rain", "duration": 3.5},
    "audio/video-to-audio": {"video_url": VIDEO_URL},
    "general/custom-voices": {"voice_name": "me", "voice_url": "https://example.com/me.mp3"},
    "text-to-video": {"prompt": "a cat"},
    "image-to-video": {
        "model_name": "kling-3.0",
        "first_frame": png(),
        "last_frame": URL,
        "elements": [{"element_id": "1", "id": "fox"}],
        "prompt": "@fox runs",
    },
    "omni-video": {
        "prompt": "@coat",
        "first_frame": png(),
        "refer_images": [URL, {"url": URL, "id": "coat"}],
        "audio": "native",
    },
    "motion-control": {"image": png(), "video": VIDEO_URL, "character_orientation": "video"},
    "solutions/virtual_try_on": {"person_image": URL, "product_image": URL, "keep_face": False},
    "solutions/e-commerce/goods_studio": {
        "ref_image": [png(), png(kind="WEBP")],
        "goods_title": "Umbrella",
        "goods_description": "A fine umbrella",
        "resolution": "720p",
        "aspect_ratio": "1:1",
        "duration": 15,
    },
    "solutions/e-commerce/clothing_dupe": {
        "product_info": "A light shirt",
        "source_video": VIDEO_URL,
        "product_image": [png(), URL],
        "model_image": [png(colour="blue")],
        "bgm": "https://example.com/music.mp3",
        "voice": "calm_sales_man",
        "aspect_ratio": "9:16",
    },
    "solutions/talking_agent": {
        "avatar_image": png(),
        "voice_id": "female_warm_rich",
        "speech_script": "You can take it anywhere.",
        "ref_image": [URL],
        "goods_title": "Speaker",
        "goods_price": "399",
        "goods_selling_point": ["waterproof", "small"],
        "allow_polish": True,
    },
    "solutions/drama_subtitle": {
        "source_video": VIDEO_URL,
        "glossary": [{"source": "\u5b8b\u68e0", "target": "Song Tang"}],
        "target_cps": 12,
    },
    "general/advanced-custom-elements": {
        "element_name": "fox",
        "element_description": "a red fox",
        "reference_type": "image_refer",
        "element_image_list": {"frontal_image": png(), "refer_images": [{"image_url": URL}]},
    },
}

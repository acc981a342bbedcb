# SPDX-License-Identifier: Apache-2.0
"""Values are taken as people, templates and XComs give them, and sent in the vendor's types."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from airflow_provider_kling.api.hosts import format_for_host
from airflow_provider_kling.api.requests.audio import TextToAudio, TextToSpeech, VideoToAudio
from airflow_provider_kling.api.requests.avatar import AdvancedLipSync, AvatarImageToVideo, LipSync
from airflow_provider_kling.api.requests.base import KlingRequest
from airflow_provider_kling.api.requests.image import ImageExpand, ImageGeneration, OmniImage
from airflow_provider_kling.api.requests.library import DeleteElement
from airflow_provider_kling.api.requests.omni_video import OmniVideo
from airflow_provider_kling.api.requests.video import ImageToVideo, TextToVideo
from airflow_provider_kling.utils.urls import is_url, strip_data_uri
from tests.unit.api.cases.common import AUDIO_URL, IMAGE_URL, VIDEO, shots
from tests.unit.api.cases.faces import avatar, face, sound
from tests.unit.api.cases.generation import CUSTOM, image_case, text
from tests.unit.api.cases.images import expand, image
from tests.unit.api.cases.omni import omni

SPEECH = {"text": "x", "voice_id": 7, "voice_language": "en"}


@pytest.mark.parametrize(
    ("model", "body", "name", "sent"),
    [
        *[(TextToVideo, text(duration=value), "duration", "5") for value in ("5", 5, 5.0, "5.0")],
        (TextToVideo, text(cfg_scale="0.5"), "cfg_scale", 0.5),
        (TextToVideo, text(sound=True), "sound", "on"),
        (TextToVideo, text(sound=False), "sound", "off"),
        (
            TextToVideo,
            text(**CUSTOM, multi_prompt=shots(5)),
            "multi_prompt",
            [{"index": 1, "prompt": "shot 1", "duration": "5"}],
        ),
        (
            OmniVideo,
            omni(video_list=[{"video_url": VIDEO, "keep_original_sound": False}]),
            "video_list",
            [{"video_url": VIDEO, "keep_original_sound": "no"}],
        ),
        (ImageToVideo, image_case(element_list=[{"element_id": "8"}]), "element_list", [{"element_id": 8}]),
        (ImageToVideo, image_case(watermark_info={}), "watermark_info", None),
        (
            ImageToVideo,
            image_case(watermark_info={"enabled": "true"}),
            "watermark_info",
            {"enabled": True},
        ),
        (ImageToVideo, {"image": "data:image/png;base64,iVBO"}, "image", "iVBO"),
        (AvatarImageToVideo, avatar(audio_id=825455158141661278), "audio_id", "825455158141661278"),
        (TextToAudio, {"prompt": "rain", "duration": "5"}, "duration", 5.0),
        (TextToSpeech, {**SPEECH, "voice_speed": "1.2"}, "voice_speed", 1.2),
        (TextToSpeech, SPEECH, "voice_id", "7"),
        (VideoToAudio, {"video_id": 8, "asmr_mode": "False"}, "asmr_mode", False),
        (ImageGeneration, image(n="3"), "n", 3),
        (ImageExpand, expand(0, 0, 0, 1), "up_expansion_ratio", 0.0),
        (OmniImage, image(model_name="x", result_type="series", series_amount="4"), "series_amount", 4),
        (
            OmniImage,
            image(model_name="x", result_type="series", series_amount="auto"),
            "series_amount",
            "auto",
        ),
        (DeleteElement, {"element_id": 829836802793406551}, "element_id", "829836802793406551"),
        (
            AdvancedLipSync,
            face(),
            "face_choose",
            [
                {
                    "face_id": "0",
                    "sound_file": AUDIO_URL,
                    "sound_start_time": 0,
                    "sound_end_time": "3000",
                    "sound_insert_time": 1000,
                }
            ],
        ),
    ],
)
def test_wire_type(model: type[KlingRequest], body: dict[str, Any], name: str, sent: Any) -> None:
    found = model.model_validate(body).wire().get(name)
    assert found == sent
    assert type(found) is type(sent)


@pytest.mark.parametrize(
    ("values", "sent"), [(0, 0), ("0", "0"), (3000.0, 3000), ("3000.0", "3000"), (10**17, 10**17)]
)
def test_a_time_stays_the_number_or_the_string_in_which_it_was_sent(values: Any, sent: Any) -> None:
    (wire,) = AdvancedLipSync.model_validate(face(sound_insert_time=values)).wire()["face_choose"]
    assert wire["sound_insert_time"] == sent
    assert type(wire["sound_insert_time"]) is type(sent)


@pytest.mark.parametrize(
    ("dialect", "values", "sent"),
    [
        ("cometapi", 3000, "3000"),
        ("cometapi", "3000", "3000"),
        ("kling", "3000", 3000),
        ("kling", 3000, 3000),
        ("gateway", "3000", "3000"),
        ("gateway", 3000, 3000),
    ],
)
def test_a_time_goes_out_as_the_host_documents_it(dialect: str, values: Any, sent: Any) -> None:
    body = AdvancedLipSync.model_validate(face(sound_end_time=values)).wire()
    (written,) = format_for_host("videos/advanced-lip-sync", dialect, body)["face_choose"]
    assert written["sound_end_time"] == sent
    assert type(written["sound_end_time"]) is type(sent)
    assert written["face_id"] == "0"


def test_other_requests_are_written_the_same_everywhere() -> None:
    body = TextToVideo.model_validate(text(duration=5)).wire()
    assert format_for_host("videos/text2video", "cometapi", body) == body


def test_old_lip_sync_is_flat_for_people_and_nested_on_the_wire() -> None:
    wire = LipSync.model_validate({**sound(), "callback_url": "https://example.com/cb"}).wire()
    assert wire == {
        "input": {"video_url": VIDEO, "mode": "audio2video", "audio_type": "url", "audio_url": AUDIO_URL},
        "callback_url": "https://example.com/cb",
    }


@pytest.mark.parametrize("value", [True, "5s", 5.5, "05", [5], 10**30])
def test_values_that_are_no_seconds(value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        TextToVideo.model_validate(text(duration=value))
    assert caught.value.errors()[0]["loc"] == ("duration",)


def test_values_never_show_in_error_texts() -> None:
    with pytest.raises(ValidationError) as caught:
        AvatarImageToVideo.model_validate(
            {"image": IMAGE_URL, "sound_file": "c2VjcmV0" * 100, "audio_id": "8"}
        )
    assert "c2VjcmV0" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("https://example.com/a.png", True),
        ("http://example.com/a.png", True),
        ("s3://bucket/a.png", False),
        ("/tmp/a.png", False),
        ("aGVsbG8=", False),
        ("", False),
    ],
)
def test_kinds_of_media_values(value: str, url: bool) -> None:
    assert is_url(value) is url


@pytest.mark.parametrize("prefix", ["data:image/png;base64,", "DATA:;BASE64,", ""])
def test_data_uri_prefix_is_dropped(prefix: str) -> None:
    assert strip_data_uri(f"{prefix}aGVsbG8=") == "aGVsbG8="

# SPDX-License-Identifier: Apache-2.0
"""The same request is ordered at each host as that host documents it."""

from __future__ import annotations

import base64
import io
import wave
from typing import Any

import pytest
from PIL import Image

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.api.hosts import DIALECTS
from airflow_provider_kling.exceptions import KlingRequestInvalid
from airflow_provider_kling.inputs.prepared_request import PreparedRequest, prepare_request

IMAGE_URL = "https://example.com/face.png"
LIP_SYNC = {"video_url": "https://example.com/clip.mp4", "mode": "audio2video", "audio_type": "file"}


def ordered(slug: str, dialect: str, **values: Any) -> PreparedRequest:
    return prepare_request(ENDPOINTS[slug], values, DIALECTS[dialect])


def png(width: int, height: int) -> str:
    stream = io.BytesIO()
    Image.new("RGB", (width, height)).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def silence(seconds: float) -> str:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(8000)
        audio.writeframes(bytes(2 * round(8000 * seconds)))
    return base64.b64encode(stream.getvalue()).decode()


@pytest.mark.parametrize("model", ["kling-v1-6", "kling-v2-1", "kling-v2-6", "kling-v3", "kling-video-o1"])
def test_cometapi_takes_another_current_model_for_several_images(model: str) -> None:
    """CometAPI: begin with kling-v1-6 or another current model that you have verified."""
    order = ordered(
        "videos/multi-image2video", "cometapi", image_list=[{"image": IMAGE_URL}] * 2, model_name=model
    )
    assert order.body["model_name"] == model
    assert order.warnings


@pytest.mark.parametrize("mode", ["std", "pro"])
def test_cometapi_takes_a_mode_for_the_model_that_it_recommends(mode: str) -> None:
    """CometAPI recommends kling-v2-master and lists mode std and pro; at Kling that model had no mode."""
    order = ordered(
        "videos/image2video", "cometapi", model_name="kling-v2-master", image=IMAGE_URL, mode=mode
    )
    assert (order.body["model_name"], order.body["mode"]) == ("kling-v2-master", mode)
    assert any("does not accept mode" in warning for warning in order.warnings)


def test_a_model_of_another_kling_endpoint_is_not_requested() -> None:
    with pytest.raises(KlingRequestInvalid, match="is a model of videos/omni-video"):
        ordered("videos/text2video", "kling", prompt="a fox", model_name="kling-video-o1")
    assert ordered("videos/text2video", "gateway", prompt="a fox", model_name="kling-video-o1").warnings


def face(**values: Any) -> dict[str, Any]:
    times = {"sound_start_time": "0", "sound_end_time": "2000", "sound_insert_time": "0"}
    return {"face_id": "1", "audio_id": "2", **times, "sound_volume": 1.0, **values}


def test_cometapis_own_lip_sync_body_goes_out_as_it_is() -> None:
    body = {"session_id": "850", "face_choose": [face(original_sound_volume=0.0), face(face_id="2")]}
    order = ordered("videos/advanced-lip-sync", "cometapi", **body)
    assert order.body == body
    assert order.warnings == ()


def test_kling_gets_times_as_numbers_and_one_face() -> None:
    order = ordered("videos/advanced-lip-sync", "kling", session_id="850", face_choose=[face()])
    assert [order.body["face_choose"][0][name] for name in ("sound_end_time", "sound_insert_time")] == [
        2000,
        0,
    ]
    with pytest.raises(KlingRequestInvalid, match="only one person"):
        ordered("videos/advanced-lip-sync", "kling", session_id="850", face_choose=[face(), face()])


def test_a_time_is_the_same_input_however_it_was_written() -> None:
    faces = [face(), face(sound_start_time=0, sound_end_time=2000, sound_insert_time=0)]
    prints = {
        ordered("videos/advanced-lip-sync", "kling", session_id="850", face_choose=[one]).fingerprint
        for one in faces
    }
    assert len(prints) == 1


@pytest.mark.parametrize(
    ("slug", "values"),
    [
        ("images/kolors-virtual-try-on", {"human_image": png(400, 1100), "cloth_image": png(1100, 400)}),
        ("videos/image2video", {"image": IMAGE_URL, "image_tail": png(300, 1200), "prompt": "turns"}),
    ],
)
def test_a_ratio_that_no_source_limits_is_accepted(slug: str, values: dict[str, Any]) -> None:
    assert ordered(slug, "gateway", **values).inputs


@pytest.mark.parametrize(
    ("slug", "values", "expected_text"),
    [
        ("videos/image2video", {"image": png(300, 1200)}, "ratio"),
        ("videos/image2video", {"image": IMAGE_URL, "image_tail": png(299, 400)}, "at least 300"),
        ("images/kolors-virtual-try-on", {"human_image": png(299, 400)}, "at least 300"),
    ],
)
def test_what_sources_limit_is_refused(slug: str, values: dict[str, Any], expected_text: str) -> None:
    with pytest.raises(KlingRequestInvalid, match=expected_text):
        ordered(slug, "gateway", **values)


@pytest.mark.parametrize("seconds", [1, 61])
def test_old_lip_sync_accepts_audio_of_any_length(seconds: float) -> None:
    order = ordered("videos/lip-sync", "gateway", **LIP_SYNC, audio_file=silence(seconds))
    assert order.inputs[-1].seconds == seconds


def test_old_lip_sync_still_takes_5_megabytes_at_most() -> None:
    with pytest.raises(KlingRequestInvalid, match="larger than 5 MB"):
        ordered("videos/lip-sync", "gateway", **LIP_SYNC, audio_file=silence(400))


@pytest.mark.parametrize(("dialect", "warned"), [("kling", False), ("cometapi", True), ("gateway", True)])
def test_only_klings_own_hosts_are_known_to_have_api_2(dialect: str, warned: bool) -> None:
    order = ordered("text-to-video", dialect, prompt="a boat")
    expected_text = "text-to-video belongs to an API that only Kling's own hosts are known to have."
    assert (expected_text in order.warnings) is warned

# SPDX-License-Identifier: Apache-2.0
"""Faces that speak: lengths follow the sound, and the sound is heard."""

from __future__ import annotations

import base64
import io

import av
import numpy as np
import pytest
import requests

from tests.unit.emulator.conftest import png
from tests.unit.emulator.decoded_media import decode
from tests.unit.emulator.sample_bodies import VIDEO_URL, audio_file, body

AVATAR = "/v1/videos/avatar/image2video"
LIP_SYNC = "/v1/videos/advanced-lip-sync"


def _seen(result):
    return decode(requests.get(result["videos"][0]["url"], timeout=60).content)


def _spoken(kling, **changes) -> dict:
    response = kling.post("/v1/audio/tts", {**body("audio/tts", kling), **changes}).json()
    return dict(response["data"]["task_result"]["audios"][0])


def _record_with_cover() -> str:
    """Return audio with a cover image, as base64."""
    stream = io.BytesIO()
    source = av.open(io.BytesIO(base64.b64decode(audio_file(3, "m4a"))))
    with source, av.open(stream, "w", format="mp4") as container:
        track = container.add_stream_from_template(source.streams.audio[0])
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        image = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        container.mux([*cover.encode(image), *cover.encode(None)])
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = track
                container.mux(packet)
    return base64.b64encode(stream.getvalue()).decode()


class TestAvatar:
    def test_audio_with_a_cover_image_is_audio(self, kling):
        good = {"image": png(), "prompt": "smile", "sound_file": _record_with_cover()}
        assert kling.post(AVATAR, good).status_code == 200

    @pytest.mark.parametrize("kind", ["mp3", "wav", "m4a", "aac"])
    def test_an_avatar_video_has_the_length_and_the_track_of_the_audio(self, start, kind):
        kling = start(scale=0.2)
        result = kling.result(AVATAR, image=png(), sound_file=audio_file(3.2, kind), mode="std")
        assert float(result["videos"][0]["duration"]) == pytest.approx(3.2, abs=0.1)
        seen = _seen(result)
        assert (seen.video, seen.audio) == ("h264", "aac")
        assert seen.seconds == pytest.approx(3.2, abs=0.15)
        # What was sent is a tone of 440 Hz.
        assert seen.peak > 0.3
        assert seen.pitch == pytest.approx(440, abs=2)

    def test_audio_of_text_to_speech_is_accepted(self, start):
        kling = start(scale=0.2)
        audio = _spoken(kling, text="word " * 20)
        result = kling.result(AVATAR, image=png(), audio_id=audio["id"])
        assert result["videos"][0]["duration"] == audio["duration"]
        seen = _seen(result)
        assert seen.seconds == pytest.approx(float(audio["duration"]), abs=0.1)
        assert seen.peak > 0.1

    def test_an_avatar_is_priced_by_the_second(self, kling):
        task = kling.finish(
            kling.create(AVATAR, image=png(), sound_file=audio_file(11.3), mode="pro"), AVATAR
        )
        assert task["final_unit_deduction"] == "8.8"

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            pytest.param({}, "one and only one of audio_id and sound_file", id="no sound"),
            pytest.param(
                {"sound_file": audio_file(3), "audio_id": "tts"}, "one and only one", id="two sounds"
            ),
            pytest.param({"sound_file": audio_file(1)}, "[2s, 300s]", id="too short"),
            pytest.param({"sound_file": audio_file(301, "wav")}, "[2s, 300s]", id="too long"),
            pytest.param({"sound_file": png()}, "Audio format is invalid", id="a picture"),
            pytest.param({"sound_file": "A" * (8 * 1024 * 1024)}, "5MB", id="too large"),
            pytest.param({"sound_file": "data:audio/mp3;base64," + audio_file(3)}, "data:", id="data prefix"),
            pytest.param({"audio_id": "unknown"}, "Audio not found by id: unknown", id="unknown id"),
            pytest.param({"sound_file": audio_file(3), "mode": "4k"}, "mode value '4k'", id="mode"),
        ],
    )
    def test_invalid_bodies_are_refused(self, kling, body, words):
        if body.get("audio_id") == "tts":
            body = {**body, "audio_id": _spoken(kling, text="word " * 20)["id"]}
        response = kling.post(AVATAR, {"image": png(), **body})
        assert (response.status_code, response.json()["code"]) == (400, 1201)
        assert words in response.json()["message"]

    def test_too_short_audio_of_text_to_speech_is_refused(self, kling):
        response = kling.post(AVATAR, {"image": png(), "audio_id": _spoken(kling, text="Hi")["id"]})
        assert "[2s, 300s], got 1.0s" in response.json()["message"]

    def test_spoken_audio_expires_after_30_days(self, kling):
        audio = _spoken(kling, text="word " * 20)
        kling.emulator.advance(31 * 24 * 3600)
        response = kling.post(AVATAR, {"image": png(), "audio_id": audio["id"]})
        assert "Audio not found" in response.json()["message"]


class TestAvatarFromText:
    PATH = "/v1/videos/avatar"

    def test_an_avatar_from_text_has_the_ratio_16_to_9(self, start):
        kling = start(scale=0.25)
        result = kling.result(self.PATH, image=png(600, 600), text="x" * 45, voice_id="v")
        seen = _seen(result)
        assert seen.seconds == pytest.approx(3, abs=0.1)
        assert seen.size == (320, 180)
        assert seen.audio == "aac"

    def test_an_audio_url_on_this_machine_is_accepted(self, start):
        kling = start(scale=0.2)
        audio = _spoken(kling, text="word " * 30)
        result = kling.result(self.PATH, image=png(), audio_url=audio["url"], aspect_ratio="1:1")
        seen = _seen(result)
        assert seen.seconds == pytest.approx(float(audio["duration"]), abs=0.1)
        assert seen.size == (144, 144)

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ({"text": "Hi"}, "voice_id is required with text"),
            ({"text": "Hi", "voice_id": "v", "audio_url": "https://example.com/x.mp3"}, "one and only one"),
            ({}, "one and only one of text and audio_url"),
            ({"audio_url": "https://example.com/x.mp3", "voice_id": "v"}, "text is required with voice_id"),
            ({"text": "Hi", "voice_id": "v", "aspect_ratio": "wide"}, "aspect_ratio value 'wide'"),
        ],
    )
    def test_invalid_bodies_are_refused(self, kling, body, words):
        assert words in kling.post(self.PATH, {"image": png(), **body}).json()["message"]


class TestLipSync:
    def test_a_lip_sync_video_has_the_audio(self, start):
        kling = start(scale=0.2)
        task = kling.finish(kling.create(LIP_SYNC, **body("videos/advanced-lip-sync", kling)), LIP_SYNC)
        assert _seen(task["task_result"]).audio == "aac"
        assert task["task_info"]["parent_video"] == {"id": "", "url": VIDEO_URL, "duration": "5.000"}

    @pytest.mark.parametrize(
        ("changes", "code", "words"),
        [
            ({"face_id": "7"}, 1201, "face_id 7 not found"),
            ({"sound_end_time": 1500}, 1201, "at least 2000ms"),
            ({"sound_end_time": 4000}, 1201, "after the end of the audio"),
            ({"sound_insert_time": 3500}, 1201, "overlap"),
            ({"sound_start_time": "0"}, 1200, "sound_start_time must be an integer"),
            ({"sound_volume": 2.5}, 1201, "[0, 2]"),
            ({"sound_file": ""}, 1201, "one and only one of audio_id and sound_file"),
        ],
    )
    def test_invalid_bodies_are_refused(self, kling, changes, code, words):
        wrong = body("videos/advanced-lip-sync", kling)
        wrong["face_choose"][0].update(changes)
        response = kling.post(LIP_SYNC, wrong).json()
        assert response["code"] == code
        assert words in response["message"]

    def test_a_session_expires_after_a_day(self, kling):
        good = body("videos/advanced-lip-sync", kling)
        kling.emulator.advance(25 * 3600)
        assert "expired" in kling.post(LIP_SYNC, good).json()["message"]

    def test_lip_sync_accepts_a_video_of_the_api(self, start):
        kling = start(scale=0.2)
        video = kling.result("/v1/videos/image2video", model_name="kling-v3", image=png())["videos"][0]
        task = kling.finish(
            kling.create(
                "/v1/videos/lip-sync",
                input={
                    "video_id": video["id"],
                    "mode": "audio2video",
                    "audio_type": "file",
                    "audio_file": audio_file(3),
                },
            ),
            "/v1/videos/lip-sync",
        )
        assert task["final_unit_deduction"] == "0.5"
        parent = task["task_info"]["parent_video"]
        assert parent["id"] == video["id"]
        assert requests.get(parent["url"], timeout=60).ok
        assert _seen(task["task_result"]).audio == "aac"

    @pytest.mark.parametrize("seconds", [1, 61])
    def test_lip_sync_accepts_audio_of_any_length(self, kling, seconds):
        spoken = {"mode": "audio2video", "audio_type": "file", "audio_file": audio_file(seconds)}
        good = {"input": {"video_url": VIDEO_URL, **spoken}}
        assert kling.post("/v1/videos/lip-sync", good).status_code == 200

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"voice_id": ""}, "input.voice_id is required"),
            ({"text": "x" * 121}, "input.text length cannot exceed 120"),
            ({"mode": "audio2video"}, "input.audio_type is required"),
            ({"mode": "audio2video", "audio_type": "url"}, "input.audio_url is required"),
            ({"video_id": "9"}, "Video not found by id: 9"),
        ],
    )
    def test_invalid_lip_sync_bodies_are_refused(self, kling, changes, words):
        wrong = {"input": {**body("videos/lip-sync", kling)["input"], **changes}}
        assert words in kling.post("/v1/videos/lip-sync", wrong).json()["message"]


class TestTts:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"text": "x" * 1001}, "text length cannot exceed 1000"),
            ({"voice_speed": 2.1}, "[0.8, 2.0]"),
            ({"voice_language": "de"}, "voice_language value 'de'"),
            ({"voice_language": ""}, "voice_language is required"),
            # A preset voice is of another catalogue.
            ({"voice_id": "829824295735410756"}, "Voice id not found"),
        ],
    )
    def test_invalid_bodies_are_refused(self, kling, changes, words):
        response = kling.post("/v1/audio/tts", {**body("audio/tts", kling), **changes})
        assert words in response.json()["message"]


class TestVideosOfOthers:
    """A video at a URL on this machine is downloaded and measured."""

    @pytest.fixture
    def url(self, start):
        self.kling = start()
        return self.kling.result("/v1/videos/image2video", model_name="kling-v3", image=png(), duration="4")[
            "videos"
        ][0]["url"]

    def test_length_and_ratio_are_those_of_the_source_video(self, url):
        result = self.kling.result("/v1/audio/video-to-audio", video_url=url)
        seen = _seen(result)
        assert seen.seconds == pytest.approx(4, abs=0.1)
        assert seen.size[0] / seen.size[1] == pytest.approx(1.5, abs=0.02)
        assert seen.audio == "aac"
        assert float(result["audios"][0]["duration_mp3"]) == pytest.approx(4, abs=0.1)

    def test_videos_outside_the_limits_are_refused(self, start):
        """The video stands for one of 3,240 pixels; a smaller one is rendered in time on a busy machine."""
        kling = start(scale=0.1)
        made = kling.result("/v1/videos/image2video", model_name="kling-v3", image=png(), mode="4k")
        response = kling.post("/v1/videos/identify-face", {"video_url": made["videos"][0]["url"]}).json()
        assert "must be in [512px, 2160px]" in response["message"]

    def test_a_video_must_be_a_url(self, kling):
        response = kling.post(
            "/v1/videos/identify-face", {"video_url": base64.b64encode(b"mp4").decode()}
        ).json()
        assert response["message"] == "video_url must be a url"

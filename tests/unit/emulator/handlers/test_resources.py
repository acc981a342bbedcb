# SPDX-License-Identifier: Apache-2.0
"""Voices, elements, and marked elements of a video."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import requests
from PIL import Image

from tests.unit.emulator.conftest import png
from tests.unit.emulator.decoded_media import decode
from tests.unit.emulator.sample_bodies import VIDEO_URL, audio_file, body

VOICES = "/v1/general/custom-voices"
ELEMENTS = "/v1/general/advanced-custom-elements"
SELECTION = "/v1/videos/multi-elements/"


class TestVoices:
    def test_a_voice_is_created_listed_and_deleted(self, kling):
        voice = kling.result(VOICES, **body("general/custom-voices", kling))["voices"][0]
        assert voice["voice_name"] == "me"
        assert requests.get(voice["trial_url"], timeout=60).headers["Content-Type"] == "audio/mpeg"
        deleted = kling.post("/v1/general/delete-voices", {"voice_id": voice["voice_id"]}).json()
        assert deleted["data"]["task_status"] == "succeed"
        assert kling.get(VOICES).json()["data"][0]["task_result"] == {}
        again = kling.post("/v1/general/delete-voices", {"voice_id": voice["voice_id"]})
        assert (again.status_code, again.json()["message"]) == (400, "Voice id not found")

    def test_text_to_speech_refuses_custom_voices(self, kling):
        voice = kling.result(VOICES, **body("general/custom-voices", kling))["voices"][0]
        response = kling.post("/v1/audio/tts", {**body("audio/tts", kling), "voice_id": voice["voice_id"]})
        assert response.json()["message"] == "Voice id not found"

    def test_presets_are_listed_in_pages(self, kling):
        path = "/v1/general/presets-voices"

        def voices(**query):
            tasks = kling.get(path, **query).json()["data"]
            return [voice for task in tasks for voice in task["task_result"]["voices"]]

        every = voices()
        assert [voice["owned_by"] for voice in every] == ["kling"] * 3
        assert requests.get(every[0]["trial_url"], timeout=60).ok
        assert [voice["voice_id"] for voice in voices(pageNum=2, pageSize=2)] == [every[2]["voice_id"]]
        assert kling.get(path, pageSize=1000).status_code == 200
        assert kling.get(path, pageSize=1001).status_code == 400

    @pytest.mark.parametrize("kind", ["mp3", "wav"])
    def test_a_voice_is_created_from_audio(self, kling, kind):
        assert kling.post(VOICES, {"voice_name": "me", "voice_url": audio_file(6, kind)}).status_code == 200

    @pytest.mark.parametrize("kind", ["m4a", "aac"])
    def test_other_audio_is_refused(self, kling, kind):
        response = kling.post(VOICES, {"voice_name": "me", "voice_url": audio_file(6, kind)})
        assert response.json()["message"] == "Audio format is invalid"

    def test_a_voice_is_created_from_the_audio_of_a_video(self, kling):
        words = {"model_name": "kling-v3", "prompt": "she speaks", "duration": "5"}
        spoken, silent = (
            kling.result("/v1/videos/text2video", **words, sound=choice)["videos"][0]["url"]
            for choice in ("on", "off")
        )
        (voice,) = kling.result(VOICES, voice_name="me", voice_url=spoken)["voices"]
        assert decode(requests.get(voice["trial_url"], timeout=60).content).seconds == pytest.approx(
            5, abs=0.1
        )
        response = kling.post(VOICES, {"voice_name": "me", "voice_url": silent})
        assert response.json()["message"] == "Audio format is invalid"

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"voice_name": "x" * 21}, "voice_name length cannot exceed 20"),
            ({"voice_url": ""}, "one and only one of voice_url and video_id"),
            ({"video_id": "nothing"}, "Video not found"),
        ],
    )
    def test_invalid_bodies_are_refused(self, kling, changes, words):
        response = kling.post(VOICES, {**body("general/custom-voices", kling), **changes})
        assert words in response.json()["message"]


class TestElements:
    @pytest.mark.parametrize("path", ["delete-advanced-elements", "delete-elements"])
    def test_an_element_is_created_listed_and_deleted_by_either_path(self, kling, path):
        element = kling.result(ELEMENTS, **body("general/advanced-custom-elements", kling))["elements"][0]
        assert isinstance(element["element_id"], int)
        assert element["status"] == "succeed"
        assert len(element["element_image_list"]["refer_images"]) == 1
        response = kling.post(f"/v1/general/{path}", {"element_id": str(element["element_id"])})
        assert response.json()["code"] == 0
        listed = kling.get(ELEMENTS).json()["data"][0]["task_result"]["elements"][0]
        assert (listed["element_id"], listed["status"]) == (element["element_id"], "deleted")
        again = kling.post(f"/v1/general/{path}", {"element_id": str(element["element_id"])})
        assert again.json()["message"] == "Element id not found"

    def test_the_id_of_a_deleted_element_is_a_string(self, kling):
        response = kling.post("/v1/general/delete-advanced-elements", {"element_id": 1})
        assert (response.json()["code"], response.json()["message"]) == (
            1200,
            "element_id must be a string, got number",
        )

    def test_preset_elements_are_listed(self, kling):
        tasks = kling.get("/v1/general/advanced-presets-elements").json()["data"]
        elements = [task["task_result"]["elements"][0] for task in tasks]
        assert {element["owned_by"] for element in elements} == {"kling"}
        assert requests.get(elements[0]["element_image_list"]["frontal_image"], timeout=60).ok

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"reference_type": "video_refer"}, "element_video_list is required"),
            ({"element_description": "x" * 101}, "cannot exceed 100"),
            ({"tag_list": [{"tag_id": "o_1"}]}, "tag_list[0].tag_id value 'o_1'"),
            ({"element_image_list": {"frontal_image": png(), "refer_images": []}}, "[1, 3]"),
        ],
    )
    def test_invalid_bodies_are_refused(self, kling, changes, words):
        response = kling.post(ELEMENTS, {**body("general/advanced-custom-elements", kling), **changes})
        assert words in response.json()["message"]


class TestSelection:
    @pytest.fixture
    def session(self, kling):
        data = kling.post(SELECTION + "init-selection", {"video_url": VIDEO_URL}).json()["data"]
        return data["session_id"]

    def _mark(self, kling, session, frame=3, points=((0.5, 0.5),), action="add"):
        marked = [{"x": x, "y": y} for x, y in points]
        return kling.post(
            f"{SELECTION}{action}-selection", {"session_id": session, "frame_index": frame, "points": marked}
        ).json()

    def test_a_session_starts_with_the_facts_of_the_video(self, kling):
        data = kling.post(SELECTION + "init-selection", {"video_url": VIDEO_URL}).json()["data"]
        assert (data["status"], data["fps"], data["original_duration"], data["total_frame"]) == (
            0,
            24,
            5000,
            120,
        )
        assert (data["width"], data["height"]) == (1280, 720)
        assert requests.get(data["normalized_video"], timeout=60).headers["Content-Type"] == "video/mp4"

    def test_a_session_can_use_a_video_of_the_api(self, kling):
        video = kling.result("/v1/videos/image2video", model_name="kling-v3", image=png())["videos"][0]
        data = kling.post(SELECTION + "init-selection", {"video_id": video["id"]}).json()["data"]
        assert (data["width"], data["height"]) == (600, 400)

    def test_added_points_return_masks_around_them(self, kling, session):
        data = self._mark(kling, session, points=((0.5, 0.5), (0.1, 0.1)))["data"]
        assert data["res"]["frame_index"] == 3
        masks = data["res"]["rle_mask_list"]
        assert [mask["object_id"] for mask in masks] == [0, 1]
        height, width = masks[0]["png_mask"]["size"]
        with Image.open(io.BytesIO(base64.b64decode(masks[0]["png_mask"]["base64"]))) as image:
            assert image.size == (width, height)
            pixels = np.asarray(image) > 0
        assert pixels[height // 2, width // 2]
        assert not pixels[0, 0]
        assert (_decoded(masks[0]["rle_mask"]["counts"], height, width) == pixels).all()

    def test_a_selection_is_previewed_and_edited(self, kling, session):
        self._mark(kling, session, points=((0.5, 0.5), (0.2, 0.2)))
        left = self._mark(kling, session, points=((0.2, 0.2),), action="delete")
        assert len(left["data"]["res"]["rle_mask_list"]) == 1
        preview = kling.post(SELECTION + "preview-selection", {"session_id": session}).json()["data"]["res"]
        assert preview.keys() == {"video", "video_cover", "tracking_output"}
        assert all(requests.get(url, timeout=60).ok for url in preview.values())
        result = kling.result(
            "/v1/videos/multi-elements", session_id=session, edit_mode="removal", prompt="without"
        )
        assert result["videos"][0]["session_id"] == session
        assert kling.post(SELECTION + "clear-selection", {"session_id": session}).json()["code"] == 0
        again = kling.post(SELECTION + "preview-selection", {"session_id": session}).json()
        assert again["message"] == "no selection has been added"

    def test_at_most_ten_frames_can_be_marked(self, kling, session):
        for frame in range(10):
            assert self._mark(kling, session, frame)["code"] == 0
        assert "10 in total" in self._mark(kling, session, 11)["message"]

    def test_only_added_points_can_be_deleted(self, kling, session):
        self._mark(kling, session)
        assert (
            "was not added" in self._mark(kling, session, points=((0.51, 0.5),), action="delete")["message"]
        )

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"session_id": "nothing"}, "Session not found"),
            ({"frame_index": 120}, "after the last frame"),
            ({"points": [{"x": 1.1, "y": 0}]}, "points[0].x must be in [0, 1]"),
            ({"points": []}, "[1, 10]"),
        ],
    )
    def test_invalid_bodies_are_refused(self, kling, session, changes, words):
        good = {"session_id": session, "frame_index": 1, "points": [{"x": 0, "y": 1}]}
        response = kling.post(SELECTION + "add-selection", {**good, **changes}).json()
        assert words in response["message"]

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"edit_mode": "swap"}, "[1, 1] when edit_mode is swap, got 0"),
            ({"edit_mode": "removal", "image_list": [{"image": png()}]}, "[0, 0]"),
            ({"edit_mode": "addition", "image_list": [{"image": png()}] * 3}, "[1, 2]"),
        ],
    )
    def test_the_number_of_images_depends_on_the_edit_mode(self, kling, changes, words):
        wrong = {**body("videos/multi-elements", kling), **changes}
        assert words in kling.post("/v1/videos/multi-elements", wrong).json()["message"]


def _decoded(counts: str, height: int, width: int) -> np.ndarray:
    """Read a mask in the COCO format."""
    lengths: list[int] = []
    place = 0
    while place < len(counts):
        value, shift = 0, 0
        while True:
            bits = ord(counts[place]) - 48
            place += 1
            value |= (bits & 0x1F) << shift
            shift += 5
            if not bits & 0x20:
                if bits & 0x10:
                    value -= 1 << shift
                break
        if len(lengths) > 2:
            value += lengths[-2]
        lengths.append(value)
    flat = np.repeat(np.arange(len(lengths)) % 2, lengths).astype(bool)
    return flat.reshape(width, height).T

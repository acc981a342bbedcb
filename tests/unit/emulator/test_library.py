# SPDX-License-Identifier: Apache-2.0
"""Voices, elements, marked elements of a video, and the account's ledgers."""

from __future__ import annotations

import base64
import io
import time
from decimal import Decimal

import numpy as np
import pytest
import requests
from PIL import Image

from .conftest import png
from .media import look
from .samples import VIDEO_URL, body, sound

VOICES = "/v1/general/custom-voices"
ELEMENTS = "/v1/general/advanced-custom-elements"
SELECTION = "/v1/videos/multi-elements/"


class TestVoices:
    def test_one_is_made_listed_and_deleted(self, kling):
        voice = kling.result(VOICES, **body("general/custom-voices", kling))["voices"][0]
        assert voice["voice_name"] == "me"
        assert requests.get(voice["trial_url"], timeout=60).headers["Content-Type"] == "audio/mpeg"
        deleted = kling.post("/v1/general/delete-voices", {"voice_id": voice["voice_id"]}).json()
        assert deleted["data"]["task_status"] == "succeed"
        assert kling.get(VOICES).json()["data"][0]["task_result"] == {}
        again = kling.post("/v1/general/delete-voices", {"voice_id": voice["voice_id"]})
        assert (again.status_code, again.json()["message"]) == (400, "Voice id not found")

    def test_text_to_speech_does_not_know_it(self, kling):
        voice = kling.result(VOICES, **body("general/custom-voices", kling))["voices"][0]
        answer = kling.post("/v1/audio/tts", {**body("audio/tts", kling), "voice_id": voice["voice_id"]})
        assert answer.json()["message"] == "Voice id not found"

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
    def test_one_is_made_of_a_sound(self, kling, kind):
        assert kling.post(VOICES, {"voice_name": "me", "voice_url": sound(6, kind)}).status_code == 200

    @pytest.mark.parametrize("kind", ["m4a", "aac"])
    def test_other_audio_is_refused(self, kling, kind):
        answer = kling.post(VOICES, {"voice_name": "me", "voice_url": sound(6, kind)})
        assert answer.json()["message"] == "Audio format is invalid"

    def test_one_is_made_of_the_sound_of_a_video(self, kling):
        words = {"model_name": "kling-v3", "prompt": "she speaks", "duration": "5"}
        spoken, silent = (
            kling.result("/v1/videos/text2video", **words, sound=choice)["videos"][0]["url"]
            for choice in ("on", "off")
        )
        (voice,) = kling.result(VOICES, voice_name="me", voice_url=spoken)["voices"]
        assert look(requests.get(voice["trial_url"], timeout=60).content).seconds == pytest.approx(5, abs=0.1)
        answer = kling.post(VOICES, {"voice_name": "me", "voice_url": silent})
        assert answer.json()["message"] == "Audio format is invalid"

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"voice_name": "x" * 21}, "voice_name length cannot exceed 20"),
            ({"voice_url": ""}, "one and only one of voice_url and video_id"),
            ({"video_id": "nothing"}, "Video not found"),
        ],
    )
    def test_refused(self, kling, changes, words):
        answer = kling.post(VOICES, {**body("general/custom-voices", kling), **changes})
        assert words in answer.json()["message"]


class TestElements:
    @pytest.mark.parametrize("path", ["delete-advanced-elements", "delete-elements"])
    def test_one_is_made_listed_and_deleted_over_either_path(self, kling, path):
        element = kling.result(ELEMENTS, **body("general/advanced-custom-elements", kling))["elements"][0]
        assert isinstance(element["element_id"], int)
        assert element["status"] == "succeed"
        assert len(element["element_image_list"]["refer_images"]) == 1
        answer = kling.post(f"/v1/general/{path}", {"element_id": str(element["element_id"])})
        assert answer.json()["code"] == 0
        listed = kling.get(ELEMENTS).json()["data"][0]["task_result"]["elements"][0]
        assert (listed["element_id"], listed["status"]) == (element["element_id"], "deleted")
        again = kling.post(f"/v1/general/{path}", {"element_id": str(element["element_id"])})
        assert again.json()["message"] == "Element id not found"

    def test_its_id_is_a_string_when_it_is_deleted(self, kling):
        answer = kling.post("/v1/general/delete-advanced-elements", {"element_id": 1})
        assert (answer.json()["code"], answer.json()["message"]) == (
            1200,
            "element_id must be a string, got number",
        )

    def test_presets(self, kling):
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
    def test_refused(self, kling, changes, words):
        answer = kling.post(ELEMENTS, {**body("general/advanced-custom-elements", kling), **changes})
        assert words in answer.json()["message"]


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

    def test_a_session_begins_with_what_the_video_is(self, kling):
        data = kling.post(SELECTION + "init-selection", {"video_url": VIDEO_URL}).json()["data"]
        assert (data["status"], data["fps"], data["original_duration"], data["total_frame"]) == (
            0,
            24,
            5000,
            120,
        )
        assert (data["width"], data["height"]) == (1280, 720)
        assert requests.get(data["normalized_video"], timeout=60).headers["Content-Type"] == "video/mp4"

    def test_a_video_of_the_api_can_be_taken(self, kling):
        video = kling.result("/v1/videos/image2video", model_name="kling-v3", image=png())["videos"][0]
        data = kling.post(SELECTION + "init-selection", {"video_id": video["id"]}).json()["data"]
        assert (data["width"], data["height"]) == (600, 400)

    def test_marking_gives_masks_around_the_points(self, kling, session):
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

    def test_the_whole_way(self, kling, session):
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

    def test_ten_frames_at_most(self, kling, session):
        for frame in range(10):
            assert self._mark(kling, session, frame)["code"] == 0
        assert "10 in total" in self._mark(kling, session, 11)["message"]

    def test_only_the_same_points_can_be_taken_back(self, kling, session):
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
    def test_refused(self, kling, session, changes, words):
        good = {"session_id": session, "frame_index": 1, "points": [{"x": 0, "y": 1}]}
        answer = kling.post(SELECTION + "add-selection", {**good, **changes}).json()
        assert words in answer["message"]

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"edit_mode": "swap"}, "[1, 1] when edit_mode is swap, got 0"),
            ({"edit_mode": "removal", "image_list": [{"image": png()}]}, "[0, 0]"),
            ({"edit_mode": "addition", "image_list": [{"image": png()}] * 3}, "[1, 2]"),
        ],
    )
    def test_images_by_mode(self, kling, changes, words):
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


class TestLedger:
    COSTS = "/account/costs"
    PACKAGE = "/account/billing/package"

    @pytest.fixture
    def hours(self):
        now = round(time.time() * 1000)
        return {"start_time": now - 3_600_000, "end_time": now + 48 * 3_600_000}

    def test_what_is_left_is_12_hours_old(self, start, hours):
        kling = start(units=1000)
        kling.done(kling.make())
        left = kling.get(self.COSTS, **hours).json()["data"]
        assert (left["code"], left["msg"]) == (0, "success")
        video, image = left["resource_pack_subscribe_infos"]
        assert (video["total_quantity"], video["remaining_quantity"], video["status"]) == (
            1000,
            1000,
            "online",
        )
        assert image["resource_pack_name"] == "Emulator image units"
        kling.emulator.advance(13 * 3600)
        later = kling.get(self.COSTS, **hours).json()["data"]["resource_pack_subscribe_infos"]
        assert [pack["remaining_quantity"] for pack in later] == [997, 1000]

    def test_one_pack_by_name(self, kling, hours):
        answer = kling.get(self.COSTS, **hours, resource_pack_name="Emulator video units").json()
        assert len(answer["data"]["resource_pack_subscribe_infos"]) == 1

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"start_time": ""}, "start_time is required"),
            ({"start_time": "yesterday"}, "start_time must be a time in milliseconds"),
            ({"start_time": 99, "end_time": 98}, "before end_time"),
        ],
    )
    def test_the_window(self, kling, hours, changes, words):
        assert words in kling.get(self.COSTS, **{**hours, **changes}).json()["message"]

    def test_it_may_be_asked_once_a_second(self, kling, hours):
        kling.emulator.faults.set({"costs_limited": True})
        assert kling.get(self.COSTS, **hours).json()["code"] == 0
        assert kling.get(self.COSTS, **hours).json()["code"] == 1302
        kling.emulator.advance(1)
        assert kling.get(self.COSTS, **hours).json()["code"] == 0

    def test_an_empty_pack_refuses_jobs_of_its_kind(self, start):
        kling = start(units=5)
        kling.make()
        answer = kling.post("/v1/videos/image2video", {"model_name": "kling-v3", "image": png()})
        assert (answer.status_code, answer.json()["code"]) == (429, 1102)
        assert answer.json()["message"] == "Account balance not enough"
        assert (
            kling.post("/v1/images/generations", {"model_name": "kling-v2-1", "prompt": "x"}).status_code
            == 200
        )

    def test_a_failed_job_leaves_the_pack_as_it_was(self, start):
        kling = start(units=5, faults={"failed_job": 1})
        kling.make()
        kling.make()

    def test_charges_are_read_with_a_cursor(self, kling, hours):
        made = [kling.make() for _ in range(5)]
        kling.emulator.faults.set({"failed_job": 1})
        kling.make()
        kling.emulator.advance(60)
        page = kling.post(self.PACKAGE, {**hours, "limit": 3}).json()["data"]
        rest = kling.post(self.PACKAGE, {"cursor": page["next_cursor"], "limit": 3}).json()["data"]
        assert (page["has_more"], rest["has_more"], rest["next_cursor"]) == (True, False, "")
        details = page["result"]["detail"] + rest["result"]["detail"]
        assert [detail["task_id"] for detail in details] == made
        assert {detail["deduction_amount"] for detail in details} == {3.0}
        left = [detail["unit_after_deduction"] for detail in details]
        assert left == [detail["unit_before_deduction"] - 3 for detail in details]
        assert left == sorted(left, reverse=True)

    @pytest.mark.parametrize(
        ("key", "value", "count"),
        [
            ("product_type", "image", 0),
            ("product_type", "video", 1),
            ("api_key_name", "emulator", 1),
            ("package_name", "Emulator video units", 1),
            ("package_id", "emulator-image", 0),
        ],
    )
    def test_charges_are_filtered(self, kling, hours, key, value, count):
        kling.done(kling.make())
        filters = [{"key": key, "values": [value]}, {"key": "product_type", "values": []}]
        page = kling.post(self.PACKAGE, {**hours, "filters": filters}).json()["data"]
        assert page["result"]["count"] == len(page["result"]["detail"]) == count

    def test_filters_that_cannot_be(self, kling, hours):
        wrong = [{"key": "owner", "values": ["me"]}]
        both = [{"key": "package_name", "values": ["a"]}, {"key": "package_id", "values": ["b"]}]
        for filters in (wrong, both):
            assert kling.post(self.PACKAGE, {**hours, "filters": filters}).status_code == 400

    def test_nothing_is_paid_in_cash(self, kling, hours):
        kling.done(kling.make())
        answer = kling.post("/account/billing/balance", hours).json()
        assert answer["data"]["result"]["detail"] == []

    BALANCE = "/account/billing/balance"

    def test_an_account_that_pays_in_cash(self, start, hours):
        kling = start(cash=1, speed=1)
        kling.done(kling.make())
        second = kling.make()
        third = kling.post("/v1/videos/text2video", {"prompt": "x", "model_name": "kling-v3"})
        assert (third.status_code, third.json()["code"]) == (429, 1102)
        task = kling.done(second)
        assert task["final_balance_deduction"] == {"quota": "0.42", "list_price": "0.42"}
        assert "final_unit_deduction" not in task
        rows = kling.post(self.BALANCE, hours).json()["data"]["result"]["detail"]
        assert [row["task_id"] for row in rows][1] == second
        balances = [(row["balance_before_deduction"], row["balance_after_deduction"]) for row in rows]
        assert balances == [(1.0, 0.58), (0.58, 0.16)]
        assert {(row["cash_type"], row["currency"], row["list_price"]) for row in rows} == {
            ("balance", "USD", 0.42)
        }
        assert kling.post(self.PACKAGE, hours).json()["data"]["result"]["detail"] == []
        assert kling.emulator.state.account.charged == 0
        wrong = {**hours, "filters": [{"key": "product_type", "values": ["video"]}]}
        assert kling.post(self.BALANCE, wrong).status_code == 400

    def test_api_2_bills_cash(self, start):
        kling = start(cash=5)
        body = {"prompt": "x", "settings": {"resolution": "720p", "duration": 5}}
        task_id = kling.post("/text-to-video/kling-3.0", body).json()["data"]["id"]
        kling.emulator.advance(3600)
        (task,) = kling.get(f"/tasks?task_ids={task_id}").json()["data"]
        (row,) = task["billing"]
        assert row == {
            "charge_type": "cash",
            "cash_type": "balance",
            "amount": row["amount"],
            "currency": "USD",
            "list_price": row["amount"],
        }
        assert Decimal(row["amount"]) == kling.emulator.state.account.charged_cash > 0

    @pytest.mark.parametrize("wrong", [{}, {"cursor": "nonsense"}, {"start_time": 1}])
    def test_bad_windows(self, kling, wrong):
        assert kling.post(self.PACKAGE, wrong).status_code == 400

# SPDX-License-Identifier: Apache-2.0
"""The solutions that make videos, as the vendor's pages document them."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import requests

from tests.unit.emulator.conftest import LONG, png
from tests.unit.emulator.decoded_media import decode
from tests.unit.emulator.sample_bodies import URL, VIDEO_URL


def _text(kind: str, words: str = "words") -> dict[str, str]:
    return {"type": kind, "text": words}


IMAGE_CONTENT = {"type": "ref_image", "url": URL}
VIDEO_CONTENT = {"type": "source_video", "url": VIDEO_URL}
GOODS, CLOTHES = "/solutions/e-commerce/goods_studio", "/solutions/e-commerce/clothing_dupe"
SPEECH, DRAMA = "/solutions/talking_agent", "/solutions/drama_subtitle"
SIZE = {"resolution": "720p", "aspect_ratio": "1:1", "duration": 15}

GOOD: dict[str, dict[str, Any]] = {
    GOODS: {
        "contents": [{"type": "ref_image", "url": png(kind="WEBP")}, _text("goods_title")],
        "settings": SIZE,
        "options": {"watermark": {"enabled": True}},
    },
    CLOTHES: {
        "contents": [_text("product_info"), VIDEO_CONTENT, {"type": "product_image", "url": URL}],
        "options": {"watermark_info": {"enabled": True}},
    },
    SPEECH: {"contents": [_text("avatar_id", "avatar_mia_female"), _text("speech_script", "Hello there.")]},
    DRAMA: {"contents": [VIDEO_CONTENT, {"type": "glossary", "source": "\u5b8b", "target": "Song"}]},
}
OUTPUTS: dict[str, list[tuple[str, set[str], str]]] = {
    GOODS: [("video", {"url", "watermark_url", "duration"}, "video/mp4")],
    CLOTHES: [
        ("product_image", {"url", "watermark_url"}, "image/png"),
        ("model_images", {"url", "watermark_url"}, "image/png"),
        ("product_video", {"url", "watermark_url"}, "video/mp4"),
    ],
    SPEECH: [("video", {"url", "duration"}, "video/mp4")],
    DRAMA: [
        ("subbed_video", {"url", "duration"}, "video/mp4"),
        ("srt", {"url"}, "application/x-subrip"),
        ("ass", {"url"}, "text/x-ssa"),
    ],
}


@pytest.mark.parametrize("path", GOOD)
def test_a_job_of_each_solution_has_the_documented_result(start, path):
    kling = start(scale=0.1, strict=True)
    body = copy.deepcopy(GOOD[path])
    body.setdefault("options", {})["external_task_id"] = "mine"
    created = kling.post(path, body).json()["data"]
    assert created["status"] == "submitted"
    assert created["external_id"] == "mine"
    assert "task_id" not in created
    kling.emulator.advance(LONG)
    (task,) = kling.get("/solutions", external_task_ids="mine").json()["data"]
    assert (task["id"], task["status"]) == (created["id"], "succeeded")
    assert task["billing"][0]["package_type"] == "video"
    assert [(each["type"], each.keys() - {"type"}) for each in task["outputs"]] == [
        (kind, keys) for kind, keys, _ in OUTPUTS[path]
    ]
    for each, (_, _, mime) in zip(task["outputs"], OUTPUTS[path], strict=True):
        response = requests.get(each["url"], timeout=60)
        assert response.headers["Content-Type"].partition(";")[0] == mime
        if mime == "video/mp4" and "duration" in each:
            assert decode(response.content).seconds == pytest.approx(float(each["duration"]), abs=0.2)
        if mime == "application/x-subrip":
            assert "00:00:00,000 --> 00:00:02,500" in response.text
            assert "Song says line 1." in response.text
        if mime == "text/x-ssa":
            assert response.text.startswith("[Script Info]")
    listed = kling.post("/solutions", {}).json()["data"]["result"]
    assert [entry["id"] for entry in listed] == [task["id"]]


def _with(path: str, *more: dict[str, Any], **parts: Any) -> dict[str, Any]:
    body = copy.deepcopy(GOOD[path])
    return {**body, "contents": [*body["contents"], *more], **parts}


def _without(path: str, kind: str, **parts: Any) -> dict[str, Any]:
    body = copy.deepcopy(GOOD[path])
    return {**body, "contents": [e for e in body["contents"] if e["type"] != kind], **parts}


TITLE = _text("goods_title")


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        (GOODS, _without(GOODS, "ref_image"), "Product image is missing."),
        (GOODS, _without(GOODS, "goods_title"), "Product title is missing."),
        (GOODS, _with(GOODS, *[IMAGE_CONTENT] * 5), "At most 5 ref_image items"),
        (GOODS, _with(GOODS, TITLE), "Only one goods_title item"),
        (GOODS, _with(GOODS, _text("goods_description", "x" * 2001)), "exceeds the 2000-character limit."),
        (GOODS, _with(GOODS, settings={**SIZE, "duration": 20}), "Unsupported duration."),
        (GOODS, _with(GOODS, settings={**SIZE, "resolution": "4k"}), "Unsupported resolution."),
        (GOODS, _with(GOODS, settings={**SIZE, "aspect_ratio": "4:3"}), "aspect_ratio only supports"),
        (GOODS, _with(GOODS, settings={}), "settings.resolution is required"),
        (CLOTHES, _without(CLOTHES, "source_video"), "Reference video is missing."),
        (CLOTHES, _without(CLOTHES, "product_image"), "Product image is missing."),
        (CLOTHES, _without(CLOTHES, "product_info"), "Product description is missing."),
        (CLOTHES, _with(CLOTHES, *[{"type": "bgm", "url": URL}] * 2), "Only one bgm item"),
        (CLOTHES, _with(CLOTHES, {"type": "bgm", "url": "AAAA"}), "must be a url"),
        (CLOTHES, _with(CLOTHES, {"type": "voice", "voice_id": "mine"}), "Invalid voice_id."),
        (CLOTHES, _with(CLOTHES, settings={"aspect_ratio": "5:4"}), "aspect_ratio only supports"),
        (SPEECH, _without(SPEECH, "avatar_id"), "Exactly one of avatar_image and avatar_id"),
        (SPEECH, _without(SPEECH, "speech_script"), "speech_script is missing."),
        (SPEECH, _with(SPEECH, settings={"voice_id": "female_warm_rich"}), "voice_id is not allowed"),
        (
            SPEECH,
            {"contents": [{"type": "avatar_image", "url": URL}, _text("speech_script")]},
            "settings.voice_id is required",
        ),
        (SPEECH, _with(SPEECH, _text("goods_price")), "Product image is missing."),
        (SPEECH, _with(SPEECH, IMAGE_CONTENT), "Product title is missing."),
        (SPEECH, _with(SPEECH, IMAGE_CONTENT, TITLE, settings={"speech_rate": 1.0}), "speech_rate"),
        (SPEECH, _with(SPEECH, settings={"speech_rate": 1.5}), "speech_rate only supports"),
        (SPEECH, _with(SPEECH, _text("speech_script")), "Only one speech_script"),
        (DRAMA, _without(DRAMA, "source_video"), "Source video is missing."),
        (DRAMA, _with(DRAMA, VIDEO_CONTENT), "Only one source_video item"),
        (DRAMA, _with(DRAMA, *GOOD[DRAMA]["contents"][1:] * 200), "Glossary exceeds the limit"),
        (
            DRAMA,
            _with(DRAMA, {"type": "glossary", "source": "x" * 101, "target": "y"}),
            "Each glossary entry",
        ),
        (DRAMA, _with(DRAMA, settings={"target_cps": 9}), "target_cps out of range."),
        (DRAMA, _with(DRAMA, settings={"margin_v": -1}), "must be positive integers."),
        (DRAMA, _with(DRAMA, settings={"target_language": "fr"}), "target_language"),
    ],
)
def test_invalid_bodies_are_refused(kling, path, body, words):
    response = kling.post(path, body)
    assert response.status_code == 400, response.text
    assert response.json()["code"] in (1200, 1201)
    assert words in response.json()["message"]
    assert not kling.emulator.jobs


@pytest.mark.parametrize("path", GOOD)
def test_signed_tokens_are_refused(kling, path):
    response = requests.post(
        kling.emulator.url + path, json=GOOD[path], headers={"Authorization": "Bearer no"}, timeout=20
    )
    assert (response.status_code, response.json()["code"]) == (401, 1002)


def test_the_list_can_be_filtered_only_by_status(start):
    kling = start()
    kling.emulator.faults.set({"failed_word": "storm"})
    made = []
    for words in ("Hello there.", "A storm."):
        contents = [_text("avatar_id", "avatar_mia_female"), _text("speech_script", words)]
        made.append(str(kling.post(SPEECH, {"contents": contents}).json()["data"]["id"]))
    kling.post("/text-to-video/kling-3.0-turbo", {"prompt": "a cat"})
    kling.emulator.advance(LONG)

    def listed(**body: Any) -> Any:
        response = kling.post("/solutions", body)
        return (
            [each["id"] for each in response.json()["data"]["result"]]
            if response.ok
            else response.status_code
        )

    assert listed() == made[::-1]
    assert listed(filters=[{"key": "status", "values": ["failed"]}]) == [made[1]]
    assert listed(filters=[{"key": "status", "values": ["succeed"]}]) == [made[0]]
    assert listed(filters=[{"key": "product_type", "values": ["video"]}]) == 400
    assert listed(limit=1) == [made[1]]
    assert listed(limit=501) == 400

# SPDX-License-Identifier: Apache-2.0
"""Every shape in which an answer may hold its result, and what is no file."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from airflow_provider_kling.api.task import KlingTask, TaskStatus, parse_task

URL = "https://cdn.example/1.mp4"


@pytest.mark.parametrize(
    ("result", "files"),
    [
        ({}, []),
        ({"videos": []}, []),
        ({"videos": [{"id": "1", "duration": "5"}]}, []),
        ({"videos": [{"url": None}]}, []),
        ({"videos": [{"url": "  "}]}, []),
        ({"videos": [{"url": 5}]}, []),
        ({"faces": [{"face_id": "1"}]}, []),
        ({"videos": [{"url": URL}], "images": [{"url": None}]}, [URL]),
        ({"audios": [{"url_mp3": URL, "url_wav": "b"}]}, [URL, "b"]),
        ({"voices": [{"trial_url": URL}]}, [URL]),
    ],
)
def test_a_file_is_what_has_a_url(result: dict[str, list[dict[str, Any]]], files: list[str]) -> None:
    assert KlingTask("1", TaskStatus.SUCCEED, "succeed", result=result).files == files


def read(**data: Any) -> KlingTask:
    task = parse_task({"code": 0, "data": {"task_id": "7", "status": "SUCCESS", **data}})
    assert task is not None
    return task


ITEM = {"url": URL}


@pytest.mark.parametrize(
    ("data", "array"),
    [
        ({"video_url": URL}, "videos"),
        ({"result_url": URL}, "videos"),
        ({"url": URL}, "videos"),
        ({"output": URL}, "videos"),
        ({"output": [URL]}, "videos"),
        ({"output": {"video_url": URL}}, "videos"),
        ({"outputs": [URL]}, "videos"),
        ({"outputs": ITEM}, "videos"),
        ({"outputs": json.dumps([ITEM])}, "videos"),
        ({"content": {"video_url": URL}}, "videos"),
        ({"metadata": {"url": URL}}, "videos"),
        ({"result": {"data": [ITEM]}}, "videos"),
        ({"result": {"data": [URL]}}, "videos"),
        ({"result": {"videos": [ITEM]}}, "videos"),
        ({"fail_reason": URL}, "videos"),
        ({"videos": [ITEM]}, "videos"),
        ({"data": {"video_url": URL}}, "videos"),
        ({"data": json.dumps({"video_url": URL})}, "videos"),
        ({"task_result": {"videos": [URL]}}, "videos"),
        ({"task_result": {"videos": ITEM}}, "videos"),
        ({"task_result": {"videos": {"0": ITEM}}}, "videos"),
        ({"task_result": {"video_url": URL}}, "videos"),
        ({"task_result": json.dumps({"videos": [ITEM]})}, "videos"),
        ({"task_result": {}, "video_url": URL}, "videos"),
        ({"task_result": {"images": [URL]}}, "images"),
        ({"result_url": "https://cdn.example/1.png?sign=a"}, "images"),
        ({"outputs": [{"type": "product_video", **ITEM}]}, "product_videos"),
        ({"outputs": [{"type": "model_images", **ITEM}]}, "model_images"),
        ({"outputs": [{"type": "srt", **ITEM}]}, "srts"),
        ({"outputs": [{"type": "ass", **ITEM}]}, "ass"),
        ({"outputs": [{"type": "charge", **ITEM}]}, "charges_files"),
        ({"task_result": URL}, "videos"),
        ({"task_result": [URL]}, "videos"),
        ({"task_result": {"video": URL}}, "videos"),
        ({"task_result": {"video": ITEM}}, "videos"),
        ({"task_result": {"videos": URL}}, "videos"),
        ({"task_result": {"Videos": [ITEM]}}, "videos"),
        ({"task_result": {"video_list": [ITEM]}}, "videos"),
        ({"task_result": {"videos": [[ITEM]]}}, "videos"),
        ({"task_result": {"videos": [None, "", 5, ITEM]}}, "videos"),
        ({"task_result": {"videos": [json.dumps(ITEM)]}}, "videos"),
        *(
            ({"task_result": {"videos": [{name: URL}]}}, "videos")
            for name in ("videoUrl", "URL", "src", "href")
        ),
        *(
            ({"task_result": {"videos": [{name: URL}]}}, "videos")
            for name in ("download_url", "play_url", "origin_url", "resource", "file", "video")
        ),
        ({"task_result": {"videos": [{"resource": {"resource": URL}}]}}, "videos"),
        ({"task_result": {"videos": [{"url": ITEM}]}}, "videos"),
        ({"task_result": {"videos": [{"url": [URL]}]}}, "videos"),
        ({"task_result": {"works": [{"resource": {"resource": URL}}]}}, "videos"),
        ({"works": [{"video": {"resource": URL}}]}, "videos"),
        ({"videoUrl": URL}, "videos"),
        ({"video": ITEM}, "videos"),
        ({"data": URL}, "videos"),
        ({"data": [URL]}, "videos"),
        ({"data": [ITEM]}, "videos"),
        ({"results": [ITEM]}, "videos"),
        ({"response": json.dumps({"videos": [ITEM]})}, "videos"),
        ({"resultJson": json.dumps({"resultUrls": [URL]})}, "videos"),
        ({"files": [ITEM]}, "videos"),
        ({"download_url": URL}, "videos"),
        ({"content": [{"type": "video_url", "video_url": ITEM}]}, "videos"),
        ({"output": {"video": URL}}, "videos"),
        ({"outputs": [{"type": "video", "content": ITEM}]}, "videos"),
        ({"outputs": [{"type": "video", "urls": [URL]}]}, "videos"),
        ({"fail_reason": json.dumps([URL])}, "videos"),
        ({"image_url": "https://cdn.example/1.png"}, "images"),
    ],
)
def test_every_shape_holds_its_file(data: dict[str, Any], array: str) -> None:
    task = read(**data)
    assert list(task.result) == [array]
    assert task.result[array][0]["url"] in task.files
    assert json.dumps(task.to_json("videos/text2video"), allow_nan=False)


@pytest.mark.parametrize(
    "data",
    [
        {"task_result": {"videos": [{"id": "1", "duration": "5"}]}},
        {"task_result": {"videos": [{"url": None}]}},
        {"outputs": [{"type": "video", "url": " "}]},
        {"outputs": ["no URL"]},
        {"fail_reason": "see the console"},
        {"video_url": None},
        {"metadata": {"image_url": URL, "inputs": [ITEM]}},
        {},
    ],
)
def test_what_has_no_url_is_no_file(data: dict[str, Any]) -> None:
    assert read(**data).files == []


@pytest.mark.parametrize("status", ["FAILURE", "IN_PROGRESS", "reviewing"])
def test_a_url_that_may_be_an_input_counts_on_success_only(status: str) -> None:
    assert read(status=status, fail_reason=URL, video_url=URL).files == []


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, "long", "nan", "", None, True, 10**30, [5]])
def test_a_length_that_is_none_is_unknown(value: Any) -> None:
    task = read(task_result={"videos": [{"url": URL, "duration": value, "x": math.nan, "id": "a\0\ud800"}]})
    assert task.result["videos"] == [{"url": URL, "duration": None, "x": None, "id": "a?"}]


@pytest.mark.parametrize(
    ("data", "urls"),
    [
        ({"data": [{"url": "https://a.example/1.png"}, {"url": "https://a.example/2.png"}]}, 2),
        ({"task_result": {"images": [{"urls": ["https://a.example/1.png", "https://a.example/2.png"]}]}}, 2),
        ({"task_result": {"images": [["https://a.example/1.png"], ["https://a.example/2.png"]]}}, 2),
        ({"video_url": URL, "audio_url": "https://a.example/1.mp3"}, 2),
        ({"video_url": URL, "url": URL, "result_url": f"{URL}?sign=b"}, 1),
    ],
    ids=["data", "urls", "lists", "of two kinds", "the same under several names"],
)
def test_each_file_is_found_exactly_once(data: dict[str, Any], urls: int) -> None:
    assert len(set(read(**data).files)) == len(read(**data).files) == urls


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"  {URL}\n", URL),
        ("https://a.example/a b.mp4", "https://a.example/a b.mp4"),
        ("/files/1.mp4", "/files/1.mp4"),
        ("files/1.mp4?sign=a", "files/1.mp4?sign=a"),
        ("x", "x"),
        ("data:video/mp4;base64,AAAA", "data:video/mp4;base64,AAAA"),
        *((text, None) for text in ("", " ", "null", "None", "pending", "N/A", "https://", "-")),
    ],
)
def test_a_url_is_shown_without_blanks_and_a_word_is_none(url: str, shown: str | None) -> None:
    items = read(task_result={"videos": [{"id": "1", "url": url}]}).result["videos"]
    assert items[0]["url"] == shown


@pytest.mark.parametrize(
    "payload",
    [
        {"code": 0, "result": {"task_id": "7", "status": "succeed", "url": URL}},
        {"code": 0, "data": {"tasks": [{"task_id": "7", "task_status": "succeed", "video_url": URL}]}},
        {"code": 0, "data": {"items": [{"id": "7", "status": "succeeded", "outputs": [ITEM]}]}},
        {"code": 0, "data": {"task": {"task_id": "7", "status": "SUCCESS", "url": URL}}},
    ],
    ids=["result", "tasks", "items", "task"],
)
def test_every_envelope_holds_its_task(payload: dict[str, Any]) -> None:
    task = parse_task(payload)
    assert task is not None
    assert (task.task_id, task.files) == ("7", [URL])

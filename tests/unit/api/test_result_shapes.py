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

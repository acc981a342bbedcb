# SPDX-License-Identifier: Apache-2.0
"""The calls that mark elements in a video."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingRequestInvalid, KlingServerError
from airflow_provider_kling.hooks.kling import KlingHook

POINT = [{"x": 0.25, "y": 0.75}]


@pytest.fixture
def video_id(hook: KlingHook) -> str:
    created = hook.submit(
        "videos/text2video", {"model_name": "kling-v3", "prompt": "a harbour", "duration": "5"}
    )
    return str(hook.wait("videos/text2video", created.task_id, 0.2, timeout=20).result["videos"][0]["id"])


@pytest.mark.parametrize("kling_emulator_options", [{}, {"dialect": "gateway"}], ids=["kling", "gateway"])
def test_a_whole_selection_session(hook: KlingHook, video_id: str) -> None:
    session = hook.selection.init(video_id=video_id)
    session_id = session["session_id"]
    assert session["original_duration"] == 5000

    found = hook.selection.add(session_id, 3, [*POINT, {"x": 0.5, "y": 0.5}])
    assert found["frame_index"] == 3
    assert len(found["rle_mask_list"]) == 2
    assert set(hook.selection.preview(session_id)) == {"video", "video_cover", "tracking_output"}

    remaining = hook.selection.delete(session_id, 3, POINT)
    assert len(remaining["rle_mask_list"]) == 1
    hook.selection.clear(session_id)
    with pytest.raises(KlingRequestInvalid, match="no selection"):
        hook.selection.preview(session_id)


def test_an_unknown_session(hook: KlingHook) -> None:
    with pytest.raises(KlingRequestInvalid, match="4711"):
        hook.selection.clear("4711")


@pytest.mark.parametrize(
    ("call", "values", "named"),
    [
        ("init", {}, "exactly one of video_id or video_url"),
        ("init", {"video_id": "1", "video_url": "https://x.test/a.mp4"}, "exactly one of"),
        ("add", {"session_id": "1", "frame_index": -1, "points": POINT}, "'frame_index': -1"),
        ("add", {"session_id": "1", "frame_index": 0, "points": []}, "'points'"),
        ("add", {"session_id": "1", "frame_index": 0, "points": POINT * 11}, "'points'"),
        ("delete", {"session_id": "1", "frame_index": 0, "points": [{"x": 2, "y": 0}]}, r"points\[0\].x': 2"),
        ("clear", {"session_id": ""}, "session_id"),
        ("preview", {"session_id": ""}, "session_id"),
    ],
)
def test_what_cannot_be_is_not_sent(scripted: Any, call: str, values: dict[str, Any], named: str) -> None:
    hook, script = scripted
    with pytest.raises(KlingRequestInvalid, match=named) as caught:
        getattr(hook.selection, call)(**values)
    assert f"videos/multi-elements/{call}-selection)" in str(caught.value)
    assert script.requests == []


@pytest.mark.parametrize("status", [1, "1"])
def test_a_rejection_inside_a_success_is_one(scripted: Any, status: Any) -> None:
    hook, script = scripted
    script.add({"code": 0, "data": {"status": status, "session_id": "5"}})
    with pytest.raises(KlingRequestInvalid, match="rejection code 1"):
        hook.selection.init(video_id="9")


def test_a_session_without_an_id_is_none(scripted: Any) -> None:
    hook, script = scripted
    script.add({"code": 0, "data": {"status": 0}})
    with pytest.raises(KlingServerError, match="no session_id"):
        hook.selection.init(video_id="9")


def test_nothing_is_requested_twice(hook: KlingHook, video_id: str, kling_emulator: Emulator) -> None:
    kling_emulator.faults.set({"server_error": 1})
    with pytest.raises(KlingServerError) as caught:
        hook.selection.init(video_id=video_id)
    assert "charged" not in str(caught.value)
    assert kling_emulator.count("POST", "/v1/videos/multi-elements/init-selection") == 1

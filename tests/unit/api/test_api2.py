# SPDX-License-Identifier: Apache-2.0
"""Flat fields become the vendor's three parts; tasks are asked for together."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_kling.api.endpoint import Endpoint
from airflow_provider_kling.api.http import (
    MAX_IDS_PER_QUERY,
    IncompleteListError,
    chunk_ids,
    create_request,
    get_task_requests,
    iter_cursor_pages,
)
from airflow_provider_kling.api.requests.solutions import VIRTUAL_TRY_ON_2
from airflow_provider_kling.api.requests.video import IMAGE_TO_VIDEO
from airflow_provider_kling.api.requests.video_v2 import (
    IMAGE_TO_VIDEO_2,
    MOTION_CONTROL_2,
    OMNI_VIDEO_2,
    TEXT_TO_VIDEO_2,
)
from airflow_provider_kling.api.task import TaskStatus, parse_task, parse_task_list

FRAME = "https://example.com/image_25.png"
CALLBACK = "https://example.com/callback"


def _sent(endpoint: Endpoint, **fields: Any) -> tuple[str, dict[str, Any]]:
    call = create_request(endpoint, endpoint.request(**fields).wire())
    assert call.creates_task
    return call.path, dict(call.body or {})


def test_words() -> None:
    assert _sent(
        TEXT_TO_VIDEO_2, prompt="a boat", duration="10", resolution="1080p", callback_url=CALLBACK
    ) == (
        "/text-to-video/kling-3.0-turbo",
        {
            "prompt": "a boat",
            "settings": {"duration": 10, "resolution": "1080p"},
            "options": {"callback_url": CALLBACK},
        },
    )


def test_what_is_not_set_is_not_sent() -> None:
    assert _sent(TEXT_TO_VIDEO_2, prompt="a boat", external_task_id="") == (
        "/text-to-video/kling-3.0-turbo",
        {"prompt": "a boat"},
    )


def test_frames_and_elements() -> None:
    assert _sent(
        IMAGE_TO_VIDEO_2,
        model_name="kling-3.0",
        prompt="A girl sat on the train",
        first_frame=FRAME,
        last_frame=FRAME,
        elements=[{"element_id": 163, "id": "element_1"}],
        resolution="1080p",
        duration=10,
        audio="native",
        multi_shot=False,
        watermark_info={"enabled": True},
    ) == (
        "/image-to-video/kling-3.0",
        {
            "contents": [
                {"type": "prompt", "text": "A girl sat on the train"},
                {"type": "first_frame", "url": FRAME},
                {"type": "last_frame", "url": FRAME},
                {"type": "element", "element_id": "163", "id": "element_1"},
            ],
            "settings": {"resolution": "1080p", "duration": 10, "audio": "native", "multi_shot": False},
            "options": {"watermark_info": {"enabled": True}},
        },
    )


def test_voices() -> None:
    path, body = _sent(
        IMAGE_TO_VIDEO_2,
        model_name="kling-2.6",
        first_frame=FRAME,
        voices=[{"voice_id": 829, "id": "1"}],
        audio="native",
        resolution="1080p",
    )
    assert path == "/image-to-video/kling-2.6"
    assert body["contents"][-1] == {"type": "voice", "voice_id": "829", "id": "1"}


def test_material_with_and_without_a_name() -> None:
    _, body = _sent(
        OMNI_VIDEO_2,
        prompt="@coat as in @film",
        refer_images=[FRAME, {"url": FRAME, "id": "coat"}],
        base_video={"url": "https://example.com/a.mp4", "id": "film"},
        audio="original",
    )
    assert body["contents"] == [
        {"type": "prompt", "text": "@coat as in @film"},
        {"type": "refer_image", "url": FRAME},
        {"type": "refer_image", "url": FRAME, "id": "coat"},
        {"type": "base_video", "url": "https://example.com/a.mp4", "id": "film"},
    ]


def test_motion() -> None:
    assert _sent(
        MOTION_CONTROL_2,
        image=FRAME,
        video="https://example.com/a.mp4",
        character_orientation="video",
        audio=False,
    ) == (
        "/motion-control/kling-3.0",
        {
            "contents": [
                {"type": "image", "url": FRAME},
                {"type": "video", "url": "https://example.com/a.mp4"},
            ],
            "settings": {"character_orientation": "video", "audio": "off"},
        },
    )


def test_a_solution_has_a_path_of_its_own() -> None:
    assert _sent(
        VIRTUAL_TRY_ON_2,
        person_image=FRAME,
        product_image=FRAME,
        keep_pose=False,
        watermark={"enabled": True},
    ) == (
        "/solutions/virtual_try_on",
        {
            "contents": [{"type": "product_image", "url": FRAME}, {"type": "person_image", "url": FRAME}],
            "settings": {"keep_pose": False},
            "options": {"watermark": {"enabled": True}},
        },
    )


def test_what_the_vendor_adds_tomorrow_joins_the_parts() -> None:
    call = create_request(
        OMNI_VIDEO_2,
        {
            "model_name": "kling-3.0-omni",
            "prompt": "a boat",
            "duration": 5,
            "settings": {"fps": 60},
            "contents": [{"type": "sketch", "url": FRAME}],
            "seed": 7,
        },
    )
    assert call.body == {
        "seed": 7,
        "contents": [{"type": "prompt", "text": "a boat"}, {"type": "sketch", "url": FRAME}],
        "settings": {"duration": 5, "fps": 60},
    }


def test_the_vendors_own_shape_passes_as_it_is() -> None:
    body = {"contents": [{"type": "prompt", "text": "a"}], "settings": {"duration": 5}}
    call = create_request(OMNI_VIDEO_2, {"model_name": "kling-o1", **body})
    assert (call.path, call.body) == ("/omni-video/kling-o1", body)


def test_the_model_is_a_part_of_the_path() -> None:
    with pytest.raises(ValueError, match="text-to-video: model_name is not given"):
        create_request(TEXT_TO_VIDEO_2, {"prompt": "a boat"})
    assert create_request(TEXT_TO_VIDEO_2, {"model_name": "a/../b"}).path == "/text-to-video/a%2F..%2Fb"


@pytest.mark.parametrize(
    ("endpoint", "ident", "requested"),
    [
        (IMAGE_TO_VIDEO, "8", [("/v1/videos/image2video/8", None)]),
        (IMAGE_TO_VIDEO, "sku#2?v=1", [("/v1/videos/image2video/sku%232%3Fv%3D1", None)]),
        (IMAGE_TO_VIDEO, "../../account", [("/v1/videos/image2video/..%2F..%2Faccount", None)]),
        (TEXT_TO_VIDEO_2, "af-1", [("/tasks", {"external_task_ids": "af-1"})]),
        (TEXT_TO_VIDEO_2, "8", [("/tasks", {"task_ids": "8"}), ("/tasks", {"external_task_ids": "8"})]),
        (VIRTUAL_TRY_ON_2, "af-1", [("/solutions", {"external_task_ids": "af-1"})]),
    ],
)
def test_how_a_task_is_requested(endpoint: Endpoint, ident: str, requested: list[Any]) -> None:
    assert [(call.path, call.params) for call in get_task_requests(endpoint, ident)] == requested


def test_ids_are_sorted_into_batches() -> None:
    numbers = [str(number) for number in range(MAX_IDS_PER_QUERY + 1)]
    assert chunk_ids([*numbers, "af-1"]) == [
        (False, numbers[:MAX_IDS_PER_QUERY]),
        (False, numbers[MAX_IDS_PER_QUERY:]),
        (True, ["af-1"]),
    ]


def _walk(page: int, starts: list[str], responses: list[Any]) -> tuple[list[Any], list[str]]:
    steps = iter_cursor_pages(TEXT_TO_VIDEO_2, page, 2, starts)
    requested = []
    call = next(steps)
    while True:
        assert (call.method, call.path, call.creates_task) == ("POST", "/tasks", False)
        requested.append(call.body)
        try:
            call = steps.send({"data": responses[len(requested) - 1]})
        except StopIteration as end:
            return requested, [task.task_id for task in end.value]


def _page(ident: str, cursor: str = "") -> dict[str, Any]:
    return {"result": [{"id": ident}], "next_cursor": cursor, "has_more": bool(cursor)}


def test_pages_are_numbered_where_they_are_read_by_cursor() -> None:
    starts: list[str] = []
    assert _walk(1, starts, [_page("1", "a")]) == ([{"limit": 2}], ["1"])
    assert _walk(2, starts, [_page("2", "b")]) == ([{"limit": 2, "cursor": "a"}], ["2"])
    assert _walk(3, starts, [_page("3")]) == ([{"limit": 2, "cursor": "b"}], ["3"])
    assert _walk(4, starts, [_page("3")]) == ([{"limit": 2, "cursor": "b"}], [])
    assert _walk(2, [], [_page("1", "a"), _page("2", "b")])[1] == ["2"]


def _incomplete(ident: str, cursor: Any, more: Any = True) -> dict[str, Any]:
    return {"result": [{"id": ident}], "next_cursor": cursor, "has_more": more}


@pytest.mark.parametrize("more", [True, "true", 1])
@pytest.mark.parametrize("cursor", ["", None, {}, "a"])
def test_a_list_that_goes_on_without_a_new_cursor_is_incomplete(cursor: Any, more: Any) -> None:
    starts: list[str] = []
    assert _walk(1, starts, [_page("1", "a")])[1] == ["1"]
    assert _walk(2, starts, [_incomplete("2", cursor, more)])[1] == ["2"], "what is there is read"
    with pytest.raises(IncompleteListError):
        _walk(3, starts, [_incomplete("2", cursor, more)])
    with pytest.raises(IncompleteListError):
        _walk(2, [], [_incomplete("1", cursor if cursor != "a" else "")])


@pytest.mark.parametrize("more", [False, "false", 0, "", None])
def test_a_list_that_does_not_go_on_is_complete(more: Any) -> None:
    assert _walk(2, [], [_incomplete("1", "", more)])[1] == []
    assert _walk(3, ["", "a"], [_incomplete("2", "a", more)])[1] == []


def test_a_cursor_without_a_flag_is_followed() -> None:
    pages = [{"result": [{"id": "1"}], "next_cursor": 7}, {"result": [{"id": "2"}]}]
    assert _walk(2, [], pages) == ([{"limit": 2}, {"limit": 2, "cursor": "7"}], ["2"])


def test_an_answer_without_tasks_is_no_end() -> None:
    nothing = {"result": [], "next_cursor": "b", "has_more": True}
    starts = [""]
    assert _walk(1, starts, [nothing, _page("1", "c")])[1] == ["1"]
    assert _walk(2, starts, [_page("2")])[1] == ["2"]
    for page in (1, 2):
        with pytest.raises(IncompleteListError):
            _walk(page, [], [nothing, nothing])


def test_a_list_of_nothing_but_cursors_is_not_followed_for_ever() -> None:
    pages = [{"result": [], "next_cursor": f"c{n}", "has_more": True} for n in range(100)]
    with pytest.raises(IncompleteListError):
        _walk(1, [], pages)


def test_its_tasks_are_read() -> None:
    response = {
        "code": 0,
        "message": "SUCCEED",
        "request_id": "r",
        "data": [
            {
                "id": "893605946402811985",
                "status": "succeeded",
                "message": "",
                "create_time": 1781080778802,
                "update_time": 1781080794151,
                "external_id": "af-1",
                "outputs": [{"type": "video", "id": "9", "url": "https://x/9.mp4", "duration": "5.1"}],
                "billing": [{"charge_type": "unit", "amount": "4.5", "package_type": "video"}],
            },
            {"id": "2", "status": "failed", "message": "Failure to pass the risk control system"},
        ],
    }
    done, failed = parse_task_list(response)
    assert (done.task_id, done.external_task_id, done.status) == (
        "893605946402811985",
        "af-1",
        TaskStatus.SUCCEED,
    )
    assert (done.units, done.created_at, done.updated_at) == ("4.5", 1781080778802, 1781080794151)
    assert done.result == {
        "videos": [{"type": "video", "id": "9", "url": "https://x/9.mp4", "duration": "5.1"}]
    }
    assert (failed.status, failed.message) == (
        TaskStatus.FAILED,
        "Failure to pass the risk control system",
    )
    assert parse_task({"code": 0, "data": []}) is None

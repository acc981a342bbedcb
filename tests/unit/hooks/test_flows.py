# SPDX-License-Identifier: Apache-2.0
"""Both clients run the same flows; a list is read as it is now."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_kling.api.requests.library import CUSTOM_VOICES
from airflow_provider_kling.api.requests.video import IMAGE_TO_VIDEO, TextToVideo
from airflow_provider_kling.api.requests.video_v2 import TEXT_TO_VIDEO_2
from airflow_provider_kling.emulator import Emulator
from airflow_provider_kling.exceptions import JobState, KlingRequestInvalid, KlingServerError
from airflow_provider_kling.hooks import flows
from airflow_provider_kling.hooks.kling import KlingHook
from tests.unit.hooks.conftest import Either
from tests.unit.hooks.scripted_server import Reply, ScriptedServer

BUSY = Reply(429, {"code": 1302, "message": "too fast"})
NO_TASKS = Reply(200, {"code": 0, "data": []})


def test_a_list_is_read_again_after_429(
    client_of_server: Either, server: ScriptedServer, pauses: list[float]
) -> None:
    server.replies = [BUSY, BUSY, NO_TASKS]
    assert client_of_server.list_tasks(IMAGE_TO_VIDEO, 1, 30) == []
    assert len(pauses) == 2


async def test_alist_tasks_retries_what_list_tasks_retries(
    hook: KlingHook, server: ScriptedServer, pauses: list[float]
) -> None:
    server.replies = [BUSY, NO_TASKS, BUSY, NO_TASKS]
    assert await hook.alist_tasks(IMAGE_TO_VIDEO) == []
    assert hook.list_tasks(IMAGE_TO_VIDEO) == []
    assert len(server.received) == 4


def submit(hook: KlingHook, count: int) -> list[str]:
    body: dict[str, Any] = {"model_name": "kling-3.0", "prompt": "waves"}
    return [hook.submit(TEXT_TO_VIDEO_2, body).task_id for _ in range(count)]


def listed(hook: KlingHook, page: int) -> list[str]:
    return [task.task_id for task in hook.list_tasks(TEXT_TO_VIDEO_2, page, 2)]


def test_jobs_made_since_do_not_hide_others_from_a_list_read_by_cursor(kling_emulator: Emulator) -> None:
    hook = KlingHook()
    old = submit(hook, 3)
    assert (listed(hook, 1), listed(hook, 2)) == ([old[2], old[1]], [old[0]])
    new = submit(hook, 2)
    everything = [*reversed(new), *reversed(old)]
    assert listed(hook, 2) == everything[2:4], "the second page as it is now"
    assert listed(hook, 3) == everything[4:]


def test_the_next_page_costs_one_request(kling_emulator: Emulator) -> None:
    hook = KlingHook()
    created = submit(hook, 5)
    before = kling_emulator.count("POST", TEXT_TO_VIDEO_2.tasks_path)
    pages = [listed(hook, page) for page in (1, 2, 3)]
    assert [ident for page in pages for ident in page] == created[::-1]
    assert kling_emulator.count("POST", TEXT_TO_VIDEO_2.tasks_path) - before == 3


def test_a_cursor_is_used_for_a_minute_only(
    kling_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = KlingHook()
    old = submit(hook, 4)
    assert listed(hook, 1) == [old[3], old[2]]
    monkeypatch.setattr(flows, "_CURSOR_SECONDS", 0.0)
    new = submit(hook, 2)
    assert listed(hook, 2) == [old[3], old[2]], f"the jobs after {new}"


@pytest.mark.parametrize("cursor", ["", "a"])
def test_a_list_whose_cursor_leads_nowhere_is_not_reported_as_complete(
    client_of_server: Either, server: ScriptedServer, cursor: str
) -> None:
    first = {"result": [{"id": "1"}], "next_cursor": "a", "has_more": True}
    second = {"result": [{"id": "2"}], "next_cursor": cursor, "has_more": True}
    server.replies = [Reply(200, {"code": 0, "data": page}) for page in (first, second, first, second)]
    pages = [client_of_server.list_tasks(TEXT_TO_VIDEO_2, page, 1) for page in (1, 2)]
    assert [task.task_id for page in pages for task in page] == ["1", "2"]
    with pytest.raises(KlingServerError, match=r"^Jobs are missing; a retry reads again\."):
        client_of_server.list_tasks(TEXT_TO_VIDEO_2, 3, 1)


def test_create_takes_a_request_or_a_body(client_of_server: Either, server: ScriptedServer) -> None:
    client_of_server.create(IMAGE_TO_VIDEO, TextToVideo(prompt="waves"))
    client_of_server.create(CUSTOM_VOICES, {"voice_name": "Ada"})
    assert [each.json for each in server.received][1] == {"voice_name": "Ada"}
    assert server.received[0].json["prompt"] == "waves"


def test_a_create_call_without_its_model_is_never_sent(
    client_of_server: Either, server: ScriptedServer
) -> None:
    with pytest.raises(KlingRequestInvalid) as failed:
        client_of_server.create(TEXT_TO_VIDEO_2, {"prompt": "waves"})
    assert failed.value.job is JobState.NOT_CREATED
    assert server.received == []

# SPDX-License-Identifier: Apache-2.0
"""URLs of results expire, and redirect."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import time_machine
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.exceptions import KlingResultExpired, KlingResultNotKept, KlingTaskNotFound
from airflow_provider_kling.results.store import store_result
from tests.unit.results.conftest import PNG, RULES, VIDEO, chunk, video_task
from tests.unit.results.web import redirect, status, whole


def test_expired_url_is_read_again(web, shelf):
    web.serve("/old.mp4", status(403))
    fresh = video_task(web.serve("/new.mp4", whole(VIDEO)))
    requested = []
    stored_task = store_result(
        video_task(web.url("/old.mp4")),
        shelf.uri,
        options=RULES,
        refresh=lambda: requested.append(1) or fresh,
    )
    assert stored_task["videos"][0]["bytes"] == len(VIDEO)
    assert (len(requested), web.request_count("/old.mp4"), web.request_count("/new.mp4")) == (1, 1, 1)


def test_a_new_reading_of_another_job_is_not_used(web, tmp_path):
    task = video_task(web.serve("/v.mp4", status(403)), expires_at=None)
    other = {**task, "external_task_id": "af-2", "videos": [{"url": web.serve("/o.mp4", whole(VIDEO))}]}
    with pytest.raises(KlingResultNotKept, match="answered with that of a job of another external_task_id"):
        store_result(task, str(tmp_path), options=RULES, refresh=lambda: other)
    assert web.request_count("/o.mp4") == 0
    unnamed = {**other, "external_task_id": None}
    assert store_result(task, str(tmp_path), options=RULES, refresh=lambda: unnamed)["videos"][0]["bytes"]


def test_several_files_share_one_new_reading(web, tmp_path):
    web.serve("/old", status(403))
    stale = {"task_id": "7", "images": [{"url": web.url(f"/old?{n}")} for n in range(4)]}
    fresh = {
        "task_id": "7",
        "images": [{"url": web.serve(f"/{n}", whole(PNG, "image/png"))} for n in range(4)],
    }
    requested = []
    store_result(stale, str(tmp_path), options=RULES, refresh=lambda: requested.append(1) or fresh)
    assert len(requested) == 1


def test_result_is_deleted_after_30_days(web, shelf):
    task = video_task(web.serve("/v.mp4", status(404)))
    requested = []
    with time_machine.travel(task["expires_at"] / 1000 + 86_400), pytest.raises(KlingResultExpired) as caught:
        store_result(
            task,
            shelf.uri,
            options=RULES,
            refresh=lambda: requested.append(1) or {**task, "videos": [{"url": web.url("/v.mp4?again")}]},
        )
    assert isinstance(caught.value, AirflowFailException)
    assert "Kling has deleted the result of task 8150001" in str(caught.value)
    assert "it was stored until 2026-10-21 14:14 UTC" in str(caught.value)
    assert len(requested) == 1
    assert web.request_count("/v.mp4") == 2


@pytest.mark.parametrize("refreshed", ["nothing", "no address", "not found"])
def test_other_responses_of_expired_urls(web, tmp_path, refreshed):
    task = video_task(web.serve("/v.mp4", status(403)))

    def refresh():
        if refreshed == "not found":
            raise KlingTaskNotFound("Task not found by id")
        return {**task, "videos": []}

    with time_machine.travel(task["expires_at"] / 1000 + 86_400), pytest.raises(KlingResultExpired):
        store_result(task, str(tmp_path), options=RULES, refresh=None if refreshed == "nothing" else refresh)
    with time_machine.travel(task["expires_at"] / 1000 - 86_400), pytest.raises(KlingResultNotKept):
        store_result(task, str(tmp_path), options=RULES, refresh=None if refreshed == "nothing" else refresh)


def test_stored_result_needs_no_url_after_30_days(web, tmp_path):
    task = video_task(web.serve("/v.mp4", whole(VIDEO), status(404)))
    first = store_result(task, str(tmp_path), options=RULES)
    with time_machine.travel(task["expires_at"] / 1000 + 86_400):
        assert store_result(task, str(tmp_path), options=RULES) == first


def test_redirects_are_followed_to_a_limit(web, tmp_path):
    web.serve("/5", whole(VIDEO))
    for n in range(5):
        web.serve(f"/{n}", redirect(f"/{n + 1}"))
    assert store_result(video_task(web.url("/0")), str(tmp_path), options=RULES)["videos"][0]["bytes"] == len(
        VIDEO
    )
    web.serve("/start", redirect("/0"))
    with pytest.raises(KlingResultNotKept, match="it is redirected more than 5 times"):
        store_result({**video_task(web.url("/start")), "task_id": "2"}, str(tmp_path), options=RULES)
    assert web.request_count("/start") == 1


def test_no_credentials_are_sent(web, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    store_result(video_task(web.serve("/v.mp4", whole(VIDEO))), str(tmp_path), options=RULES)
    ((_, headers),) = web.requests
    assert not {"authorization", "cookie"} & {name.lower() for name in headers}


def images(web, names: str, **more) -> dict:
    """An answer that lists images by these names, each with a file of its own."""
    files = {name: PNG[:-12] + chunk(b"teXt", name.encode()) + PNG[-12:] for name in names}
    for name, content in files.items():
        web.serve(f"/{name}", whole(content, "image/png"))
    return {
        "task_id": "7",
        "images": [{"id": name, "url": web.url(f"/{name}?{more.get('query', '')}")} for name in names],
    }


def stored_by_id(result: dict) -> dict[str, bool]:
    """Whether each image has the path, hash and content of its own."""
    found = {}
    for item in result["images"]:
        content = Path(item["path"]).read_bytes()
        found[item["id"]] = (
            item["id"].encode() in content and hashlib.sha256(content).hexdigest() == item["sha256"]
        )
    return found


@pytest.mark.parametrize("fresh", ["cab", "cabd"])
def test_a_new_reading_may_list_the_files_in_another_order(web, tmp_path, fresh):
    stale, renewed = images(web, "abc", query="old"), images(web, fresh, query="new")
    web.serve("/b", status(403), *web.routes["/b"])
    result = store_result(stale, str(tmp_path), options=RULES, refresh=lambda: renewed)
    assert stored_by_id(result) == {"a": True, "b": True, "c": True}
    assert [item["id"] for item in result["images"]] == ["a", "b", "c"]


def test_a_file_that_a_new_reading_does_not_list_is_not_replaced_by_another_one(web, tmp_path):
    stale = images(web, "abc")
    web.serve("/b", status(403))
    with pytest.raises(KlingResultNotKept, match=r"no URL for images\[1\]"):
        store_result(stale, str(tmp_path), options=RULES, refresh=lambda: images(web, "ac"))


@pytest.mark.parametrize("names", ["cab", "cabd", "dbca"])
def test_a_retry_finds_stored_files_by_their_ids(web, tmp_path, names):
    store_result(images(web, "abc"), str(tmp_path), options=RULES)
    result = store_result(images(web, names), str(tmp_path), options=RULES)
    assert stored_by_id(result) == dict.fromkeys(sorted(names), True)
    assert [item["id"] for item in result["images"]] == sorted(names)
    assert {web.request_count(f"/{name}") for name in names} == {1}
    listed = json.loads((tmp_path / "7" / "manifest.json").read_text())["files"]
    assert [(entry["key"], entry["id"]) for entry in listed] == [
        (f"images[{at}].url", name) for at, name in enumerate(sorted(names))
    ]


def test_ids_that_are_new_with_each_reading_do_not_count(web, tmp_path):
    first = store_result(images(web, "abc"), str(tmp_path), options=RULES)
    renamed = {**first, "images": [{**item, "id": f"new {item['id']}"} for item in first["images"]]}
    result = store_result(renamed, str(tmp_path), options=RULES)
    assert [item["sha256"] for item in result["images"]] == [item["sha256"] for item in first["images"]]
    assert {web.request_count(f"/{name}") for name in "abc"} == {1}

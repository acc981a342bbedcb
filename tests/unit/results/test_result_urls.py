# SPDX-License-Identifier: Apache-2.0
"""URLs of results expire, and redirect."""

from __future__ import annotations

import pytest
import time_machine
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.exceptions import KlingResultExpired, KlingResultNotKept, KlingTaskNotFound
from airflow_provider_kling.results.store import store_result
from tests.unit.results.conftest import PNG, RULES, VIDEO, video_task
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

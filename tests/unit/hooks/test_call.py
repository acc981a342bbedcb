# SPDX-License-Identifier: Apache-2.0
"""Calls of the rest of the API with the connection's credentials."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import JobState, KlingAuthError, KlingRequestInvalid, KlingServerError
from airflow_provider_kling.hooks.kling import KlingHook
from tests.unit.hooks.scripted_server import Reply, ScriptedServer

FINE = Reply(200, {"code": 0, "message": "SUCCEED", "data": {"any": [1]}})
DOWN = Reply(503, {"code": 5001, "message": "maintenance"})


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_kling.hooks.flows.retry_delay", lambda *_: 0.0)


def test_a_read_returns_the_whole_response(hook: KlingHook, server: ScriptedServer) -> None:
    server.replies = [FINE]
    response = hook.call("get", "/v1/anything/new", params={"pageNum": 2, "left": None})
    assert response == {"code": 0, "message": "SUCCEED", "data": {"any": [1]}}
    (request,) = server.received
    assert (request.method, request.target) == ("GET", "/v1/anything/new?pageNum=2")
    assert request.headers["Authorization"].startswith("Bearer ")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/anything"),
        ("POST", "/tasks"),
        ("POST", "/solutions"),
        ("POST", "/account/billing/package"),
        ("POST", "/account/billing/balance"),
    ],
)
def test_reads_are_retried(hook: KlingHook, server: ScriptedServer, method: str, path: str) -> None:
    server.replies = [DOWN, DOWN, FINE]
    assert hook.call(method, path)["code"] == 0
    assert len(server.received) == 3


@pytest.mark.parametrize(
    "path", ["/v1/videos/of-tomorrow", "/solutions/of-tomorrow", "/text-to-video/kling-9"]
)
def test_calls_that_may_cost_money_are_made_once(hook: KlingHook, server: ScriptedServer, path: str) -> None:
    server.replies = [DOWN, FINE]
    with pytest.raises(KlingServerError) as failed:
        hook.call("POST", path, {"prompt": "a boat"})
    assert failed.value.job is JobState.MAY_EXIST
    assert len(server.received) == 1


def test_a_refusal_is_an_error_of_ours(hook: KlingHook, server: ScriptedServer) -> None:
    server.replies = [Reply(401, {"code": 1002, "message": "no"})]
    with pytest.raises(KlingAuthError):
        hook.call("POST", "/v1/videos/of-tomorrow", {})
    server.replies = [Reply(400, {"code": 1201, "message": "bad value"})]
    with pytest.raises(KlingRequestInvalid, match="bad value") as refused:
        hook.call("POST", "/v1/videos/of-tomorrow", {})
    assert refused.value.job is JobState.NOT_CREATED


@pytest.mark.parametrize(
    ("arguments", "expected_text"),
    [
        (("DELETE", "/v1/videos"), "Invalid value for 'method': 'DELETE'; expected GET or POST"),
        ((None, "/v1/videos"), "Invalid value for 'method'"),
        (("GET", "https://elsewhere.example/v1"), "Invalid value for 'path'"),
        (("GET", "//elsewhere.example/v1"), "Invalid value for 'path'"),
        (("GET", "v1/videos"), "begins with one /"),
        (("GET", "/v1/a\nb"), "Invalid value for 'path'"),
        (("GET", "/v1/videos", {"a": 1}), "give query parameters as params"),
        (("POST", "/v1/videos", [1]), "Invalid value for 'body': 'list'; expected a mapping"),
        (("POST", "/v1/videos", {"a": {1}}), "cannot be sent as JSON"),
        (("POST", "/v1/videos", {"a": float("nan")}), "cannot be sent as JSON"),
    ],
)
def test_invalid_arguments_of_a_call_are_refused(
    hook: KlingHook, server: ScriptedServer, arguments: tuple[Any, ...], expected_text: str
) -> None:
    with pytest.raises(KlingRequestInvalid, match=expected_text) as refused:
        hook.call(*arguments)
    assert refused.value.job is JobState.NOT_CREATED
    assert not server.received


def test_a_job_of_the_emulator(kling_emulator: Emulator) -> None:
    created = KlingHook().call(
        "POST", "/text-to-video/kling-3.0-turbo", {"prompt": "a boat", "settings": {"duration": 3}}
    )
    listed = KlingHook().call("POST", "/tasks", {"limit": 5})
    assert [task["id"] for task in listed["data"]["result"]] == [created["data"]["id"]]

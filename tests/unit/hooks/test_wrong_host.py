# SPDX-License-Identifier: Apache-2.0
"""Errors of a wrong host, dialect or path name the URL of the call, and the settings that decide it."""

from __future__ import annotations

import re

import pytest

from airflow_provider_kling.api.requests.video import IMAGE_TO_VIDEO
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import JobState, KlingError, KlingRequestInvalid, KlingServerError
from tests.unit.hooks.conftest import Either, MakeClient
from tests.unit.hooks.scripted_server import Reply, ScriptedServer

BODY = {"model_name": "kling-v3", "image": "https://pictures.example/a.png"}
HINT = "check that the API is there: the URL of connection 'kling_default' is made of its host"


def failed_create(using: Either) -> KlingError:
    with pytest.raises(KlingError) as failed:
        using.create(IMAGE_TO_VIDEO, BODY)
    return failed.value


def test_a_dialect_that_is_not_the_hosts(make_client: MakeClient) -> None:
    with Emulator() as kling:
        error = failed_create(make_client(kling.url, password="emulator", extra={"dialect": "gateway"}))
    assert isinstance(error, KlingRequestInvalid)
    assert error.job is JobState.NOT_CREATED
    text = str(error)
    assert text.startswith("Wrong URL: check Host, dialect and base_path of connection ")
    assert f"Kling refused POST {kling.url}/kling/v1/videos/image2video: " in text
    assert f"{HINT}, its extra.dialect ('gateway') and its extra.base_path." in text


WRONG = [
    Reply(404, {"code": 1202, "message": "The requested method is invalid"}),
    Reply(404, {"error": {"message": "Invalid URL (POST /v1/x)", "code": ""}}),
    Reply(404, b"<html>404 page not found</html>", {"Content-Type": "text/html"}),
    Reply(405, b"Method Not Allowed"),
    Reply(302, b"", {"Location": "https://login.example/?next=secret"}),
]


@pytest.mark.parametrize("reply", WRONG, ids=lambda reply: f"{reply.status}-{str(reply.body)[:20]}")
def test_a_response_about_a_wrong_url_names_it(
    client_of_server: Either, server: ScriptedServer, reply: Reply
) -> None:
    server.always = reply
    text = str(failed_create(client_of_server))
    assert f" POST {server.url}/v1/videos/image2video: " in text
    assert HINT in text
    assert "secret" not in text


def test_the_query_is_left_out(client_of_server: Either, server: ScriptedServer) -> None:
    server.always = WRONG[0]
    with pytest.raises(KlingRequestInvalid) as failed:
        client_of_server.list_tasks(IMAGE_TO_VIDEO, 1, 30)
    assert f" GET {server.url}/v1/videos/image2video: " in str(failed.value)
    assert "?" not in str(failed.value)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(404, {"code": 1203, "message": "The model does not exist"}),
        Reply(400, {"code": 1201, "message": "Task not found by id/external id: 8"}),
        Reply(404, {"error": "task_not_exist"}),
        Reply(401, {"code": 1002, "message": "invalid"}),
        Reply(400, {"code": 1201, "message": "prompt is too long"}),
    ],
    ids=lambda reply: str(reply.body)[:30],
)
def test_other_refusals_do_not_mention_the_url(
    client_of_server: Either, server: ScriptedServer, reply: Reply
) -> None:
    server.always = reply
    text = str(failed_create(client_of_server))
    assert " POST /v1/videos/image2video: " in text
    assert "dialect" not in text


def test_a_host_without_a_response_is_named_with_its_port(make_client: MakeClient) -> None:
    assert "No response from 127.0.0.1:9 to POST " in str(failed_create(make_client("http://127.0.0.1:9")))


def test_https_to_a_server_that_speaks_http(make_client: MakeClient, server: ScriptedServer) -> None:
    error = failed_create(make_client(server.url.replace("http:", "https:")))
    assert isinstance(error, KlingServerError)
    assert error.job is JobState.NOT_CREATED
    assert re.search(
        r"No response from 127\.0\.0\.1:\d+ to POST .*WRONG_VERSION_NUMBER.* \(the connection's host, or its "
        r"proxy, is set to https, but the server there speaks plain http\)\. No job was made",
        str(error),
    )

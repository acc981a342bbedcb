# SPDX-License-Identifier: Apache-2.0
"""Connections as Airflow stores them: JSON, URI, and what of them reaches the wire."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import airflow
import jwt
import pytest
from airflow.providers.common.compat.sdk import AirflowNotFoundException, Connection
from packaging.version import Version

from airflow_provider_kling.api.requests.video import IMAGE_TO_VIDEO
from airflow_provider_kling.exceptions import KlingAuthError, KlingError, KlingRequestInvalid
from airflow_provider_kling.hooks.kling import KlingHook
from tests.unit.hooks.conftest import MakeHook
from tests.unit.hooks.scripted_server import Reply, ScriptedServer

SECRET = "sk-very-secret-0123456789-0123456789"
VARIABLE = "AIRFLOW_CONN_KLING_DEFAULT"


def test_json_form(monkeypatch: pytest.MonkeyPatch, server: ScriptedServer) -> None:
    fields = {"conn_type": "kling", "host": server.url, "password": SECRET, "extra": {"timeout": 5}}
    monkeypatch.setenv(VARIABLE, json.dumps(fields))
    KlingHook().get_task(IMAGE_TO_VIDEO, "8")
    (request,) = server.received
    assert request.target == "/v1/videos/image2video/8"
    assert request.headers["Authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize(
    ("uri", "base_url"),
    [
        ("kling://:{key}@", "https://api-singapore.klingai.com"),
        ("kling://:{key}@api.klingai.com", "https://api.klingai.com"),
        ("kling://:{key}@https%3A%2F%2Fapi-beijing.klingai.com", "https://api-beijing.klingai.com"),
        ("kling://:{key}@api.cometapi.com", "https://api.cometapi.com/kling"),
        ("kling://:{key}@127.0.0.1:8188", "http://127.0.0.1:8188"),
        ("kling://:{key}@gateway.example/?base_path=%2Fapi", "https://gateway.example/api"),
        ("kling://:{key}@api.klingai.com/http", "http://api.klingai.com"),
    ],
)
def test_uri_form(monkeypatch: pytest.MonkeyPatch, uri: str, base_url: str) -> None:
    monkeypatch.setenv(VARIABLE, uri.format(key="sk%2Fwith%40signs"))
    settings = KlingHook().settings
    assert settings.base_url == base_url
    assert settings.credentials.token() == "sk/with@signs"


def test_a_path_in_the_uri_is_refused_with_the_place_where_it_belongs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, "kling://:key@api.cometapi.com/kling")
    with pytest.raises(KlingRequestInvalid, match=r"schema is 'kling'.*a path belongs into extra.base_path"):
        _ = KlingHook().settings


def test_what_airflow_itself_writes_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """``airflow connections export`` and secrets backends store this form."""
    written = Connection(
        conn_id="kling_default",
        conn_type="kling",
        host="https://api.klingai.com",
        password=SECRET,
        extra=json.dumps({"timeout": [5, 30], "dialect": "kling"}),
    ).get_uri()
    monkeypatch.setenv(VARIABLE, written)
    settings = KlingHook().settings
    assert settings.base_url == "https://api.klingai.com"
    assert settings.timeout == (5.0, 30.0)
    assert settings.credentials.token() == SECRET


def test_another_connection_id(monkeypatch: pytest.MonkeyPatch, server: ScriptedServer) -> None:
    fields = {"conn_type": "kling", "host": server.url, "password": "sk-other"}
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps(fields))
    KlingHook("other").get_task(IMAGE_TO_VIDEO, "8")
    assert server.received[0].headers["Authorization"] == "Bearer sk-other"


@pytest.mark.parametrize("extra", ["not json", "[1, 2]", '"text"'])
def test_an_extra_that_is_no_object_is_refused(make_hook: MakeHook, extra: str) -> None:
    hook = make_hook("https://api.klingai.com", extra=extra)
    # Airflow 3.0 and 3.1 cannot read such a connection at all, and say that there is none.
    if Version("3.0") <= Version(airflow.__version__) < Version("3.2"):
        with pytest.raises(AirflowNotFoundException, match="kling_default"):
            _ = hook.settings
    else:
        with pytest.raises(KlingRequestInvalid, match="extra is not a JSON object"):
            _ = hook.settings


async def test_the_async_side_reads_the_same(make_hook: MakeHook) -> None:
    hook = make_hook("https://api.klingai.com", extra={"timeout": 7})
    assert (await hook.aget_settings()).fingerprint == hook.settings.fingerprint
    hook = make_hook("https://api.klingai.com", extra={"X-Header": "1"})
    with pytest.raises(KlingRequestInvalid, match="'X-Header'"):
        await hook.aget_settings()


def test_an_unknown_extra_sends_nothing(server: ScriptedServer, make_hook: MakeHook) -> None:
    hook = make_hook(server.url, extra={"X-Api-Key": "1"})
    with pytest.raises(KlingRequestInvalid, match="extra has 'X-Api-Key'; known keys are"):
        hook.get_task(IMAGE_TO_VIDEO, "8")
    assert server.received == []


async def test_known_extras_never_become_headers(server: ScriptedServer, make_hook: MakeHook) -> None:
    extra = {"dialect": "kling", "base_path": "/x", "timeout": 9, "verify": True}
    hook = make_hook(server.url, extra=extra)
    hook.get_task(IMAGE_TO_VIDEO, "8")
    await hook.aget_task(IMAGE_TO_VIDEO, "8")
    hook.submit(IMAGE_TO_VIDEO, {"image": "https://pictures.example/a.png"})
    assert len(server.received) == 3
    for request in server.received:
        names = {name.lower() for name in request.headers}
        assert names <= {
            *("host", "authorization", "accept", "content-type", "user-agent"),
            *("content-length", "accept-encoding", "connection"),
        }
        assert request.headers["Content-Type"] == "application/json"
        assert request.headers["User-Agent"].startswith("airflow-provider-kling/")


def test_a_netrc_file_does_not_replace_the_credentials(
    server: ScriptedServer,
    hook: KlingHook,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password something\n")
    monkeypatch.setenv("NETRC", str(netrc))
    hook.get_task(IMAGE_TO_VIDEO, "8")
    assert server.received[0].headers["Authorization"] == "Bearer sk-test-key"


async def test_signed_tokens_are_sent(server: ScriptedServer, make_hook: MakeHook) -> None:
    hook = make_hook(server.url, login="access", password=SECRET)
    hook.get_task(IMAGE_TO_VIDEO, "8")
    await hook.aget_task(IMAGE_TO_VIDEO, "8")
    for request in server.received:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        assert jwt.decode(token, SECRET, algorithms=["HS256"])["iss"] == "access"


async def test_secrets_stay_out_of_logs_texts_and_representations(
    server: ScriptedServer, make_hook: MakeHook, caplog: pytest.LogCaptureFixture, pauses: list[float]
) -> None:
    """Whatever happens to a call; a server may even repeat the request in its answer."""
    caplog.set_level(logging.DEBUG)
    hook = make_hook(server.url, login="access", password=SECRET, extra={"timeout": 1})
    server.replies = [
        Reply(401, {"code": 1002, "message": "Authorization invalid"}),
        Reply(500, b"<html>oops</html>"),
        Reply(action="reset"),
        Reply(400, {"code": 1201, "message": "bad"}),
    ]
    texts = [repr(hook.settings), str(hook.settings), repr(hook.client), str(vars(hook))]
    for _ in range(4):
        with pytest.raises(KlingError) as failed:
            hook.submit(IMAGE_TO_VIDEO, {"image": "https://pictures.example/a.png"})
        texts += [str(failed.value), repr(failed.value), str(vars(failed.value))]
    texts += [record.getMessage() for record in caplog.records]
    token = hook.settings.credentials.token()
    for text in texts:
        assert SECRET not in text
        assert token not in text


def test_no_password_is_one_clear_error(make_hook: MakeHook) -> None:
    with pytest.raises(KlingAuthError, match="Connection 'kling_default' has no password"):
        make_hook("https://api.klingai.com", password=None).get_task(IMAGE_TO_VIDEO, "8")


@pytest.mark.parametrize(
    ("hostname", "dialect", "start"),
    [
        (
            "api-singapore.klingai.com",
            "kling",
            "Key rejected: connection 'c', region Singapore; keys: kling.ai/dev/api-key.",
        ),
        (
            "api-beijing.klingai.com",
            "kling",
            "Key rejected: connection 'c', region Beijing; keys: klingai.com/dev/api-key.",
        ),
        ("gw.example.com", "gateway", "Key rejected: connection 'c', host gw.example.com; get a key"),
    ],
)
def test_a_refused_key_names_connection_and_region_first(hostname: str, dialect: str, start: str) -> None:
    from types import SimpleNamespace

    from airflow_provider_kling.hooks.responses import _about_key

    settings = SimpleNamespace(hostname=hostname, conn_id="c", dialect=SimpleNamespace(name=dialect))
    text = _about_key(settings)
    assert text.startswith(start)
    assert len(text.replace("'c'", "'kling_default'")) <= 90

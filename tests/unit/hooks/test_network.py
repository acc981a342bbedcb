# SPDX-License-Identifier: Apache-2.0
"""Proxies, certificates and tokens: what stands between a worker and the API."""

from __future__ import annotations

import ssl
import time
from pathlib import Path
from typing import Literal

import jwt
import pytest
import time_machine

from airflow_provider_kling.api.http import get_task_requests
from airflow_provider_kling.api.requests.video import IMAGE_TO_VIDEO
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import JobState, KlingAuthError, KlingServerError
from tests.unit.hooks.conftest import Either, MakeClient, MakeHook
from tests.unit.hooks.scripted_server import Reply, ScriptedServer

READ = get_task_requests(IMAGE_TO_VIDEO, "8")[0]
BODY = {"image": "https://pictures.example/a.png"}
SECRET = "secret-key-0123456789-0123456789"
TARGET = "http://api.kling.invalid"
PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


@pytest.fixture
def dead_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names an unreachable proxy."""
    for name in PROXIES:
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("dead_proxy")
def test_the_connections_proxy_goes_before_the_environments(
    make_client: MakeClient, server: ScriptedServer
) -> None:
    make_client(TARGET, extra={"proxy": server.url}).send(READ)
    assert server.calls == [f"GET {TARGET}/kling/v1/videos/image2video/8"]


def test_the_environments_proxy_is_used_by_workers_and_triggerers_alike(
    make_client: MakeClient, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("http_proxy", server.url)
    make_client(TARGET).send(READ)
    assert server.calls == [f"GET {TARGET}/kling/v1/videos/image2video/8"]


def test_no_proxy_is_honoured(
    make_client: MakeClient, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PROXIES:
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    make_client(server.url).send(READ)
    assert server.calls == ["GET /v1/videos/image2video/8"]


@pytest.mark.usefixtures("dead_proxy")
@pytest.mark.parametrize("target", [TARGET, "https://api.kling.invalid"])
def test_an_unreachable_proxy_means_that_nothing_was_sent(make_client: MakeClient, target: str) -> None:
    with pytest.raises(KlingServerError) as failed:
        make_client(target).create(IMAGE_TO_VIDEO, BODY)
    assert failed.value.job is JobState.NOT_CREATED


def test_a_proxy_that_refuses_to_connect_means_that_nothing_was_sent(
    make_client: MakeClient, server: ScriptedServer
) -> None:
    server.always = Reply(407, b"")
    with pytest.raises(KlingServerError) as failed:
        make_client("https://api.kling.invalid", extra={"proxy": server.url}).create(IMAGE_TO_VIDEO, BODY)
    assert failed.value.job is JobState.NOT_CREATED
    assert server.calls == ["CONNECT api.kling.invalid:443"]


@pytest.mark.parametrize("proxy", ["http://:3128", "http://user:secret@proxy:port"])
def test_an_invalid_proxy_of_the_environment_means_that_nothing_was_sent(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(KlingServerError) as failed:
        make_client(TARGET).create(IMAGE_TO_VIDEO, BODY)
    assert failed.value.job is JobState.NOT_CREATED
    assert "secret" not in str(failed.value)


def test_an_unknown_certificate_is_refused_before_anything_is_sent(
    make_client: MakeClient, tls_server: ScriptedServer
) -> None:
    with pytest.raises(KlingServerError, match=r"(?i)certificate verify failed") as failed:
        make_client(tls_server.url).create(IMAGE_TO_VIDEO, BODY)
    assert failed.value.job is JobState.NOT_CREATED
    assert tls_server.received == []


def test_verify_names_a_bundle(
    make_client: MakeClient, tls_server: ScriptedServer, certificate: Path
) -> None:
    make_client(tls_server.url, extra={"verify": str(certificate)}).send(READ)
    assert len(tls_server.received) == 1


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_companys_own_certificates_are_read_from_the_environment(
    make_client: MakeClient,
    tls_server: ScriptedServer,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv(name, str(certificate))
    make_client(tls_server.url).send(READ)
    assert len(tls_server.received) == 1


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_verify_false_overrides_the_environment(
    make_client: MakeClient, tls_server: ScriptedServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ssl.get_default_verify_paths().cafile or str(certificate.parent))
    make_client(tls_server.url, extra={"verify": False}).send(READ)
    assert len(tls_server.received) == 1


def test_https_to_a_plain_port_sends_nothing(make_client: MakeClient, server: ScriptedServer) -> None:
    with pytest.raises(KlingServerError) as failed:
        make_client(server.url.replace("http:", "https:")).create(IMAGE_TO_VIDEO, BODY)
    assert failed.value.job is JobState.NOT_CREATED


@pytest.mark.parametrize("action", ["close", "garble"])
def test_a_tls_connection_that_breaks_after_the_request_leaves_the_job_unknown(
    make_client: MakeClient, tls_server: ScriptedServer, certificate: Path, action: Literal["close", "garble"]
) -> None:
    tls_server.always = Reply(action=action)
    with pytest.raises(KlingServerError) as failed:
        make_client(tls_server.url, extra={"verify": str(certificate)}).create(IMAGE_TO_VIDEO, BODY)
    assert len(tls_server.received) == 1
    assert failed.value.job is JobState.MAY_EXIST


@pytest.mark.parametrize("action", ["drip", "drip_header", "drip_trailer"])
def test_a_response_that_never_ends_is_abandoned(
    make_client: MakeClient,
    server: ScriptedServer,
    action: Literal["drip", "drip_header", "drip_trailer"],
) -> None:
    """Each single wait for it is short, so only the time for all of them together ends it."""
    server.always = Reply(action=action)
    client = make_client(server.url, extra={"timeout": [1, 0.3]})
    began = time.monotonic()
    with pytest.raises(KlingServerError, match="the answer does not end") as failed:
        client.create(IMAGE_TO_VIDEO, BODY)
    assert 2 < time.monotonic() - began < 60
    assert failed.value.job is JobState.MAY_EXIST


@pytest.fixture
def signing(make_client: MakeClient, server: ScriptedServer) -> Either:
    """A client that signs its tokens."""
    return make_client(server.url, login="access", password=SECRET)


def issued(server: ScriptedServer) -> list[int]:
    """When the token of each request was signed, by its ``nbf``."""
    return [
        jwt.decode(
            request.headers["Authorization"].removeprefix("Bearer "),
            SECRET,
            algorithms=["HS256"],
            options={"verify_exp": False, "verify_nbf": False},
        )["nbf"]
        + 5
        for request in server.received
    ]


@pytest.mark.parametrize("code", [1003, 1004])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_token_refused_for_its_times_is_signed_again_once(
    signing: Either, server: ScriptedServer, code: int, method: str
) -> None:
    """The first call was refused, so the second is no second paid call."""
    server.replies = [Reply(401, {"code": code, "message": "token"})]
    if method == "GET":
        signing.send(READ)
    else:
        assert signing.create(IMAGE_TO_VIDEO, BODY).task_id == "8"
    assert [request.method for request in server.received] == [method, method]


@pytest.mark.parametrize("code", [1003, 1004])
def test_and_only_once(signing: Either, server: ScriptedServer, code: int) -> None:
    server.always = Reply(401, {"code": code, "message": "token"})
    with pytest.raises(KlingAuthError, match="correct the clock of this machine") as failed:
        signing.create(IMAGE_TO_VIDEO, BODY)
    assert len(server.received) == 2
    assert failed.value.job is JobState.NOT_CREATED


@pytest.mark.parametrize("code", [1000, 1001, 1002])
def test_other_refusals_are_final(signing: Either, server: ScriptedServer, code: int) -> None:
    server.always = Reply(401, {"code": code, "message": "no"})
    with pytest.raises(KlingAuthError):
        signing.read(READ)
    assert len(server.received) == 1


def test_an_api_key_is_not_tried_twice(make_client: MakeClient, server: ScriptedServer) -> None:
    server.always = Reply(401, {"code": 1004, "message": "token"})
    with pytest.raises(KlingAuthError):
        make_client(server.url).send(READ)
    assert len(server.received) == 1


def test_a_long_wait_signs_new_tokens_in_time(signing: Either, server: ScriptedServer) -> None:
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        for _ in range(5):
            signing.send(READ)
            clock.shift(600)
    start = 1_800_000_000
    assert issued(server) == [start, start, start, start + 1800, start + 1800]


def test_airflow_masks_each_token_once(
    make_hook: MakeHook, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes a message to the supervisor, which no poll should cost."""
    masked: list[str] = []
    monkeypatch.setattr("airflow_provider_kling.version_compat.mask_secret", masked.append, raising=False)
    hook = make_hook(server.url, login="access", password=SECRET)
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        for _ in range(3):
            hook.get_task(IMAGE_TO_VIDEO, "8")
        clock.shift(1700)
        hook.get_task(IMAGE_TO_VIDEO, "8")
    sent = [request.headers["Authorization"].removeprefix("Bearer ") for request in server.received]
    assert [token for token in masked if token in sent] == [sent[0], sent[3]]


def test_the_emulator_takes_signed_tokens(make_client: MakeClient, kling_emulator: Emulator) -> None:
    options = kling_emulator.options
    using = make_client(kling_emulator.url, login=options.access_key, password=options.secret_key)
    assert using.list_tasks(IMAGE_TO_VIDEO, 1, 1) == []
    with pytest.raises(KlingAuthError, match="1000"):
        make_client(kling_emulator.url, login=options.access_key, password=SECRET).send(READ)

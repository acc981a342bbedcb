# SPDX-License-Identifier: Apache-2.0
"""A scripted server, and connections that lead to it."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.exceptions import KlingError
from airflow_provider_kling.hooks import flows
from airflow_provider_kling.hooks.async_client import AsyncKlingClient
from airflow_provider_kling.hooks.kling import KlingHook
from tests.support.certificates import self_signed
from tests.unit.hooks.scripted_server import ScriptedServer

MakeHook = Callable[..., KlingHook]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server that answers 200 with a job in progress unless a test says otherwise."""
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def make_hook(monkeypatch: pytest.MonkeyPatch) -> MakeHook:
    """Make a hook for a host and further fields of the connection."""

    def make(host: str | None, password: str | None = "sk-test-key", **fields: Any) -> KlingHook:
        connection = {"conn_type": "kling", "host": host, "password": password, **fields}
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(connection))
        return KlingHook()

    return make


@pytest.fixture
def hook(server: ScriptedServer, make_hook: MakeHook) -> KlingHook:
    """A hook that calls the server."""
    return make_hook(server.url)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let reads be made again at once; the list gets the seconds that would have been waited."""
    waited: list[float] = []
    original = flows.retry_delay

    def record(error: KlingError, attempt: int) -> float:
        waited.append(original(error, attempt))
        return 0.0

    monkeypatch.setattr(flows, "retry_delay", record)
    return waited


class Either:
    """One of the two clients behind the same plain methods, with one session for a whole test.

    :param hook: the hook whose connection it uses.
    :param asynchronous: which of the two.
    """

    def __init__(self, hook: KlingHook, asynchronous: bool) -> None:
        self._runner = asyncio.Runner()
        self._client: Any = AsyncKlingClient(hook.settings) if asynchronous else hook.client
        self.asynchronous = asynchronous
        if asynchronous:
            self._runner.run(self._client.__aenter__())

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)
        return (lambda *args: self._runner.run(method(*args))) if self.asynchronous else method

    def close(self) -> None:
        """End its session."""
        if self.asynchronous:
            self._runner.run(self._client.__aexit__(None, None, None))
        self._runner.close()


MakeClient = Callable[..., Either]


@pytest.fixture(params=["sync", "async"])
def make_client(request: pytest.FixtureRequest, make_hook: MakeHook) -> Iterator[MakeClient]:
    """Make a client for a host and further fields of the connection; each test runs with both kinds."""
    created: list[Either] = []

    def make(host: str, **fields: Any) -> Either:
        created.append(Either(make_hook(host, **fields), request.param == "async"))
        return created[-1]

    yield make
    for client_ in created:
        client_.close()


@pytest.fixture
def client_of_server(make_client: MakeClient, server: ScriptedServer) -> Either:
    """A client that calls the server."""
    return make_client(server.url)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 and its key, in one file."""
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[ScriptedServer]:
    """A server that speaks HTTPS with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with ScriptedServer(tls=context) as running:
        yield running

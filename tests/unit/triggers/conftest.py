# SPDX-License-Identifier: Apache-2.0
"""What the tests of triggers share."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestServer

from airflow_provider_kling.api.endpoint import Endpoint, get_endpoint
from airflow_provider_kling.hooks.connection import KlingSettings
from airflow_provider_kling.triggers.shared_poller import get_poller
from tests.unit.triggers.server import KEY, SLUG, Server, Waits, settings_for


@pytest.fixture
async def server(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Server]:
    caplog.set_level(logging.WARNING, "aiohttp.access")
    server = Server()
    async with TestServer(server.app()) as running:
        server.url = str(running.make_url("")).rstrip("/")
        yield server


@pytest.fixture
def endpoint() -> Endpoint:
    return get_endpoint(SLUG)


@pytest.fixture
def settings(server: Server) -> KlingSettings:
    return settings_for(server)


@pytest.fixture
def connection(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Airflow connection ``kling_default`` leads to the server."""
    content = {"conn_type": "kling", "host": server.url, "password": KEY}
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(content))


@pytest.fixture
def waits(settings: KlingSettings, endpoint: Endpoint) -> Waits:
    return Waits(lambda: get_poller(settings, endpoint))

# SPDX-License-Identifier: Apache-2.0
"""The button "Test" of Airflow's list of connections, which sends port 0 for no port."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from airflow_provider_kling.plugins.connection_test import ConnectionTestMiddleware

TEST = "/api/v2/connections/test"


def passed_on(body: bytes, path: str = TEST, parts: int = 1) -> tuple[bytes, int | None]:
    """Return the body and the content length that reach the application."""
    size = -(-len(body) // parts) or 1
    pieces = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
    waiting = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        for number, piece in enumerate(pieces, 1)
    ]
    got: dict[str, Any] = {}

    async def receive() -> Any:
        return waiting.pop(0)

    async def application(scope: Any, read: Any, _send: Any) -> None:
        read_body, more = b"", True
        while more:
            message = await read()
            read_body, more = read_body + message["body"], message["more_body"]
        got["body"], got["headers"] = read_body, dict(scope["headers"])

    async def send(_message: Any) -> None:
        """Nothing is sent."""

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": [(b"content-length", str(len(body)).encode())],
    }
    asyncio.run(ConnectionTestMiddleware(application)(scope, receive, send))
    length = got["headers"].get(b"content-length")
    return got["body"], int(length) if length else None


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("path", [TEST, f"/below/a/path{TEST}", "/api/v2/connections/enqueue-test"])
def test_port_zero_is_removed(path: str, parts: int) -> None:
    requested = {
        "connection_id": "kling_default",
        "conn_type": "kling",
        "host": "",
        "password": "***",
        "port": 0,
    }
    body, length = passed_on(json.dumps(requested).encode(), path, parts)
    assert json.loads(body) == {name: value for name, value in requested.items() if name != "port"}
    assert length == len(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"conn_type": "kling", "port": 443}',
        b'{"conn_type": "kling", "port": null}',
        b'{"conn_type": "kling", "port": false}',
        b'{"conn_type": "kling"}',
        b'{"conn_type": "http", "port": 0}',
        b"[0]",
        b"not JSON",
        b"",
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("parts", [1, 7])
def test_all_else_is_passed_on_as_it_came(body: bytes, parts: int) -> None:
    assert passed_on(body, parts=parts) == (body, len(body))


def test_other_requests_are_not_read() -> None:
    body = b'{"conn_type": "kling", "port": 0}'
    assert passed_on(body, "/api/v2/connections") == (body, len(body))

# SPDX-License-Identifier: Apache-2.0
"""Make the button "Test" in Airflow's list of connections work for connections without a port.

The list of connections sends ``"port": 0`` where a connection has none. Newer versions of Airflow
compare that with the stored connection, which has none, and refuse to test it with the stored key: status
400, "Bad Request".
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ..get_provider_info import CONNECTION_TYPE
from ..utils.json_input import read_json

_PATHS = ("/connections/test", "/connections/enqueue-test")
_MAX_BYTES = 1024**2

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ConnectionTestMiddleware:
    """Remove the port 0 from requests to test a connection of type ``kling``; pass on all others unchanged.

    :param app: the ASGI application that answers.
    """

    def __init__(self, app: Callable[[Any, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Pass a request on, without the port 0.

        :param scope: ASGI scope.
        :param receive: ASGI channel of the request.
        :param send: ASGI channel of the response.
        """
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].endswith(_PATHS):
            scope, receive = await _drop_port_zero(scope, receive)
        await self._app(scope, receive, send)


async def _drop_port_zero(scope: Any, receive: Receive) -> tuple[Any, Receive]:
    messages, body = [], b""
    while True:
        message = await receive()
        messages.append(message)
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body"):
            break
        if len(body) > _MAX_BYTES:
            return scope, _replay(messages, receive)
    changed = changed_body(body)
    if changed is None:
        return scope, _replay(messages, receive)
    headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"content-length"]
    headers.append((b"content-length", str(len(changed)).encode()))
    request = {"type": "http.request", "body": changed, "more_body": False}
    return {**scope, "headers": headers}, _replay([request], receive)


def _replay(messages: list[Message], receive: Receive) -> Receive:
    remaining = iter(messages)

    async def replay() -> Message:
        message = next(remaining, None)
        return message if message is not None else await receive()

    return replay


def changed_body(body: bytes) -> bytes | None:
    """Return the body of a request without the port 0 of a ``kling`` connection.

    :param body: the request's body.
    :return: the body to send instead; ``None`` if it need not be changed.
    """
    try:
        connection = read_json(body)
    except ValueError:
        return None
    if not isinstance(connection, dict) or connection.get("conn_type") != CONNECTION_TYPE:
        return None
    if type(connection.get("port")) is not int or connection["port"] != 0:
        return None
    return json.dumps({name: value for name, value in connection.items() if name != "port"}).encode()

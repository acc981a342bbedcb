# SPDX-License-Identifier: Apache-2.0
"""Requests and responses as the emulator's handlers see them, and their ASGI messages."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send


@dataclass
class Request:
    """One request.

    :param scope: ASGI scope of the request.
    :param receive: ASGI function that receives.
    :param body: its complete body.
    """

    scope: Scope
    receive: Receive
    body: bytes = b""

    @property
    def method(self) -> str:
        """``GET``, ``POST``, …"""
        return str(self.scope["method"])

    @property
    def path(self) -> str:
        """Path without the query, as it was sent: an id in it may hold a slash that is written ``%2F``."""
        return bytes(self.scope["raw_path"]).decode("latin-1")

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """Headers by lower-case name."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self.scope["headers"]}

    @cached_property
    def query(self) -> Mapping[str, str]:
        """Query parameters."""
        return dict(parse_qsl(self.scope["query_string"].decode("latin-1"), keep_blank_values=True))

    @cached_property
    def base_url(self) -> str:
        """Scheme and host of the emulator in the client's request."""
        host = self.headers.get("host") or ":".join(str(part) for part in self.scope["server"])
        return f"{self.scope['scheme']}://{host}"

    async def disconnected(self) -> None:
        """Return when the client has closed the connection."""
        while (await self.receive())["type"] != "http.disconnect":
            pass


@dataclass
class Response:
    """One HTTP response.

    :param body: body of the response.
    :param status: HTTP status.
    :param content_type: media type of the content.
    :param headers: further headers.
    """

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class ConnectionDropped(Exception):
    """Raised by a handler to cut the connection instead of a response."""


async def read_body(receive: Receive) -> bytes:
    """Read the whole request body.

    :param receive: ASGI function that receives.
    :return: the body.
    """
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


async def send_response(send: Send, response: Response) -> None:
    """Send a response.

    :param send: ASGI function that sends.
    :param response: the response.
    """
    await send(response_start(response.status, response.content_type, len(response.body), response.headers))
    await send({"type": "http.response.body", "body": response.body})


def response_start(
    status: int, content_type: str, length: int, headers: Mapping[str, str]
) -> MutableMapping[str, Any]:
    """Build the message that begins a response.

    :param status: HTTP status.
    :param content_type: media type of the content.
    :param length: length of the content in bytes.
    :param headers: further headers.
    :return: the ASGI message.
    """
    lines = {"content-type": content_type, "content-length": str(length), **headers}
    return {
        "type": "http.response.start",
        "status": status,
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in lines.items()],
    }


async def drop_connection(receive: Receive, send: Send, *, flush: bool = False) -> None:
    """Close the client's connection without completing the response.

    :param receive: ASGI function that receives.
    :param send: ASGI function that sends.
    :param flush: send what is buffered first.
    """
    # ASGI cannot do this; uvicorn's request object, whose method ``send`` is, holds the socket.
    transport = send.__self__.transport  # type: ignore[attr-defined]
    if flush:
        transport.close()
    else:
        transport.abort()
    with contextlib.suppress(RuntimeError):
        while (await receive())["type"] != "http.disconnect":
            pass

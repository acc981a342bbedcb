# SPDX-License-Identifier: Apache-2.0
"""An HTTP server that answers by a script and remembers every request, for what an emulator would not do."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self

PROCESSING = {"code": 0, "message": "SUCCEED", "data": {"task_id": "8", "task_status": "processing"}}


@dataclass(frozen=True)
class Reply:
    """What the server does about one request.

    :param action: ``reset`` and ``close`` end the connection without an answer; ``cut`` ends it in the
        middle of one; ``stall`` answers nothing until the server ends; ``drip``
        answers byte after byte, and never ends, ``drip_header`` its header, ``drip_trailer`` what
        follows its body; ``garble`` breaks the encryption.
    :param late: a second answer to the same request, and the seconds after which it is sent.
    """

    status: int = 200
    body: Any = field(default_factory=lambda: PROCESSING)
    headers: Mapping[str, str] = field(default_factory=dict)
    action: Literal[
        "answer", "reset", "close", "cut", "stall", "drip", "drip_header", "drip_trailer", "garble"
    ] = "answer"
    late: tuple[Reply, float] | None = None


@dataclass(frozen=True)
class Received:
    """One request.

    :param connection: the client's port: the same for requests over one TCP connection.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        """Its body."""
        return json.loads(self.body)


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that break off: tests do that on purpose."""


class ScriptedServer:
    """Answers with the replies in turn, then with ``always``. A context manager.

    :param tls: speak HTTPS with this context.
    :param route: answers a request; where it returns ``None``, the replies do.
    """

    def __init__(
        self,
        *replies: Reply,
        always: Reply | None = None,
        tls: ssl.SSLContext | None = None,
        route: Callable[[Received], Reply | None] | None = None,
    ) -> None:
        self.replies = list(replies)
        self.always = always or Reply()
        self.route = route
        self.received: list[Received] = []
        self._ended = threading.Event()
        self._tls = tls
        self._server = _Quiet(("127.0.0.1", 0), type("Handler", (_Handler,), {"script": self}))
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._server.server_address[1]}"

    @property
    def calls(self) -> list[str]:
        """Methods and paths of all requests."""
        return [f"{request.method} {request.target}" for request in self.received]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    script: ScriptedServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        request = Received(
            self.command, self.path, dict(self.headers), self.rfile.read(length), self.client_address[1]
        )
        self.script.received.append(request)
        reply = self.script.route(request) if self.script.route else None
        if reply is None:
            reply = self.script.replies.pop(0) if self.script.replies else self.script.always
        getattr(self, f"_{reply.action}")(reply)

    do_POST = do_CONNECT = do_GET

    def _answer(self, reply: Reply) -> None:
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        if reply.late:
            second, seconds = reply.late
            self.wfile.flush()
            time.sleep(seconds)
            with contextlib.suppress(OSError):
                self._answer(second)

    def _reset(self, _: Reply) -> None:
        # Lingering for no time makes closing a reset.
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._close(_)

    def _close(self, _: Reply) -> None:
        self.close_connection = True
        self.rfile.close()
        self.connection.close()

    def _cut(self, reply: Reply) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b'{"code": 0')
        self.close_connection = True

    def _stall(self, _: Reply) -> None:
        self.script._ended.wait(30)
        self.close_connection = True

    def _drip(self, _: Reply) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        while not self.script._ended.wait(0.05):
            self.wfile.write(b" ")

    def _drip_header(self, _: Reply) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        self._drip_on()

    def _drip_trailer(self, _: Reply) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Slow: ")
        self._drip_on()

    def _drip_on(self) -> None:
        self.close_connection = True
        while not self.script._ended.wait(0.05):
            self.wfile.write(b"a")

    def _garble(self, _: Reply) -> None:
        # A TLS record that cannot be decrypted, sent below the TLS layer.
        with socket.socket(fileno=os.dup(self.connection.fileno())) as wire:
            wire.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass

# SPDX-License-Identifier: Apache-2.0
"""A small file server on loopback whose answers a test decides."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Reply = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Web:
    """The server: what it serves by path, and what it was asked for."""

    base: str = ""
    routes: dict[str, list[Reply]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"{self.base}{path}"

    def serve(self, path: str, *responses: Reply) -> str:
        """Answer requests for a path one after the other; the last answer stays."""
        self.routes[path] = list(responses)
        return self.url(path)

    def request_count(self, path: str) -> int:
        return sum(requested.partition("?")[0] == path for requested, _ in self.requests)


def whole(data: bytes, content_type: str = "video/mp4", code: int = 200, **headers: str) -> Reply:
    def reply(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        request.send_header("Content-Type", content_type)
        request.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(data)

    return reply


def cut(data: bytes, at: int, content_type: str = "video/mp4") -> Reply:
    """Announce the whole file, send a part of it, and drop the connection."""

    def reply(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", content_type)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data[:at])
        request.wfile.flush()
        request.close_connection = True

    return reply


def chunked(data: bytes, *, complete: bool = True, content_type: str = "video/mp4") -> Reply:
    def reply(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", content_type)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        for start in range(0, len(data), 70_000):
            part = data[start : start + 70_000]
            request.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        if complete:
            request.wfile.write(b"0\r\n\r\n")
        request.close_connection = True

    return reply


def endless(length: int, head: bytes, content_type: str = "video/mp4") -> Reply:
    """Serve a large file without having it in memory."""

    def reply(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", content_type)
        request.send_header("Content-Length", str(length))
        request.end_headers()
        request.wfile.write(head)
        remaining, block = length - len(head), bytes(1 << 20)
        while remaining > 0:
            request.wfile.write(block[: min(remaining, len(block))])
            remaining -= len(block)

    return reply


def dripping(head: bytes, content_type: str) -> Reply:
    """Serve a large file so slowly that it never ends unless the client hangs up."""

    def reply(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", content_type)
        request.send_header("Content-Length", str(1 << 30))
        request.end_headers()
        request.wfile.write(head)
        while True:
            request.wfile.write(bytes(1 << 18))
            time.sleep(0.02)

    return reply


def dropwise(data: bytes, drops: bytes = b"x", pause: float = 0.05) -> Reply:
    """Send something raw, then byte after byte for ever: no single wait is long."""

    def reply(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(data)
        while True:
            request.wfile.write(drops)
            time.sleep(pause)

    return reply


def raw(data: bytes) -> Reply:
    """Send something as it is, whether it is HTTP or not."""

    def reply(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(data)
        request.close_connection = True

    return reply


def unmeasured(data: bytes) -> Reply:
    """End the body by closing, which is how a broken connection looks too."""

    def reply(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "video/mp4")
        request.end_headers()
        request.wfile.write(data)
        request.close_connection = True

    return reply


def status(code: int, body: bytes = b"<html>no</html>", content_type: str = "text/html") -> Reply:
    def reply(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        request.send_header("Content-Type", content_type)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return reply


def redirect(to: str, code: int = 302) -> Reply:
    def reply(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        request.send_header("Location", to)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return reply


@contextmanager
def running() -> Iterator[Web]:
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            web.requests.append((self.path, dict(self.headers.items())))
            responses = web.routes.get(self.path.partition("?")[0], [status(404)])
            (responses.pop(0) if len(responses) > 1 else responses[0])(self)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # a client that hangs up is part of the tests

    server = Server(("127.0.0.1", 0), Handler)
    web.base = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

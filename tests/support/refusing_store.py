# SPDX-License-Identifier: Apache-2.0
"""An object store that denies access, over S3's protocol."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Self

from tests.support.storages import _connection

Refuse = Callable[[str, str], int | None]


class RefusingStore:
    """An S3 that refuses some requests and records all.

    :param refuse: method and path -> status to answer with; ``None`` for 200.
    """

    def __init__(self, refuse: Refuse) -> None:
        store = self
        self.asked: list[tuple[str, str]] = []
        self.objects: dict[str, bytes] = {}

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # else clients wait for "100 Continue"

            def _answer(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = self.path.partition("?")[0]
                store.asked.append((self.command, path))
                status = refuse(self.command, path) or 200
                if status == 200 and self.command == "PUT":
                    store.objects[path] = content
                found = store.objects.get(path, b"") if status == 200 else b""
                self.send_response(status)
                self.send_header("Content-Length", str(len(found) if self.command in ("GET", "HEAD") else 0))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(found)

            do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _answer

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def conn_id(self) -> str:
        return f"kling_test_store_{self.server.server_port}"

    @property
    def path(self) -> str:
        return f"s3://{self.conn_id}@studio/out"

    @property
    def connection(self) -> str:
        return _connection(f"http://127.0.0.1:{self.server.server_port}", login="AKIATEST", password="secret")

    def written(self) -> list[str]:
        return [path for method, path in self.asked if method == "PUT"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

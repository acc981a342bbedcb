# SPDX-License-Identifier: Apache-2.0
"""A proxy that passes everything on, and loses what comes back whenever a test says so."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

_CHUNK = 65_536


class LosingProxy:
    """Passes plain requests and tunnels on to where they are meant for. A context manager.

    :param loses: asked whenever something comes back; whether to cut the connection instead.
    :ivar heard: the methods that connections began with.
    """

    def __init__(self, loses: Callable[[], object]) -> None:
        self._loses = loses
        self.heard: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(_CHUNK)
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
            self.heard.append(method)
            parts = urlsplit(target if "://" in target else f"//{target}")
            with socket.create_connection((parts.hostname or "", parts.port or 80)) as server:
                if method == "CONNECT":
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    server.sendall(head.replace(target.encode(), (parts.path or "/").encode(), 1))
                threading.Thread(target=self._copy, args=(client, server), daemon=True).start()
                self._copy(server, client, loses=self._loses)

    def _copy(
        self, source: socket.socket, sink: socket.socket, loses: Callable[[], object] = lambda: False
    ) -> None:
        with suppress(OSError):
            while (data := source.recv(_CHUNK)) and not loses():
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)

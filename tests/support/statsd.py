# SPDX-License-Identifier: Apache-2.0
"""A StatsD server that a test looks into."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from decimal import Decimal


class StatsD:
    """Stores the lines that it receives by UDP."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.lines: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._socket.recv(65536):
                self.lines.extend(data.decode().splitlines())

    def close(self) -> None:
        """End the server."""
        self._socket.close()

    def wait_for(self, pattern: str) -> list[str]:
        """Return the lines that match, once there is one.

        :param pattern: what the whole line is.
        :raises AssertionError: none has come within a minute.
        """
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if found := [line for line in self.lines if re.fullmatch(pattern, line)]:
                return found
            time.sleep(0.02)
        raise AssertionError(f"no line is {pattern}: {self.lines}")

    def sum_of(self, pattern: str) -> Decimal:
        """Return the sum of a counter.

        :param pattern: its name and tags.
        """
        found = (re.fullmatch(rf"{pattern}:([0-9.]+)\|c", line) for line in list(self.lines))
        return sum((Decimal(match[1]) for match in found if match), Decimal(0))

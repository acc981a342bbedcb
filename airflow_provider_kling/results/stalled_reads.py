# SPDX-License-Identifier: Apache-2.0
"""Abort a read that takes too long as a whole.

The read timeout is for single waits: a server that sends the length of a chunk, or what follows the last one,
byte after byte never exceeds it, and such a read returns nothing that a rate could be computed from.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_CHECKS = 4
"""How often the limit is checked within its duration."""


class StalledReads:
    """Abort reads from a thread; a context manager.

    :param seconds: longest read.
    :param abort: ends a read of another thread; raises nothing.
    """

    def __init__(self, seconds: float, abort: Callable[[], None]) -> None:
        self._seconds = seconds
        self._abort = abort
        self._reading_since: float | None = None
        self._closed = threading.Event()

    def __enter__(self) -> StalledReads:
        threading.Thread(target=self._watch, name="kling stalled reads", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Limit the time of one read.

        :return: a context manager.
        """
        self._reading_since = time.monotonic()
        try:
            yield
        finally:
            self._reading_since = None

    def _watch(self) -> None:
        while not self._closed.wait(self._seconds / _CHECKS):
            since = self._reading_since
            if since is not None and time.monotonic() - since > self._seconds:
                self._abort()
                return

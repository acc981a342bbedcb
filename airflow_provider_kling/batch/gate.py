# SPDX-License-Identifier: Apache-2.0
"""Lets jobs through to submission as the working width allows, in order."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from .width import Width


class Closed(Exception):
    """No more jobs are submitted.

    :param reason: why, in a word.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Gate:
    """The way to submission.

    :param width: how many may be under way.
    """

    def __init__(self, width: Width) -> None:
        self.width = width
        self.closed: str | None = None
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()

    async def enter(self) -> None:
        """Wait for a place.

        :raises Closed: no more jobs are submitted.
        """
        loop = asyncio.get_running_loop()
        async with self._turn:
            while not self.closed and not self.width.may_start(loop.time()):
                self._changed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self.width.next_chance(loop.time())):
                        await self._changed.wait()
            if self.closed:
                raise Closed(self.closed)
            self.width.started()

    def leave(self) -> None:
        """Give the place back."""
        self.width.ended()
        self._changed.set()

    def refused(self, retry_after: float | None) -> None:
        """Give the place back, for all slots are taken."""
        self.width.refused(asyncio.get_running_loop().time(), retry_after)
        self._changed.set()

    def paced(self, retry_after: float | None) -> None:
        """Give the place back, for requests come too fast."""
        self.width.paced(asyncio.get_running_loop().time(), retry_after)
        self._changed.set()

    def close(self, reason: str) -> None:
        """Let nobody in any more; the first reason stays."""
        self.closed = self.closed or reason
        self._changed.set()

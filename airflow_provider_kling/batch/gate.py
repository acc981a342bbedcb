# SPDX-License-Identifier: Apache-2.0
"""Lets jobs through to submission as the working width allows, in order."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from enum import StrEnum

from .width import Width


class Reason(StrEnum):
    """Why no more jobs are submitted."""

    BUDGET = "budget"
    """The next row would cost too much; those that are on their way already may still fit."""
    ACCOUNT = "account"
    FAILURES = "failures"
    OUTAGE = "outage"
    LEDGER = "ledger"
    KILLED = "killed"


class Closed(Exception):
    """No more jobs are submitted."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class Gate:
    """The way to submission.

    :param width: how many may be under way.
    """

    def __init__(self, width: Width) -> None:
        self.width = width
        self.closed: Reason | None = None
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()

    async def enter(self) -> None:
        """Wait for a place.

        :raises Closed: no more jobs are submitted.
        """
        async with self._turn:
            while not self.halted and not self.width.may_start(_now()):
                self._changed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self.width.next_chance(_now())):
                        await self._changed.wait()
            self.check()
            self.width.started()

    @property
    def halted(self) -> Reason | None:
        """Why not even rows that are on their way are to be submitted; ``None`` while they are."""
        return None if self.closed is Reason.BUDGET else self.closed

    def check(self) -> None:
        """Do nothing while rows that are on their way are to be submitted.

        :raises Closed: they are not.
        """
        if self.halted:
            raise Closed(self.halted)

    def attach(self) -> None:
        """Take a place for a job that is under way already."""
        self.width.started()

    def leave(self) -> None:
        """Give the place back."""
        self.width.ended()
        self._changed.set()

    def accepted(self) -> None:
        """Keep the place: the job was made."""
        self.width.accepted(_now())

    def refused(self, retry_after: float | None) -> None:
        """Give the place back, for all slots are taken."""
        self.width.refused(_now(), retry_after)
        self._changed.set()

    def paced(self, retry_after: float | None) -> None:
        """Give the place back, for the server wants fewer requests."""
        self.width.paced(_now(), retry_after)
        self._changed.set()

    def close(self, reason: Reason) -> None:
        """Submit no more jobs; the first reason that halts stays."""
        self.closed = self.halted or reason
        self._changed.set()


def _now() -> float:
    return asyncio.get_running_loop().time()

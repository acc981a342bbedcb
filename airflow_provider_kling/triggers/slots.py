# SPDX-License-Identifier: Apache-2.0
"""Who is next when one of the account's parallel tasks ends."""

from __future__ import annotations

import asyncio
import random
import time
from bisect import insort
from collections import deque
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from ..api.watch import Backoff

PROBE_SPACING = 1.0
"""Seconds between two attempts that nothing speaks for but the time that has passed."""

_BACKOFF = 5.0
_MAX_SPARE = 500


@dataclass(slots=True, eq=False)
class Seeker:
    """Somebody whose job was refused because all slots were taken.

    :param since: Unix time in seconds of the first refusal; who came first goes first.
    :param refused_at: Unix time in seconds of the last refusal.
    :param refusals: how often it was refused.
    :param retry_after: seconds that Kling asked to wait.
    """

    since: float
    refused_at: float
    refusals: int = 1
    retry_after: float | None = None
    _called: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def called(self) -> bool:
        """Whether it is this one's turn."""
        return self._called.done() and not self._called.cancelled()

    def call(self) -> None:
        """Tell it that it is its turn."""
        self._called.set_result(None)

    async def wait(self, until: float) -> None:
        """Wait to be called.

        :param until: Unix time in seconds to stop at.
        :raises TimeoutError: it was not called.
        """
        async with asyncio.timeout(max(until - time.time(), 0.0)):
            await asyncio.shield(self._called)

    def back_off(self) -> float:
        """Seconds to wait when nothing is heard of a free slot, spread so that crowds come apart."""
        return Backoff(_BACKOFF, self.refusals).delay(self.retry_after, lambda: 5 * random.random())  # noqa: S311

    async def respect(self) -> None:
        """Wait as long as Kling asked for, called or not."""
        await asyncio.sleep(max(self.refused_at + (self.retry_after or 0.0) - time.time(), 0.0))


class SlotBoard:
    """Those who wait for a slot of one connection on one event loop, in order of arrival."""

    def __init__(self) -> None:
        self._line: list[Seeker] = []
        self._spare: deque[float] = deque(maxlen=_MAX_SPARE)
        self._next_probe = 0.0

    def before(self, seeker: Seeker) -> int:
        """How many came before."""
        return sum(other.since < seeker.since for other in self._line)

    def job_ended(self) -> None:
        """Give the slot of an ended job to the first in line, or keep it for whoever is on the way.

        A trigger reaches its event loop seconds after the refusal; what ended meanwhile counts for it.
        """
        if self._line:
            self._line.pop(0).call()
        else:
            self._spare.append(time.time())

    async def wait(self, seeker: Seeker) -> None:
        """Wait until it is this one's turn to try again."""
        insort(self._line, seeker, key=lambda other: other.since)
        if self._take_spare(seeker.refused_at):
            self._line.pop(0).call()
        try_at = max(time.time(), seeker.refused_at + seeker.back_off())
        try:
            while not seeker.called:
                try:
                    await seeker.wait(try_at)
                except TimeoutError:
                    try_at = try_at if seeker.called else self._probe(seeker)
            await seeker.respect()
        except BaseException:
            self._leave(seeker)
            raise

    def _probe(self, seeker: Seeker) -> float:
        """Let the first in line try, if it is time; return when to look again."""
        now = time.time()
        if now < self._next_probe:
            return self._next_probe
        self._next_probe = now + PROBE_SPACING
        self._line.pop(0).call()
        return now + seeker.back_off()

    def _take_spare(self, refused_at: float) -> bool:
        while self._spare:
            if self._spare.popleft() > refused_at:
                return True
        return False

    def _leave(self, seeker: Seeker) -> None:
        if seeker.called:
            # It will not use its turn.
            self.job_ended()
        else:
            self._line.remove(seeker)


_boards: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, SlotBoard]] = WeakKeyDictionary()


def board_of(fingerprint: str) -> SlotBoard:
    """Return the running loop's board for a connection of this content."""
    return _boards.setdefault(asyncio.get_running_loop(), {}).setdefault(fingerprint, SlotBoard())

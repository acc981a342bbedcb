# SPDX-License-Identifier: Apache-2.0
"""The queue for slots: who may submit next when one of the account's parallel jobs ends."""

from __future__ import annotations

import asyncio
import math
import random
import time
from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from ..api.polling import MAX_RETRY_AFTER, Backoff

PROBE_INTERVAL = 1.0
"""Seconds between two attempts while no slot is reported free."""

_BACKOFF = 5.0
_MAX_FREE_SLOTS = 500


@dataclass(slots=True, eq=False)
class SlotWaiter:
    """A task whose job was refused because all slots were in use.

    :param since: Unix time in seconds of the first refusal; the earliest one is first.
    :param refused_at: Unix time in seconds of the last refusal.
    :param refusals: how often it was refused.
    :param retry_after: seconds that Kling asked to wait.
    """

    since: float
    refused_at: float
    refusals: int = 1
    retry_after: float | None = None
    _notified: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def __post_init__(self) -> None:
        # In the queue, a time that cannot be compared would affect all other waits.
        self.since, self.refused_at = _finite(self.since), _finite(self.refused_at)
        # A free slot must not stay unused for a day because a proxy named a wrong number.
        asked = self.retry_after
        usable = isinstance(asked, int | float) and asked > 0
        self.retry_after = min(float(asked or 0), MAX_RETRY_AFTER) if usable else None

    @property
    def notified(self) -> bool:
        """Whether this waiter may submit."""
        return self._notified.done() and not self._notified.cancelled()

    def notify(self) -> None:
        """Let this waiter try."""
        self._notified.set_result(None)

    async def wait(self, until: float) -> None:
        """Wait to be called.

        :param until: Unix time in seconds to stop at.
        :raises TimeoutError: it was not called.
        """
        async with asyncio.timeout(max(until - time.time(), 0.0)):
            await asyncio.shield(self._notified)

    def backoff_delay(self) -> float:
        """Return how long to wait if no slot is reported free, spread so that many waits do not end at once.

        :return: seconds.
        """
        return Backoff(_BACKOFF, self.refusals).delay(self.retry_after, lambda: 5 * random.random())  # noqa: S311

    async def wait_retry_after(self) -> None:
        """Wait at least as long as Kling asked for."""
        asked = self.retry_after or 0.0
        # A clock that was set back must not make the wait longer than Kling asked for.
        await asyncio.sleep(min(max(self.refused_at + asked - time.time(), 0.0), asked))


class SlotQueue:
    """The waits for a slot of one connection on one event loop, in order of arrival."""

    def __init__(self) -> None:
        self._waiters: list[SlotWaiter] = []
        self._free_slots: deque[float] = deque(maxlen=_MAX_FREE_SLOTS)
        self._next_probe = 0.0

    def position(self, waiter: SlotWaiter) -> int:
        """Return how many waits came before one.

        :param waiter: the wait.
        :return: their number.
        """
        return bisect_left(self._waiters, waiter.since, key=lambda other: other.since)

    def release(self) -> None:
        """Give the slot of an ended job to the first in the queue, or remember it for the next waiter.

        A trigger starts seconds after the refusal; jobs that ended in between count for it.
        """
        if self._waiters:
            self._waiters.pop(0).notify()
        else:
            self._free_slots.append(time.time())

    async def wait(self, waiter: SlotWaiter) -> None:
        """Wait until it is a wait's turn to submit again.

        :param waiter: the wait, which joins the queue.
        """
        # Before it joins: a wait that fails here would never leave the queue.
        try_at = max(time.time(), waiter.refused_at + waiter.backoff_delay())
        insort(self._waiters, waiter, key=lambda other: other.since)
        if self._take_free_slot(waiter.refused_at):
            self._waiters.pop(0).notify()
        try:
            while not waiter.notified:
                try:
                    await waiter.wait(try_at)
                except TimeoutError:
                    try_at = try_at if waiter.notified else self._probe(waiter)
            await waiter.wait_retry_after()
        except BaseException:
            self._remove(waiter)
            raise

    def _probe(self, waiter: SlotWaiter) -> float:
        """Let the first in the queue submit, if it is time; return when to check again."""
        now = time.time()
        if now < self._next_probe:
            return self._next_probe
        self._next_probe = now + PROBE_INTERVAL
        self._waiters.pop(0).notify()
        return now + waiter.backoff_delay()

    def _take_free_slot(self, refused_at: float) -> bool:
        while self._free_slots:
            if self._free_slots.popleft() > refused_at:
                return True
        return False

    def _remove(self, waiter: SlotWaiter) -> None:
        if waiter.notified:
            # It has left and will not submit.
            self.release()
        else:
            self._waiters.remove(waiter)


def _finite(seconds: float) -> float:
    """Return a Unix time that can be compared; the present time for any other value."""
    try:
        return float(seconds) if math.isfinite(seconds) else time.time()
    except TypeError:
        return time.time()


_queues: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, SlotQueue]] = WeakKeyDictionary()


def get_slot_queue(fingerprint: str) -> SlotQueue:
    """Return the running loop's queue for the content of a connection.

    :param fingerprint: fingerprint of the connection's settings.
    :return: the queue.
    """
    return _queues.setdefault(asyncio.get_running_loop(), {}).setdefault(fingerprint, SlotQueue())

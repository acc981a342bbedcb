# SPDX-License-Identifier: Apache-2.0
"""How many jobs may run at once, and why no more are submitted."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

from .circuit_breaker import outage_delay

PROBE_SECONDS = 5.0
"""Seconds after a refusal until one more job is tried; doubled after each further refusal."""

MAX_PROBE_SECONDS = 60.0

READ_CHECK_SECONDS = 0.1
"""Seconds between checks of whether one more row is to be read."""


@dataclass(slots=True)
class AdaptiveWidth:
    """How many jobs of a batch may run at once; times are on one clock, in seconds.

    :param max_width: most jobs at once.
    :param width: how many may run now.
    :param active: how many run or are being submitted.
    """

    max_width: int
    width: int = field(init=False)
    active: int = 0
    _not_before: float = 0.0
    _probe_at: float = 0.0
    _probe_wait: float = field(default_factory=lambda: PROBE_SECONDS)
    _probing: bool = False
    _throttles: int = 0

    def __post_init__(self) -> None:
        self.width = self.max_width

    def can_start(self, now: float) -> bool:
        """Return whether one more job may be submitted now.

        :param now: time on the clock of the width.
        :return: ``True`` if it may.
        """
        if now < self._not_before:
            return False
        if self.active >= self.width and self.width < self.max_width and now >= self._probe_at:
            # One more job than was accepted last: slots of other users may be free now.
            self.width = self.active + 1
            self._probe_at = now + self._probe_wait
            self._probing = True
        return self.active < self.width

    def seconds_until_retry(self, now: float) -> float | None:
        """Return after how much time another job may be allowed.

        :param now: time on the clock of the width.
        :return: seconds; ``None`` if only the end of a job can.
        """
        if now < self._not_before:
            return self._not_before - now
        return max(self._probe_at - now, 0.0) if self.width < self.max_width else None

    def add(self) -> None:
        """Count a job before it is submitted."""
        self.active += 1

    def remove(self) -> None:
        """Count a job as ended or not created."""
        self.active -= 1

    def on_accepted(self, now: float) -> None:
        """Record an accepted job.

        :param now: time on the clock of the width.
        """
        self._throttles = 0
        if self._probing:
            # There are free slots again, perhaps several.
            self._probing = False
            self._probe_at, self._probe_wait = now, PROBE_SECONDS

    def on_slots_full(self, now: float, retry_after: float | None = None) -> None:
        """Record that all slots are taken: the jobs that are running now are the limit.

        :param now: time on the clock of the width.
        :param retry_after: seconds that the server asked for.
        """
        self.active -= 1
        self.width = max(1, self.active)
        wait = max(self._probe_wait, retry_after or 0.0)
        self._probe_at = now + wait
        if self._probing:
            # Each refused call sends the whole body with its images.
            self._probing = False
            self._probe_wait = min(self._probe_wait * 2, MAX_PROBE_SECONDS)
        if self.active == 0:
            # Other users have all slots and no job of ours runs: only a further try can show a free one.
            self._not_before = now + wait

    def on_throttled(self, now: float, retry_after: float | None = None) -> None:
        """Record that the server asks for fewer requests, or fails.

        :param now: time on the clock of the width.
        :param retry_after: seconds that the server asked for.
        """
        self.active -= 1
        if now >= self._not_before:
            # Calls that were sent together are refused together; they count as one refusal.
            self._throttles += 1
        self._not_before = max(self._not_before, now + outage_delay(self._throttles, retry_after))


class StopReason(StrEnum):
    """Why no more jobs are submitted."""

    BUDGET = "budget"
    """The next row would cost too much; rows that are being submitted may still be within the limit."""
    ACCOUNT = "account"
    FAILURES = "failures"
    OUTAGE = "outage"
    LEDGER = "ledger"
    KILLED = "killed"
    TAKEN_OVER = "taken_over"
    """Another worker of the same task works on the batch."""
    DEFERRED = "deferred"
    """The task defers until enough of the running jobs have ended."""


class SubmissionStopped(Exception):
    """No more jobs are submitted.

    :param reason: why.
    """

    def __init__(self, reason: StopReason) -> None:
        super().__init__(reason)
        self.reason = reason


class SubmissionLimiter(ABC):
    """Decides whether jobs are submitted, and how many run at once."""

    @property
    @abstractmethod
    def width(self) -> AdaptiveWidth | TotalWidth:
        """How many jobs may run."""

    @property
    @abstractmethod
    def stopped(self) -> StopReason | None:
        """Why no further rows are prepared; ``None`` while they are."""

    @property
    @abstractmethod
    def is_full(self) -> bool:
        """Whether only the end of a job frees a slot."""

    @abstractmethod
    def stop(self, reason: StopReason) -> None:
        """Submit no more jobs.

        :param reason: why; the first reason is reported.
        """

    @property
    def stopped_hard(self) -> StopReason | None:
        """Why not even prepared rows are submitted; ``None`` while they are."""
        return None if self.stopped is StopReason.BUDGET else self.stopped

    def raise_if_stopped(self) -> None:
        """Return while prepared rows are submitted.

        :raises SubmissionStopped: they are not.
        """
        if reason := self.stopped_hard:
            raise SubmissionStopped(reason)

    async def wait_to_read(self, ahead: Callable[[], int]) -> None:
        """Wait until a row that is read now would soon have a slot.

        :param ahead: returns how many rows have been read and are not submitted.
        """
        while not self.stopped and self.width.active + ahead() > self.width.width:  # noqa: ASYNC110
            await asyncio.sleep(READ_CHECK_SECONDS)


class ConcurrencyLimiter(SubmissionLimiter):
    """The slots of one account.

    :param width: how many jobs may run.
    """

    def __init__(self, width: AdaptiveWidth) -> None:
        self._width = width
        self._stopped: StopReason | None = None
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()

    @property
    def width(self) -> AdaptiveWidth:
        """How many jobs may run."""
        return self._width

    @property
    def stopped(self) -> StopReason | None:
        """Why no further rows are prepared; ``None`` while they are."""
        return self._stopped

    @property
    def is_full(self) -> bool:
        """Whether only the end of a job frees a slot."""
        return self.width.active >= self.width.width

    def stop(self, reason: StopReason) -> None:
        """Submit no more jobs.

        :param reason: why; the first reason is reported.
        """
        self._stopped = self.stopped_hard or reason
        self._changed.set()

    async def acquire(self) -> None:
        """Wait for a slot.

        :raises SubmissionStopped: no more jobs are submitted.
        """
        async with self._turn:
            while not self.stopped_hard and not self.width.can_start(_now()):
                self._changed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self.width.seconds_until_retry(_now())):
                        await self._changed.wait()
            self.raise_if_stopped()
            self.width.add()

    def add_running(self) -> None:
        """Use a slot for a job that runs already."""
        self.width.add()

    def release(self) -> None:
        """Release the slot."""
        self.width.remove()
        self._changed.set()

    def on_accepted(self) -> None:
        """Record that the job was created: its slot stays in use."""
        self.width.on_accepted(_now())

    def on_slots_full(self, retry_after: float | None) -> None:
        """Release the slot because all slots are in use.

        :param retry_after: seconds that the server asked for.
        """
        self.width.on_slots_full(_now(), retry_after)
        self._changed.set()

    def on_throttled(self, retry_after: float | None) -> None:
        """Release the slot because the server asks for fewer requests.

        :param retry_after: seconds that the server asked for.
        """
        self.width.on_throttled(_now(), retry_after)
        self._changed.set()


@dataclass(frozen=True, slots=True)
class TotalWidth:
    """How many jobs of a batch may run at all its accounts together.

    :param width: how many jobs may run now.
    :param active: how many run.
    """

    width: int
    active: int

    @property
    def max_width(self) -> int:
        """Most jobs at once; the measured width of one account is not used for the others."""
        return self.width


class MultiAccountLimiter(SubmissionLimiter):
    """The slots of several accounts.

    :param limiters: the slots of each account.
    :param together: all accounts are used at once; else one after the other.
    """

    def __init__(self, limiters: Sequence[ConcurrencyLimiter], *, together: bool) -> None:
        self._limiters = limiters
        self._together = together

    @property
    def _in_use(self) -> list[ConcurrencyLimiter]:
        usable = [limiter for limiter in self._limiters if limiter.stopped is None]
        return usable if self._together else usable[:1]

    @property
    def width(self) -> TotalWidth:
        """How many jobs may run."""
        return TotalWidth(
            sum(limiter.width.width for limiter in self._in_use),
            sum(limiter.width.active for limiter in self._limiters),
        )

    @property
    def stopped(self) -> StopReason | None:
        """Why no account gets further rows; ``None`` while one does."""
        reasons = [limiter.stopped for limiter in self._limiters]
        for_all = [reason for reason in reasons if reason and reason is not StopReason.ACCOUNT]
        if for_all:
            return for_all[0]
        return StopReason.ACCOUNT if all(reasons) else None

    @property
    def is_full(self) -> bool:
        """Whether only the end of a job frees a slot."""
        return all(limiter.is_full for limiter in self._in_use)

    def stop(self, reason: StopReason) -> None:
        """Submit no more jobs at any account.

        :param reason: why; the first reason is reported.
        """
        for limiter in self._limiters:
            # A refusal of one account does not stop the others.
            if limiter.stopped is not StopReason.ACCOUNT:
                limiter.stop(reason)


def _now() -> float:
    return asyncio.get_running_loop().time()

# SPDX-License-Identifier: Apache-2.0
"""Whether a failure is of one row or of the service: a decision without I/O.

A server or storage that is down for ten minutes must not fail the thousands of rows that meet it then, and
one row that fails always must not hold up the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, StrEnum

MAX_OUTAGE = 1800.0
"""Seconds of nothing but failures after which a run gives up."""

MAX_ROW_FAILURES = 5
"""Failures of one row, while others fare well, after which it is the row's own fault."""

_FIRST_PAUSE = 2.0
_MAX_PAUSE = 60.0


class FailureCause(Enum):
    """What a failure is the fault of."""

    UNDECIDED = "undecided"
    ROW = "row"
    SERVICE = "service"


@dataclass(slots=True)
class CircuitBreaker:
    """What is known of a service that all rows use; times are on any one clock, in seconds."""

    _worked_at: float = float("-inf")
    _fails_since: float | None = None

    def worked(self, now: float) -> None:
        """Record a success of the service.

        :param now: time on the breaker's clock.
        """
        self._worked_at = now
        self._fails_since = None

    def failed(self, first: float, times: int, now: float) -> FailureCause:
        """Record a failure and return its cause.

        :param first: when it failed first for this row.
        :param times: how often it has failed for this row.
        :param now: time on the breaker's clock.
        :return: the cause: the row, the service, or not decided yet.
        """
        if self._worked_at > first:
            return FailureCause.ROW if times >= MAX_ROW_FAILURES else FailureCause.UNDECIDED
        self._fails_since = first if self._fails_since is None else min(self._fails_since, first)
        return FailureCause.SERVICE if now - self._fails_since > MAX_OUTAGE else FailureCause.UNDECIDED


def outage_delay(times: int, retry_after: float | None = None) -> float:
    """Return the seconds to wait after failures in a row.

    :param times: number of the failures.
    :param retry_after: seconds that the service asked for.
    :return: seconds.
    """
    return float(max(min(_FIRST_PAUSE * 2.0 ** (times - 1), _MAX_PAUSE), retry_after or 0.0))


PROBE_SECONDS = 5.0
"""Seconds after a refusal until one more job than fits is tried; doubled while that keeps being refused."""

MAX_PROBE_SECONDS = 60.0

NEAR_SECONDS = 0.1
"""Seconds between looks at whether a row would soon have a place."""


@dataclass(slots=True)
class AdaptiveWidth:
    """The working width of a batch; times are on any one clock, in seconds.

    :param ceiling: most jobs under way at once.
    :param width: how many may be under way now.
    :param active: how many are under way, or about to be.
    """

    ceiling: int
    width: int = field(init=False)
    active: int = 0
    _not_before: float = 0.0
    _probe_at: float = 0.0
    _probe_wait: float = field(default_factory=lambda: PROBE_SECONDS)
    _probing: bool = False
    _pauses: int = 0

    def __post_init__(self) -> None:
        self.width = self.ceiling

    def can_start(self, now: float) -> bool:
        """Return whether one more job may be submitted now.

        :param now: time on the clock of the width.
        :return: ``True`` if it may.
        """
        if now < self._not_before:
            return False
        if self.active >= self.width and self.width < self.ceiling and now >= self._probe_at:
            # One job more than was accepted last: the slots of others may have come free.
            self.width = self.active + 1
            self._probe_at = now + self._probe_wait
            self._probing = True
        return self.active < self.width

    def seconds_until_retry(self, now: float) -> float | None:
        """Return when time alone may allow another job.

        :param now: time on the clock of the width.
        :return: seconds; ``None`` if only the end of a job can.
        """
        if now < self._not_before:
            return self._not_before - now
        return max(self._probe_at - now, 0.0) if self.width < self.ceiling else None

    def started(self) -> None:
        """Count a job in before it is submitted."""
        self.active += 1

    def ended(self) -> None:
        """Count a job out, made or not."""
        self.active -= 1

    def accepted(self, now: float) -> None:
        """Record an accepted job.

        :param now: time on the clock of the width.
        """
        self._pauses = 0
        if self._probing:
            # There is room again, perhaps for more.
            self._probing = False
            self._probe_at, self._probe_wait = now, PROBE_SECONDS

    def refused(self, now: float, retry_after: float | None = None) -> None:
        """Record that all slots are taken: the jobs that are running now are the limit.

        :param now: time on the clock of the width.
        :param retry_after: seconds that the server asked for.
        """
        self.active -= 1
        self.width = max(1, self.active)
        wait = max(self._probe_wait, retry_after or 0.0)
        self._probe_at = now + wait
        if self._probing:
            # The body, images and all, is sent for nothing each time.
            self._probing = False
            self._probe_wait = min(self._probe_wait * 2, MAX_PROBE_SECONDS)
        if self.active == 0:
            # Others hold every slot; with nothing of ours under way, only time can tell.
            self._not_before = now + wait

    def paced(self, now: float, retry_after: float | None = None) -> None:
        """Record that the server wants fewer requests, or is in trouble.

        :param now: time on the clock of the width.
        :param retry_after: seconds that the server asked for.
        """
        self.active -= 1
        if now >= self._not_before:
            # What was under way together is refused together, and that is one refusal.
            self._pauses += 1
        self._not_before = max(self._not_before, now + outage_delay(self._pauses, retry_after))


class StopReason(StrEnum):
    """Why no more jobs are submitted."""

    BUDGET = "budget"
    """The next row would cost too much; those that are on their way already may still fit."""
    ACCOUNT = "account"
    FAILURES = "failures"
    OUTAGE = "outage"
    LEDGER = "ledger"
    KILLED = "killed"
    TAKEN_OVER = "taken_over"
    """Another worker of the same task works on the batch."""
    DEFERRED = "deferred"
    """The worker is given back until enough of the running jobs have ended."""


class SubmissionStopped(Exception):
    """No more jobs are submitted.

    :param reason: why.
    """

    def __init__(self, reason: StopReason) -> None:
        super().__init__(reason)
        self.reason = reason


class ConcurrencyLimiter:
    """The way to submission.

    :param width: how many may be under way.
    """

    def __init__(self, width: AdaptiveWidth) -> None:
        self.width = width
        self.closed: StopReason | None = None
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()

    async def enter(self) -> None:
        """Wait for a place.

        :raises SubmissionStopped: no more jobs are submitted.
        """
        async with self._turn:
            while not self.stopped_hard and not self.width.can_start(_now()):
                self._changed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self.width.seconds_until_retry(_now())):
                        await self._changed.wait()
            self.check()
            self.width.started()

    @property
    def is_full(self) -> bool:
        """Whether only the end of a job makes room for another one."""
        return self.width.active >= self.width.width

    @property
    def stopped_hard(self) -> StopReason | None:
        """Why not even rows that are on their way are to be submitted; ``None`` while they are."""
        return None if self.closed is StopReason.BUDGET else self.closed

    def check(self) -> None:
        """Do nothing while rows that are on their way are to be submitted.

        :raises SubmissionStopped: they are not.
        """
        if self.stopped_hard:
            raise SubmissionStopped(self.stopped_hard)

    async def near(self, ahead: Callable[[], int]) -> None:
        """Wait until a row that is taken now would soon have a place.

        :param ahead: returns how many rows have been taken and are not submitted.
        """
        while not self.closed and self.width.active + ahead() > self.width.width:  # noqa: ASYNC110
            await asyncio.sleep(NEAR_SECONDS)

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
        """Release the place because all slots are taken.

        :param retry_after: seconds that the server asked for.
        """
        self.width.refused(_now(), retry_after)
        self._changed.set()

    def paced(self, retry_after: float | None) -> None:
        """Release the place because the server wants fewer requests.

        :param retry_after: seconds that the server asked for.
        """
        self.width.paced(_now(), retry_after)
        self._changed.set()

    def close(self, reason: StopReason) -> None:
        """Stop the submission; the first reason that halts stays.

        :param reason: why.
        """
        self.closed = self.stopped_hard or reason
        self._changed.set()


def _now() -> float:
    return asyncio.get_running_loop().time()

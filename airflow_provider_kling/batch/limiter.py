# SPDX-License-Identifier: Apache-2.0
"""How many jobs may run, and whether a failure is of one row or of the service: decisions without I/O.

If a server or storage is down for ten minutes, the rows of that time must not fail, and one row that always
fails must not block the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, StrEnum

MAX_OUTAGE = 1800.0
"""Seconds without a success after which a run stops."""

MAX_ROW_FAILURES = 5
"""Failures of one row, while others succeed, after which the row has failed."""

_FIRST_PAUSE = 2.0
_MAX_PAUSE = 60.0


class FailureCause(Enum):
    """Cause of a failure."""

    UNDECIDED = "undecided"
    ROW = "row"
    SERVICE = "service"


@dataclass(slots=True)
class CircuitBreaker:
    """Health of a service that all rows use; times are on one clock, in seconds."""

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
"""Seconds after a refusal until one more job is tried; doubled after each further refusal."""

MAX_PROBE_SECONDS = 60.0

NEAR_SECONDS = 0.1
"""Seconds between checks of whether a row would soon have a slot."""


@dataclass(slots=True)
class AdaptiveWidth:
    """How many jobs of a batch may run at once; times are on one clock, in seconds.

    :param ceiling: most jobs at once.
    :param width: how many may run now.
    :param active: how many run or are being submitted.
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
        return max(self._probe_at - now, 0.0) if self.width < self.ceiling else None

    def started(self) -> None:
        """Count a job before it is submitted."""
        self.active += 1

    def ended(self) -> None:
        """Count a job as ended or not created."""
        self.active -= 1

    def accepted(self, now: float) -> None:
        """Record an accepted job.

        :param now: time on the clock of the width.
        """
        self._pauses = 0
        if self._probing:
            # There are free slots again, perhaps several.
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
            # Each refused call sends the whole body with its images.
            self._probing = False
            self._probe_wait = min(self._probe_wait * 2, MAX_PROBE_SECONDS)
        if self.active == 0:
            # Other users have all slots and no job of ours runs: only a further try can show a free one.
            self._not_before = now + wait

    def paced(self, now: float, retry_after: float | None = None) -> None:
        """Record that the server asks for fewer requests, or fails.

        :param now: time on the clock of the width.
        :param retry_after: seconds that the server asked for.
        """
        self.active -= 1
        if now >= self._not_before:
            # Calls that were sent together are refused together; they count as one refusal.
            self._pauses += 1
        self._not_before = max(self._not_before, now + outage_delay(self._pauses, retry_after))


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


class ConcurrencyLimiter:
    """Limits submission.

    :param width: how many jobs may run.
    """

    def __init__(self, width: AdaptiveWidth) -> None:
        self.width = width
        self.closed: StopReason | None = None
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()

    async def enter(self) -> None:
        """Wait for a slot.

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
        """Whether only the end of a job frees a slot."""
        return self.width.active >= self.width.width

    @property
    def stopped_hard(self) -> StopReason | None:
        """Why not even prepared rows are submitted; ``None`` while they are."""
        return None if self.closed is StopReason.BUDGET else self.closed

    def check(self) -> None:
        """Return while prepared rows are submitted.

        :raises SubmissionStopped: they are not.
        """
        if self.stopped_hard:
            raise SubmissionStopped(self.stopped_hard)

    async def near(self, ahead: Callable[[], int]) -> None:
        """Wait until a row that is read now would soon have a slot.

        :param ahead: returns how many rows have been read and are not submitted.
        """
        while not self.closed and self.width.active + ahead() > self.width.width:  # noqa: ASYNC110
            await asyncio.sleep(NEAR_SECONDS)

    def attach(self) -> None:
        """Use a slot for a job that runs already."""
        self.width.started()

    def leave(self) -> None:
        """Release the slot."""
        self.width.ended()
        self._changed.set()

    def accepted(self) -> None:
        """Record that the job was created: its slot stays in use."""
        self.width.accepted(_now())

    def refused(self, retry_after: float | None) -> None:
        """Release the slot because all slots are in use.

        :param retry_after: seconds that the server asked for.
        """
        self.width.refused(_now(), retry_after)
        self._changed.set()

    def paced(self, retry_after: float | None) -> None:
        """Release the slot because the server asks for fewer requests.

        :param retry_after: seconds that the server asked for.
        """
        self.width.paced(_now(), retry_after)
        self._changed.set()

    def close(self, reason: StopReason) -> None:
        """Stop the submission; the first reason is reported.

        :param reason: why.
        """
        self.closed = self.stopped_hard or reason
        self._changed.set()


def _now() -> float:
    return asyncio.get_running_loop().time()

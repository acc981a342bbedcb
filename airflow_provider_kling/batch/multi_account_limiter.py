# SPDX-License-Identifier: Apache-2.0
"""Limit how many jobs run at several accounts together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .limiter import NEAR_SECONDS, ConcurrencyLimiter, StopReason, SubmissionStopped


@dataclass(frozen=True, slots=True)
class MultiAccountWidth:
    """The working width of all accounts.

    :param width: how many jobs may run now.
    :param active: how many run.
    """

    width: int
    active: int

    @property
    def ceiling(self) -> int:
        """Most jobs at once; the measured width of one account is not used for the others."""
        return self.width


class MultiAccountLimiter:
    """Limits submission at several accounts.

    :param limiters: the slots of each account.
    :param together: all accounts are used at once; else one after the other.
    """

    def __init__(self, limiters: Sequence[ConcurrencyLimiter], *, together: bool) -> None:
        self._limiters = limiters
        self._together = together

    @property
    def _in_use(self) -> list[ConcurrencyLimiter]:
        usable = [limiter for limiter in self._limiters if limiter.closed is None]
        return usable if self._together else usable[:1]

    @property
    def width(self) -> MultiAccountWidth:
        """The working width."""
        return MultiAccountWidth(
            sum(limiter.width.width for limiter in self._in_use),
            sum(limiter.width.active for limiter in self._limiters),
        )

    @property
    def closed(self) -> StopReason | None:
        """Why no account submits further jobs; ``None`` while one does."""
        reasons = [limiter.closed for limiter in self._limiters]
        for_all = [reason for reason in reasons if reason and reason is not StopReason.ACCOUNT]
        if for_all:
            return for_all[0]
        return StopReason.ACCOUNT if all(reasons) else None

    @property
    def stopped_hard(self) -> StopReason | None:
        """Why not even prepared rows are submitted; ``None`` while they are."""
        closed = self.closed
        return None if closed is StopReason.BUDGET else closed

    @property
    def is_full(self) -> bool:
        """Whether only the end of a job frees a slot."""
        return all(limiter.is_full for limiter in self._in_use)

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

    def close(self, reason: StopReason) -> None:
        """Submit no more jobs at any account.

        :param reason: why.
        """
        for limiter in self._limiters:
            # A refusal of one account does not stop the others.
            if limiter.closed is not StopReason.ACCOUNT:
                limiter.close(reason)

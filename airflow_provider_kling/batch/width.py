# SPDX-License-Identifier: Apache-2.0
"""How many jobs to have under way: as many as the account has slots, which only its refusals tell."""

from __future__ import annotations

from dataclasses import dataclass

PROBE_SECONDS = 5.0
"""Seconds after a refusal until one more job than were accepted is tried again."""

RATE_PAUSE = 1.0
MAX_RATE_PAUSE = 30.0


@dataclass(slots=True)
class Width:
    """The working width of a batch; times are on any one clock, in seconds.

    :param ceiling: most jobs under way at once.
    """

    ceiling: int
    width: int = 0
    active: int = 0
    not_before: float = 0.0
    _probe_at: float = 0.0
    _rate_refusals: int = 0

    def __post_init__(self) -> None:
        self.width = self.ceiling

    def may_start(self, now: float) -> bool:
        """Whether one more job may be submitted now."""
        if now < self.not_before:
            return False
        if self.active >= self.width and self.width < self.ceiling and now >= self._probe_at:
            # One job more than was accepted last: the slots of others may have come free.
            self.width = self.active + 1
            self._probe_at = now + PROBE_SECONDS
        return self.active < self.width

    def next_chance(self, now: float) -> float:
        """When to ask again if nothing happens: the time until a pause or a probe, in seconds."""
        if now < self.not_before:
            return self.not_before - now
        return max(self._probe_at - now, 0.05) if self.width < self.ceiling else PROBE_SECONDS

    def started(self) -> None:
        """Count a job in before it is submitted."""
        self.active += 1

    def accepted(self) -> None:
        """Take in that Kling has made the job."""
        self._rate_refusals = 0

    def ended(self) -> None:
        """Count a job out, made or not."""
        self.active -= 1

    def refused(self, now: float, retry_after: float | None = None) -> None:
        """Take in that all slots are taken: what is under way is what there is room for."""
        self.active -= 1
        self.width = max(1, self.active)
        self._probe_at = now + max(PROBE_SECONDS, retry_after or 0.0)
        if self.active == 0:
            # Others hold every slot; with nothing of ours under way, only time can tell.
            self.not_before = now + max(PROBE_SECONDS, retry_after or 0.0)

    def paced(self, now: float, retry_after: float | None = None) -> None:
        """Take in that requests came too fast."""
        self.active -= 1
        self._rate_refusals += 1
        pause = min(RATE_PAUSE * 2.0 ** (self._rate_refusals - 1), MAX_RATE_PAUSE)
        self.not_before = now + max(pause, retry_after or 0.0)

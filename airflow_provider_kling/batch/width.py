# SPDX-License-Identifier: Apache-2.0
"""How many jobs to have under way: as many as the account has slots, which only its refusals tell."""

from __future__ import annotations

from dataclasses import dataclass, field

from .outage import pause_after

PROBE_SECONDS = 5.0
"""Seconds after a refusal until one more job than fits is tried; doubled while that keeps being refused."""

MAX_PROBE_SECONDS = 60.0


@dataclass(slots=True)
class Width:
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

    def may_start(self, now: float) -> bool:
        """Whether one more job may be submitted now."""
        if now < self._not_before:
            return False
        if self.active >= self.width and self.width < self.ceiling and now >= self._probe_at:
            # One job more than was accepted last: the slots of others may have come free.
            self.width = self.active + 1
            self._probe_at = now + self._probe_wait
            self._probing = True
        return self.active < self.width

    def next_chance(self, now: float) -> float | None:
        """Seconds until time alone may open the way; ``None`` when only the end of a job can."""
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
        """Take in that Kling has made the job."""
        self._pauses = 0
        if self._probing:
            # There is room again, perhaps for more.
            self._probing = False
            self._probe_at, self._probe_wait = now, PROBE_SECONDS

    def refused(self, now: float, retry_after: float | None = None) -> None:
        """Take in that all slots are taken: what is under way is what there is room for."""
        self.active -= 1
        self.width = max(1, self.active)
        wait = max(self._probe_wait, retry_after or 0.0)
        self._probe_at = now + wait
        if self._probing:
            # The body, pictures and all, travels in vain each time.
            self._probing = False
            self._probe_wait = min(self._probe_wait * 2, MAX_PROBE_SECONDS)
        if self.active == 0:
            # Others hold every slot; with nothing of ours under way, only time can tell.
            self._not_before = now + wait

    def paced(self, now: float, retry_after: float | None = None) -> None:
        """Take in that the server wants fewer requests, or is in trouble."""
        self.active -= 1
        if now >= self._not_before:
            # What was under way together is refused together, and that is one refusal.
            self._pauses += 1
        self._not_before = max(self._not_before, now + pause_after(self._pauses, retry_after))

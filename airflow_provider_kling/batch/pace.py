# SPDX-License-Identifier: Apache-2.0
"""When to look at a job: seldom while it cannot have ended, often when it is about to. No I/O.

A slot whose job has ended stays empty until somebody looks. Looking often enough at all jobs all the time
would cost many requests; the jobs that have ended already tell how long the others will take.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from ..api.watch import MIN_POLL_INTERVAL

REMEMBERED = 50
"""Jobs that are learnt from, the last ones."""

_ENOUGH = 3
_EARLY = 0.1
_LATE = 0.9
_LATE_FACTOR = 2.0
_LOOKS = 20
"""Looks in the time that a job usually takes, if it were looked at all the time."""

_GLANCES = 2
"""Looks in that time while it cannot have ended, should it fail early; all jobs share them."""

_UNLEARNT = 4
"""Looks after which it is asked again whether anything is known."""


@dataclass(slots=True)
class Pace:
    """When to look; times are on any one clock, in seconds.

    :param interval: seconds between looks at a job of which nothing better is known; never looks more
        seldom at one that may have ended.
    """

    interval: float
    _taken: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def learn(self, seconds: float) -> None:
        """Take in how long a job took, however it ended."""
        if seconds >= 0:
            self._taken.append(seconds)

    def stage(self, started: float, now: float) -> tuple[float, float]:
        """Return how often to look at a job now, and until when, with one last look then.

        :param started: when it was submitted.
        """
        if len(self._taken) < _ENOUGH:
            return self.interval, now + _UNLEARNT * self.interval
        usual = self._quantile(0.5)
        often = min(max(usual / _LOOKS, MIN_POLL_INTERVAL), self.interval)
        early = started + self._quantile(_EARLY)
        if now < early:
            until = min(early + often / 2, self._next_glance(now, usual))
            # Only the last look of the stage is wanted.
            return 2 * (until - now), until
        late = started + self._quantile(_LATE) * _LATE_FACTOR
        return (often, late) if now < late else (self.interval, float("inf"))

    def _next_glance(self, now: float, usual: float) -> float:
        # On one grid for all, so that one page of the list answers for all.
        grid = max(usual / _GLANCES, self.interval)
        return (now // grid + 1) * grid

    def _quantile(self, share: float) -> float:
        ordered = sorted(self._taken)
        return ordered[int(share * (len(ordered) - 1))]

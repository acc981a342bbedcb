# SPDX-License-Identifier: Apache-2.0
"""When a deferred batch resumes on a worker: a decision without I/O.

Each start of a worker takes seconds, and the slot of an ended job stays unused until a worker runs. The
durations of similar jobs are predictable, so the batch resumes early enough for a worker to run when jobs
end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MIN_DEFERRAL = 20.0
"""Seconds; a wait that is expected to be shorter stays in the worker."""

MAX_DEFERRAL = 1200.0
"""Seconds after which the batch always resumes, to renew its claims and to log the progress."""

STORE_INTERVAL = 600.0
"""Most seconds that a result waits to be stored while no row is left to submit."""

_WORKER_SECONDS = 50.0
"""Seconds of a job that justify one start of a worker for each job."""

_LATE = 0.1
"""Share of the usual duration by which a job may be late before its end is no longer predicted."""

_SOON = 5.0
"""Seconds within which a single job must be expected to end for a worker to wait for it."""

_STRAGGLERS = 8.0
"""Seconds from its start for which a worker waits for single jobs."""

_MOST = 0.5
"""Largest share of the running jobs that must have ended before the batch resumes, while rows are left."""


@dataclass(frozen=True, slots=True)
class WakeRule:
    """Decides when to wake a batch, from the jobs that ran when it was deferred.

    Times are Unix times in seconds.

    :param started: when each job was submitted, by its id.
    :param since: when the batch was deferred.
    :param deadline: when to wake it at the latest.
    :param rows_left: rows wait for a slot.
    :param usual: seconds that a job usually takes; ``None`` if not known.
    :param lead: seconds from the event until a worker runs.
    """

    started: Mapping[str, float]
    since: float
    deadline: float
    rows_left: bool
    usual: float | None = None
    lead: float = 0.0

    @property
    def enough(self) -> int:
        """Return how many jobs must have ended to wake the batch."""
        if not self.rows_left:
            return len(self.started)
        share = min(_MOST, _WORKER_SECONDS / self.usual) if self.usual else _MOST
        return max(1, math.ceil(share * len(self.started)))

    def wake_at(self, ended: Mapping[str, float]) -> float:
        """Return when to wake the batch, by what is known now.

        :param ended: when each ended job was seen to have ended.
        :return: Unix time in seconds; a time in the past means now.
        """
        times = [self.deadline]
        if len(ended) >= len(self.started):
            times.append(max(ended.values(), default=self.since))
        times += self._enough_at(ended)
        if ended:
            times.append(min(ended.values()) + self._first_wait)
        return min(times)

    @property
    def _first_wait(self) -> float:
        """Seconds that the slot, or the result, of the first ended job waits for further jobs."""
        if not self.rows_left:
            return STORE_INTERVAL
        return self.usual / 2 if self.usual else MIN_DEFERRAL

    def _enough_at(self, ended: Mapping[str, float]) -> Sequence[float]:
        """Return when enough jobs will have ended: no time or one."""
        known = [when for ident, when in ended.items() if ident in self.started]
        predicted: list[float] = []
        if self.usual is not None:
            # The end of a job that takes longer than usual is not predicted.
            ends = (start + self.usual for ident, start in self.started.items() if ident not in ended)
            predicted = [end - self.lead for end in ends if end > self.since + self.lead]
        at = sorted([*known, *predicted])
        return at[self.enough - 1 : self.enough]


def worth_deferring(
    started: Sequence[float],
    *,
    rows_left: bool,
    usual: float | None,
    lead: float,
    now: float,
    held: float,
) -> bool:
    """Return whether a batch that waits for running jobs should defer.

    :param started: when each running job was submitted, Unix time in seconds.
    :param rows_left: rows wait for a slot.
    :param usual: seconds that a job usually takes; ``None`` if not known.
    :param lead: seconds that a worker takes to start.
    :param now: Unix time in seconds.
    :param held: seconds since this worker started.
    :return: false if the batch would resume within ``MIN_DEFERRAL`` seconds.
    """
    if usual is None:
        return True
    late = min(max(usual * _LATE, 3.0), 30.0)
    ends = sorted(end for start in started if (end := start + usual) > now - late)
    if held < _STRAGGLERS and ends and ends[0] <= now + _SOON:
        return False
    enough = WakeRule(dict.fromkeys(map(str, range(len(started))), now), now, now, rows_left, usual).enough
    return len(ends) < enough or ends[enough - 1] - lead - now >= MIN_DEFERRAL

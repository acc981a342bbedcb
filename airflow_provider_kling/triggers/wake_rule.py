# SPDX-License-Identifier: Apache-2.0
"""When a deferred batch is worth a worker again: a decision without I/O.

Each start of a worker costs seconds of a worker's time, and each ended job leaves a slot empty until a worker
has come. Jobs that are alike end at times that can be predicted, so the worker is called early enough to
be there when they end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MIN_DEFERRAL = 20.0
"""Seconds: a wait that is expected to be shorter is spent in the worker."""

MAX_DEFERRAL = 1200.0
"""Seconds after which the worker comes in any case, to renew its claims and to log the progress."""

STORE_INTERVAL = 600.0
"""Seconds that a result waits at most for a worker that stores it while no row is left to submit."""

_WORKER_SECONDS = 50.0
"""Seconds that a job must take for one start of a worker for each job to be worth it."""

_LATE = 0.1
"""Share of the usual duration by which a job may be late before nothing is predicted of it."""

_SOON = 5.0
"""Seconds within which a job must be expected to end for a worker to wait for this one alone."""

_STRAGGLERS = 8.0
"""Seconds from its start for which a worker does so."""

_MOST = 0.5
"""Largest share of the running jobs that must end before a worker is called, while rows are left."""


@dataclass(frozen=True, slots=True)
class WakeRule:
    """Says when to wake a batch, from the jobs that ran when it was deferred.

    Times are Unix times in seconds.

    :param started: when each job was submitted, by its id.
    :param since: when the batch was deferred.
    :param deadline: when to wake it in any case.
    :param rows_left: rows wait for a slot.
    :param usual: seconds that a job usually takes; ``None`` if not known.
    :param lead: seconds from the event to the moment at which a worker is at work.
    """

    started: Mapping[str, float]
    since: float
    deadline: float
    rows_left: bool
    usual: float | None = None
    lead: float = 0.0

    @property
    def enough(self) -> int:
        """Return how many ended jobs call a worker."""
        if not self.rows_left:
            return len(self.started)
        share = min(_MOST, _WORKER_SECONDS / self.usual) if self.usual else _MOST
        return max(1, math.ceil(share * len(self.started)))

    def wake_at(self, ended: Mapping[str, float]) -> float:
        """Return when to wake the batch, as far as that is known now.

        :param ended: when each job that has ended was seen to.
        :return: Unix time in seconds; a time that has passed means now.
        """
        times = [self.deadline]
        if len(ended) >= len(self.started):
            times.append(max(ended.values(), default=self.since))
        times += self._enough_at(ended)
        if ended:
            times.append(min(ended.values()) + self._patience)
        return min(times)

    @property
    def _patience(self) -> float:
        """Seconds that the slot, or the result, of the first ended job waits for others."""
        if not self.rows_left:
            return STORE_INTERVAL
        return self.usual / 2 if self.usual else MIN_DEFERRAL

    def _enough_at(self, ended: Mapping[str, float]) -> Sequence[float]:
        """When enough jobs will have ended: none or one time."""
        known = [when for ident, when in ended.items() if ident in self.started]
        predicted: list[float] = []
        if self.usual is not None:
            # Of a job that takes longer than usual nothing is predicted: it is waited for until it ends.
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
    """Tell whether a batch that waits for running jobs should give its worker back.

    :param started: when each running job was submitted, Unix time in seconds.
    :param rows_left: rows wait for a slot.
    :param usual: seconds that a job usually takes; ``None`` if not known.
    :param lead: seconds that a worker takes to come.
    :param now: Unix time in seconds.
    :param held: seconds since this worker came.
    :return: false if the next worker would be wanted at once, or within ``MIN_DEFERRAL`` seconds.
    """
    if usual is None:
        return True
    late = min(max(usual * _LATE, 3.0), 30.0)
    ends = sorted(end for start in started if (end := start + usual) > now - late)
    if held < _STRAGGLERS and ends and ends[0] <= now + _SOON:
        return False
    enough = WakeRule(dict.fromkeys(map(str, range(len(started))), now), now, now, rows_left, usual).enough
    return len(ends) < enough or ends[enough - 1] - lead - now >= MIN_DEFERRAL

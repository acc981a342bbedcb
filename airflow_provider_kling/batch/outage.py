# SPDX-License-Identifier: Apache-2.0
"""Whether a failure is one row's own or everybody's: a decision without I/O.

A server or storage that is down for ten minutes must not fail the thousands of rows that meet it then, and
one row that fails always must not hold up the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

PATIENCE = 1800.0
"""Seconds of nothing but failures after which a run gives up."""

ROUNDS = 5
"""Failures of one row, while others fare well, after which it is the row's own fault."""

_FIRST_PAUSE = 2.0
_MAX_PAUSE = 60.0


class Blame(Enum):
    """Whose fault a failure is."""

    NOBODY_YET = "nobody_yet"
    ROW = "row"
    SERVICE = "service"


@dataclass(slots=True)
class Outage:
    """What is known of a service that all rows use; times are on any one clock, in seconds."""

    _worked_at: float = float("-inf")
    _fails_since: float | None = None

    def worked(self, now: float) -> None:
        """Take in that the service did what it was asked for."""
        self._worked_at = now
        self._fails_since = None

    def failed(self, first: float, times: int, now: float) -> Blame:
        """Take in a failure, and tell whose fault it is.

        :param first: when it failed first for this row.
        :param times: how often it has failed for this row.
        """
        if self._worked_at > first:
            return Blame.ROW if times >= ROUNDS else Blame.NOBODY_YET
        self._fails_since = first if self._fails_since is None else min(self._fails_since, first)
        return Blame.SERVICE if now - self._fails_since > PATIENCE else Blame.NOBODY_YET


def pause_after(times: int, retry_after: float | None = None) -> float:
    """Seconds to wait after so many failures in a row.

    :param retry_after: seconds that the service asked for.
    """
    return float(max(min(_FIRST_PAUSE * 2.0 ** (times - 1), _MAX_PAUSE), retry_after or 0.0))

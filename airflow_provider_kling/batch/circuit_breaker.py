# SPDX-License-Identifier: Apache-2.0
"""Whether a failure is of one row or of the service, and how long to wait after it: decisions without I/O.

If a server or storage is down for ten minutes, the rows of that time must not fail, and one row that always
fails must not block the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

MAX_OUTAGE = 1800.0
"""Seconds without a success after which a run stops."""

MAX_ROW_FAILURES = 5
"""Failures of one row, while others succeed, after which the row has failed."""

_FIRST_DELAY = 2.0
_MAX_DELAY = 60.0


class FailureCause(Enum):
    """Cause of a failure."""

    UNDECIDED = "undecided"
    ROW = "row"
    SERVICE = "service"


@dataclass(slots=True)
class CircuitBreaker:
    """Health of a service that all rows use; times are on one clock, in seconds."""

    _succeeded_at: float = float("-inf")
    _failing_since: float | None = None

    def on_success(self, now: float) -> None:
        """Record a success of the service.

        :param now: time on the breaker's clock.
        """
        self._succeeded_at = now
        self._failing_since = None

    def on_failure(self, first: float, failures: int, now: float) -> FailureCause:
        """Record a failure and return its cause.

        :param first: time of the first failure of this row.
        :param failures: number of failures of this row.
        :param now: time on the breaker's clock.
        :return: the cause: the row, the service, or not decided yet.
        """
        if self._succeeded_at > first:
            return FailureCause.ROW if failures >= MAX_ROW_FAILURES else FailureCause.UNDECIDED
        self._failing_since = first if self._failing_since is None else min(self._failing_since, first)
        return FailureCause.SERVICE if now - self._failing_since > MAX_OUTAGE else FailureCause.UNDECIDED


def outage_delay(failures: int, retry_after: float | None = None) -> float:
    """Return the seconds to wait after failures in a row.

    :param failures: number of the failures.
    :param retry_after: seconds that the service asked for.
    :return: seconds.
    """
    return float(max(min(_FIRST_DELAY * 2.0 ** (failures - 1), _MAX_DELAY), retry_after or 0.0))

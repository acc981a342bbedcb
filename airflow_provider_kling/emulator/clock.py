# SPDX-License-Identifier: Apache-2.0
"""The emulator's time, which a test can advance instead of waiting."""

from __future__ import annotations

import time


class Clock:
    """Wall-clock time plus the seconds by which it was advanced."""

    def __init__(self) -> None:
        self._offset = 0.0

    def now(self) -> float:
        """Return the emulator's time.

        :return: seconds since the epoch.
        """
        return time.time() + self._offset

    def advance(self, seconds: float) -> None:
        """Advance the time: jobs end, URLs and sessions expire.

        :param seconds: by how much; never back, since a job that ended stays ended.
        :raises ValueError: for a negative number.
        """
        if seconds < 0:
            raise ValueError(f"time only moves forward, got {seconds} seconds")
        self._offset += seconds

    def reset(self) -> None:
        """Return to the machine's time."""
        self._offset = 0.0


def milliseconds(seconds: float) -> int:
    """Convert a time to the API's format.

    :param seconds: seconds since the epoch.
    :return: whole milliseconds since the epoch.
    """
    return int(seconds * 1000)

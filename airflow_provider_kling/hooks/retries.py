# SPDX-License-Identifier: Apache-2.0
"""When a call that changes nothing is made again, and after how long."""

from __future__ import annotations

from tenacity import RetryCallState, wait_random_exponential

from ..exceptions import KlingRateLimited, KlingServerError

READ_ATTEMPTS = 5

MAX_PAUSE = 60.0
"""Seconds; a worker waits no longer for one read, whatever the server asks for."""

_exponential = wait_random_exponential(multiplier=0.5, max=15)


def can_be_read_again(error: BaseException) -> bool:
    """Whether the same read may succeed a moment later."""
    return isinstance(error, KlingServerError | KlingRateLimited)


def pause(state: RetryCallState) -> float:
    """Seconds to wait: what the server asked for, within reason, else random and growing."""
    error = state.outcome.exception() if state.outcome else None
    asked = getattr(error, "retry_after", None)
    return min(float(asked), MAX_PAUSE) if asked else _exponential(state)

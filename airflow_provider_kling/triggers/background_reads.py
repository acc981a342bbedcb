# SPDX-License-Identifier: Apache-2.0
"""Slow reads that continue in the background, so that polling does not wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from ..exceptions import KlingServerError

MAX_ROUND_DELAY = 1.0
"""Seconds for which a round waits for one read; after that the read continues in the background."""

READ_DEADLINE = 5.0
"""Deadline of one read in seconds; each timeout doubles it for the next attempt."""

_MAX_LATE_READS = 50
"""Most late reads at once; if more are late, polling waits for them."""


class BackgroundReads:
    """The late reads of one poller, each with a deadline of its own.

    :ivar idents: jobs that are being read; they are not read again until that has ended.
    """

    def __init__(self) -> None:
        self.idents: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def full(self) -> bool:
        """Whether no further read may continue in the background."""
        return len(self._tasks) >= _MAX_LATE_READS

    def add(self, idents: Iterable[str], follow: Coroutine[Any, Any, None]) -> None:
        """Let a read continue in the background.

        :param idents: the jobs that it reads.
        :param follow: waits for the answer and reports it; it raises nothing.
        """
        held = set(idents)
        self.idents |= held
        task = asyncio.get_running_loop().create_task(follow, name="late read")
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self.idents -= held

        task.add_done_callback(ended)

    def close(self) -> None:
        """Cancel all late reads."""
        for task in list(self._tasks):
            task.cancel()


async def done_within(response: asyncio.Future[Any], seconds: float) -> bool:
    """Wait for a response for a limited time; the read continues if it is not done by then.

    :param response: the answer.
    :param seconds: how long to wait.
    :return: ``True`` if it is done.
    """
    try:
        await asyncio.wait({response}, timeout=seconds)
    except asyncio.CancelledError:
        response.cancel()
        raise
    return response.done()


def deadline_after(slow: int) -> float:
    """Return how long a read may take.

    :param slow: how many reads before it did not end in time.
    :return: seconds.
    """
    return float(READ_DEADLINE * 2.0 ** min(slow, 4))


def unexpected_error(error: Exception) -> KlingServerError:
    """Build the error for an answer that could not be read.

    :param error: what reading it raised.
    :return: the error.
    """
    return KlingServerError(f"The answer could not be read: {type(error).__name__}.")


def late_error(seconds: float) -> KlingServerError:
    """Return the error of a read that did not end in time.

    :param seconds: its deadline.
    :return: the error.
    """
    return KlingServerError(f"No whole answer came within {seconds:g} s.")

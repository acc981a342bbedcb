# SPDX-License-Identifier: Apache-2.0
"""Limits for work on the event loop, which all triggers of a triggerer share."""

from __future__ import annotations

import asyncio
import time
from weakref import WeakKeyDictionary

SLICE = 0.005
"""Seconds of work after which a coroutine yields to other callbacks of the loop."""

_AT_ONCE = 8
"""Most triggers that read their connection at once: a thousand would do it in one step of the loop."""

_loading: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Future[None]] = WeakKeyDictionary()
_start_semaphores: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


class Slice:
    """A time slice of the loop, for a coroutine with much work."""

    def __init__(self) -> None:
        self._ends = time.perf_counter() + SLICE

    async def pause_if_used(self) -> None:
        """Yield to other callbacks if the slice is used up."""
        if time.perf_counter() >= self._ends:
            await asyncio.sleep(0)
            self._ends = time.perf_counter() + SLICE


def start_semaphore() -> asyncio.Semaphore:
    """Return the semaphore that lets a few triggers of the running loop start at a time.

    :return: the semaphore.
    """
    return _start_semaphores.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_AT_ONCE))


async def load_in_thread() -> None:
    """Import, in a thread and once, what a wait needs: on the loop that would take a tenth of a second."""
    loop = asyncio.get_running_loop()
    # Otherwise all waiters would continue in one step of the loop.
    async with start_semaphore():
        if loop not in _loading:
            _loading[loop] = loop.run_in_executor(None, _load)
        # A cancelled waiter must not cancel it for the others.
        await asyncio.shield(_loading[loop])


def _load() -> None:
    from .. import exceptions  # noqa: F401
    from ..api import registry  # noqa: F401
    from ..hooks import kling, transport  # noqa: F401
    from ..results import expected_files  # noqa: F401
    from ..version_compat import BaseHook, Connection, load_connection_reader  # noqa: F401
    from . import poll_schedule, shared_poller, slot_queue, task_lists  # noqa: F401

    load_connection_reader()

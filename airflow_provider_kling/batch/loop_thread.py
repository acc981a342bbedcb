# SPDX-License-Identifier: Apache-2.0
"""An event loop in a thread of its own.

Airflow ends and times out tasks by signals, whose handlers run in the main thread and may raise there.
In an event loop that error would be raised in the callback that runs at the moment, and could be lost with
it. So the loop has a thread of its own, and the main thread only waits for it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

STOP_SECONDS = 4.5
"""Seconds that the loop may take to stop; Airflow kills a task after five seconds."""

_TICK = 0.05


class LoopThread:
    """A coroutine that runs in a thread of its own.

    :param start: creates the coroutine.
    :param stop: stops it soon; called from the main thread, at any time.
    """

    def __init__(self, start: Callable[[], Coroutine[Any, Any, None]], stop: Callable[[], None]) -> None:
        self._start = start
        self._stop = stop
        self._ended = threading.Event()
        self._error: BaseException | None = None
        # If it hangs, it must not prevent the process from ending.
        self._thread = threading.Thread(target=self._run_loop, name="kling-batch", daemon=True)

    def run(self, every: float, report: Callable[[], None]) -> None:
        """Run the coroutine to its end.

        :param every: seconds between calls of ``report``, which is called from this thread.
        :param report: called again and again while the coroutine runs.
        :raises BaseException: what the coroutine raised, or what a signal's handler did.
        """
        self._thread.start()
        try:
            while not self._ended.wait(every):
                report()
        except BaseException:
            self.stop()
            raise
        if self._error:
            raise self._error

    def stop(self) -> bool:
        """Stop the coroutine, and wait a few seconds for its end. Signal handlers may call it.

        :return: whether it has ended.
        """
        self._stop()
        deadline = time.monotonic() + STOP_SECONDS
        # Acquire no lock here: this may run inside the wait that holds it.
        while self._thread.is_alive() and not self._ended.is_set() and time.monotonic() < deadline:
            time.sleep(_TICK)
        return self._ended.is_set()

    def _run_loop(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            self._error = self._error or error
        finally:
            self._ended.set()

    async def _main(self) -> None:
        try:
            await self._start()
        except BaseException as error:
            self._error = error
        finally:
            # Remaining work, such as a DNS query, does not matter.
            self._ended.set()

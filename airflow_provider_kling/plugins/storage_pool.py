# SPDX-License-Identifier: Apache-2.0
"""Threads that read storage for the preview, so that one that hangs cannot block the api-server's own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

_RETRY_SECONDS = 0.02


class StorageBusy(Exception):
    """The storage did not answer in time, or all threads wait for it."""


class StoragePool:
    """Run a limited number of reads at once, each with a timeout.

    A read that hangs occupies its thread until it ends; further reads wait for a short time, without a
    thread, and are rejected then. The threads are daemons, so that they do not delay the end of the process.

    :param size: maximum number of reads at once.
    :param wait: seconds to wait for a free thread.
    :param timeout: seconds that a read may take.
    """

    def __init__(self, size: int, wait: float, timeout: float) -> None:
        self._free = threading.BoundedSemaphore(size)
        self._wait = wait
        self._timeout = timeout

    async def run(self, read: Callable[[], T], discard: Callable[[T], None] | None = None) -> T:
        """Run a function in a thread of the pool.

        :param read: the function.
        :param discard: called with the result of a read that ends after its timeout.
        :return: its result.
        :raises StorageBusy: no thread became free, or the read timed out.
        """
        until = time.monotonic() + self._wait
        while not self._free.acquire(blocking=False):
            if time.monotonic() >= until:
                raise StorageBusy("all reads of the preview wait for their storage")
            await asyncio.sleep(_RETRY_SECONDS)
        future: Future[T] = Future()
        try:
            threading.Thread(
                target=self._run_read, args=(future, read), name="kling-read", daemon=True
            ).start()
        except BaseException:
            self._free.release()
            raise
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), self._timeout)
        except (asyncio.CancelledError, TimeoutError) as error:
            if discard:
                future.add_done_callback(lambda done: _discard(done, discard))
            if isinstance(error, TimeoutError) and not future.done():
                raise StorageBusy("the storage does not answer in time") from None
            raise

    def _run_read(self, future: Future[Any], read: Callable[[], Any]) -> None:
        try:
            result = read()
        except BaseException as error:
            self._free.release()
            future.set_exception(error)
        else:
            self._free.release()
            future.set_result(result)


def _discard(done: Future[T], discard: Callable[[T], None]) -> None:
    if done.exception() is None:
        discard(done.result())

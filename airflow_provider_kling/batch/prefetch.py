# SPDX-License-Identifier: Apache-2.0
"""Prepares requests before their slots are free, within a limit of memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from ..exceptions import KlingServerError
from ..inputs.prepared_request import PreparedRequest, prepare_request
from .circuit_breaker import CircuitBreaker, FailureCause, outage_delay
from .context import RunContext
from .input import RequestRow
from .limiter import StopReason, SubmissionStopped

PREFETCH_ROWS = 8
"""Most rows that are prepared or wait for a slot, in addition to those whose jobs run."""

PREFETCH_BYTES = 16 * 1024**2
"""Bytes of such rows and their bodies (images as base64) above which no further row is read."""

_PARALLEL = 2


class RequestPrefetcher:
    """Prepares the requests of rows: checks them and reads their media, in threads.

    :param run: the run; it stops if no media can be read for too long.
    """

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._pool = ThreadPoolExecutor(_PARALLEL, thread_name_prefix="kling-request")
        self._preparing = asyncio.Semaphore(_PARALLEL)
        self._outage = CircuitBreaker()
        self._rows = 0
        self.numbers: set[int] = set()
        """Numbers of the rows that were added and are not submitted."""
        self._row_bytes = 0
        self._request_bytes = 0
        self._changed = asyncio.Condition()

    async def wait_for_capacity(self) -> None:
        """Wait until one more row may be read."""
        await self._wait_until(
            lambda: self._rows < PREFETCH_ROWS and self._row_bytes + self._request_bytes < PREFETCH_BYTES
        )

    @property
    def ahead(self) -> int:
        """Return the number of rows that were added and are not submitted."""
        return self._rows

    def add(self, row: RequestRow) -> None:
        """Add a row.

        :param row: the row.
        """
        self._rows += 1
        self.numbers.add(row.number)
        self._row_bytes += text_size(row.values)

    async def remove(self, row: RequestRow) -> None:
        """Remove a row.

        :param row: the row.
        """
        self._rows -= 1
        self.numbers.discard(row.number)
        self._row_bytes -= text_size(row.values)
        await self._notify()

    @asynccontextmanager
    async def prepared(self, row: RequestRow) -> AsyncIterator[PreparedRequest]:
        """Provide a row's request while it is needed.

        :param row: the row.
        :return: a context manager with the request.
        :raises SubmissionStopped: no more jobs are submitted.
        :raises KlingRequestInvalid: the row cannot be sent.
        :raises KlingServerError: its media cannot be read, while others' can.
        """
        async with self._preparing:
            # Only requests that will be submitted count: a large row must not wait for itself.
            await self._wait_until(lambda: self._request_bytes < PREFETCH_BYTES)
            request = await self._prepare(row)
            size = text_size(request.body)
            self._request_bytes += size
        try:
            yield request
        finally:
            self._request_bytes -= size
            await self._notify()

    def close(self) -> None:
        """Stop preparing requests."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _wait_until(self, holds: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(holds)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _prepare(self, row: RequestRow) -> PreparedRequest:
        loop = asyncio.get_running_loop()
        first_failure, failures = loop.time(), 0
        while True:
            self._run.limiter.raise_if_stopped()
            try:
                request = await loop.run_in_executor(
                    self._pool,
                    partial(
                        prepare_request,
                        self._run.config.endpoint,
                        row.values,
                        self._run.settings.dialect,
                        self._run.config.extra_body,
                        expected_seconds=row.expected_seconds or self._run.config.expected_seconds,
                    ),
                )
            except KlingServerError as error:
                failures += 1
                cause = self._outage.on_failure(first_failure, failures, loop.time())
                if cause is FailureCause.ROW:
                    raise
                if cause is FailureCause.SERVICE:
                    self._run.limiter.stop(StopReason.OUTAGE)
                    raise SubmissionStopped(StopReason.OUTAGE) from error
                self._run.log.info("Row %d: %s Trying again", row.number, error)
                await asyncio.sleep(outage_delay(failures))
            else:
                self._outage.on_success(loop.time())
                return request


def text_size(value: Any) -> int:
    """Return how many characters of text a value holds, at any depth.

    :param value: a row's values, or a body.
    :return: number of characters.
    """
    if isinstance(value, str):
        return len(value)
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return sum(map(text_size, items))

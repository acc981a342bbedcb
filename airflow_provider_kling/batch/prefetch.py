# SPDX-License-Identifier: Apache-2.0
"""Orders made ready ahead of their slots, within bounds of memory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from ..exceptions import KlingServerError
from ..inputs.prepared_request import PreparedRequest, prepare_request
from .config import BatchConfig
from .input import RequestRow
from .limiter import (
    CircuitBreaker,
    ConcurrencyLimiter,
    FailureCause,
    StopReason,
    SubmissionStopped,
    outage_delay,
)

if TYPE_CHECKING:
    from ..api.hosts import Dialect
    from .joint_limiter import JointLimiter

PREFETCH_ROWS = 8
"""Rows that are made ready or wait for a slot, beside those whose jobs are under way."""

PREFETCH_BYTES = 16 * 1024**2
"""Bytes of such rows and their bodies (pictures as base64) above which no further row is taken."""

_PARALLEL = 2


class RequestPrefetcher:
    """Makes orders of rows: checks them and reads their media, in threads.

    :param plan: what is asked.
    :param dialect: what the host documents.
    :param gate: closed when no media can be read for too long.
    :param log: log of the task.
    """

    def __init__(
        self,
        plan: BatchConfig,
        dialect: Dialect,
        gate: ConcurrencyLimiter | JointLimiter,
        log: logging.Logger,
    ) -> None:
        self._plan = plan
        self._dialect = dialect
        self._gate = gate
        self._log = log
        self._pool = ThreadPoolExecutor(_PARALLEL, thread_name_prefix="kling-order")
        self._turn = asyncio.Semaphore(_PARALLEL)
        self._outage = CircuitBreaker()
        self._rows = 0
        self.numbers: set[int] = set()
        """Numbers of the rows that were taken and are not submitted."""
        self._row_bytes = 0
        self._order_bytes = 0
        self._changed = asyncio.Condition()

    async def room(self) -> None:
        """Wait until one more row may be taken."""
        await self._until(
            lambda: self._rows < PREFETCH_ROWS and self._row_bytes + self._order_bytes < PREFETCH_BYTES
        )

    @property
    def ahead(self) -> int:
        """Return the number of rows that were taken and are not submitted."""
        return self._rows

    def take(self, row: RequestRow) -> None:
        """Count a row in.

        :param row: the row.
        """
        self._rows += 1
        self.numbers.add(row.number)
        self._row_bytes += value_size(row.values)

    async def give_back(self, row: RequestRow) -> None:
        """Count a row out.

        :param row: the row.
        """
        self._rows -= 1
        self.numbers.discard(row.number)
        self._row_bytes -= value_size(row.values)
        await self._tell()

    @asynccontextmanager
    async def order(self, row: RequestRow) -> AsyncIterator[PreparedRequest]:
        """Hold a row's order for as long as it is needed.

        :param row: the row.
        :return: context manager of the prepared request.
        :raises Closed: no more jobs are submitted.
        :raises KlingRequestInvalid: the row cannot be sent.
        :raises KlingServerError: its media cannot be read, while others' can.
        """
        async with self._turn:
            # Only for orders, which go on their way: a large row must not wait for itself.
            await self._until(lambda: self._order_bytes < PREFETCH_BYTES)
            order = await self._make(row)
            size = value_size(order.body)
            self._order_bytes += size
        try:
            yield order
        finally:
            self._order_bytes -= size
            await self._tell()

    def close(self) -> None:
        """Make nothing more ready."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(holds)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _make(self, row: RequestRow) -> PreparedRequest:
        loop = asyncio.get_running_loop()
        first, times = loop.time(), 0
        while True:
            self._gate.check()
            try:
                order = await loop.run_in_executor(
                    self._pool,
                    partial(
                        prepare_request,
                        self._plan.endpoint,
                        row.values,
                        self._dialect,
                        self._plan.extra_body,
                        expected_seconds=row.expected_seconds or self._plan.expected_seconds,
                    ),
                )
            except KlingServerError as error:
                times += 1
                blame = self._outage.failed(first, times, loop.time())
                if blame is FailureCause.ROW:
                    raise
                if blame is FailureCause.SERVICE:
                    self._gate.close(StopReason.OUTAGE)
                    raise SubmissionStopped(StopReason.OUTAGE) from error
                self._log.info("Row %d: %s Trying again", row.number, error)
                await asyncio.sleep(outage_delay(times))
            else:
                self._outage.worked(loop.time())
                return order


def value_size(value: Any) -> int:
    """Return how many characters of text a value holds, at any depth.

    :param value: a row's values, or a body.
    :return: number of characters.
    """
    if isinstance(value, str):
        return len(value)
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return sum(map(value_size, items))

# SPDX-License-Identifier: Apache-2.0
"""Orders made ready ahead of their slots, within bounds of memory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from ..exceptions import KlingServerError
from ..order import Order, take_order
from .gate import Closed, Gate, Reason
from .outage import Blame, Outage, pause_after
from .plan import BatchPlan
from .rows import Row

if TYPE_CHECKING:
    from ..api.dialect import Dialect

READY_AHEAD = 8
"""Rows that are made ready or wait for a slot, beside those whose jobs are under way."""

READY_BYTES = 16 * 1024**2
"""Bytes of such rows and their bodies (pictures as base64) above which no further row is taken."""

_PARALLEL = 2


class Desk:
    """Makes orders of rows: checks them and reads their media, in threads.

    :param plan: what is asked.
    :param dialect: what the host documents.
    :param gate: closed when no media can be read for too long.
    """

    def __init__(self, plan: BatchPlan, dialect: Dialect, gate: Gate, log: logging.Logger) -> None:
        self._plan = plan
        self._dialect = dialect
        self._gate = gate
        self._log = log
        self._pool = ThreadPoolExecutor(_PARALLEL, thread_name_prefix="kling-order")
        self._turn = asyncio.Semaphore(_PARALLEL)
        self._outage = Outage()
        self._rows = 0
        self._row_bytes = 0
        self._order_bytes = 0
        self._changed = asyncio.Condition()

    async def room(self) -> None:
        """Wait until one more row may be taken."""
        await self._until(
            lambda: self._rows < READY_AHEAD and self._row_bytes + self._order_bytes < READY_BYTES
        )

    def take(self, row: Row) -> None:
        """Count a row in."""
        self._rows += 1
        self._row_bytes += _size(row.values)

    async def give_back(self, row: Row) -> None:
        """Count a row out."""
        self._rows -= 1
        self._row_bytes -= _size(row.values)
        await self._tell()

    @asynccontextmanager
    async def order(self, row: Row) -> AsyncIterator[Order]:
        """Hold a row's order for as long as it is needed.

        :raises Closed: no more jobs are submitted.
        :raises KlingRequestInvalid: the row cannot be sent.
        :raises KlingServerError: its media cannot be read, while others' can.
        """
        async with self._turn:
            # Only for orders, which go on their way: a large row must not wait for itself.
            await self._until(lambda: self._order_bytes < READY_BYTES)
            order = await self._make(row)
            size = _size(order.body)
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

    async def _make(self, row: Row) -> Order:
        loop = asyncio.get_running_loop()
        first, times = loop.time(), 0
        while True:
            self._gate.check()
            try:
                order = await loop.run_in_executor(
                    self._pool,
                    take_order,
                    self._plan.endpoint,
                    row.values,
                    self._dialect,
                    self._plan.extra_body,
                )
            except KlingServerError as error:
                times += 1
                blame = self._outage.failed(first, times, loop.time())
                if blame is Blame.ROW:
                    raise
                if blame is Blame.SERVICE:
                    self._gate.close(Reason.OUTAGE)
                    raise Closed(Reason.OUTAGE) from error
                self._log.info("Row %d: %s Trying again", row.number, error)
                await asyncio.sleep(pause_after(times))
            else:
                self._outage.worked(loop.time())
                return order


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return sum(map(_size, items))

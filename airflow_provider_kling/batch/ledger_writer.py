# SPDX-License-Identifier: Apache-2.0
"""Writes the ledger from an event loop: records lines at once and reports when they are written."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor

from .circuit_breaker import outage_delay
from .ledger import Ledger
from .ledger_entry import LedgerEntry
from .limiter import StopReason, SubmissionLimiter
from .progress import Progress

FLUSH_INTERVAL = 3.0
"""Seconds after which a line is written at the latest, while the storage works."""

MAX_LEDGER_OUTAGE = 600.0
"""Seconds without a successful write of the ledger after which a run stops submitting."""

LAST_WRITE_SECONDS = 2.0
"""Seconds for the last write of a run that is stopped: the process may be killed soon."""

END_WRITE_SECONDS = 120.0
"""Seconds for the last write of a run that has ended, while the storage fails."""

CLAIM_SECONDS = 1.0
"""Seconds between checks of whether another worker owns the batch."""


class LedgerWriter:
    """Writes the ledger and updates the counts of a run.

    :param ledger: the ledger, already read.
    :param progress: numbers, with earlier tries counted in.
    :param limiter: closed when the ledger cannot be written for too long.
    :param log: log of the task.
    """

    def __init__(
        self,
        ledger: Ledger,
        progress: Progress,
        limiter: SubmissionLimiter,
        log: logging.Logger,
    ) -> None:
        self._progress = progress
        self._ledger = ledger
        self._limiter = limiter
        self._log = log
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="kling-ledger")
        self._flush_requested = asyncio.Event()
        self._changed = asyncio.Condition()
        self._ownership_lock = asyncio.Lock()
        self._ownership_checked_at = float("-inf")
        self._recorded = 0
        self._flushed = 0
        self._failures = 0
        self._failing_since = 0.0

    def get(self, key: str) -> LedgerEntry | None:
        """Return the line of a row.

        :param key: key of the row.
        :return: the line; ``None`` if there is none.
        """
        return self._ledger.entries.get(key)

    def record(self, entry: LedgerEntry) -> LedgerEntry:
        """Record a row's new state.

        :param entry: the row's line.
        :return: the same line.
        """
        self._progress.update(self.get(entry.key), entry)
        self._ledger.record(entry)
        self._recorded += 1
        return entry

    async def wait_flushed(self) -> None:
        """Wait until all recorded lines are written. Concurrent waiters share one write.

        :raises SubmissionStopped: the run submits nothing more.
        """
        recorded = self._recorded
        self._flush_requested.set()
        async with self._changed:
            await self._changed.wait_for(lambda: self._flushed >= recorded or self._limiter.stopped_hard)
        self._limiter.raise_if_stopped()

    @property
    def pending(self) -> int:
        """Return the number of lines that are not known to be written."""
        return self._ledger.pending

    def flush_soon(self) -> None:
        """Write the pending lines soon, instead of within ``FLUSH_INTERVAL`` seconds."""
        self._flush_requested.set()

    async def check_ownership(self) -> None:
        """Wait until it is known that no other worker owns the batch; checked once a second.

        :raises SubmissionStopped: another one does, or the run has stopped submitting.
        """
        async with self._ownership_lock:
            first = time.monotonic()
            while time.monotonic() - self._ownership_checked_at > CLAIM_SECONDS:
                self._limiter.raise_if_stopped()
                checked_at = time.monotonic()
                try:
                    superseded = await asyncio.get_running_loop().run_in_executor(
                        self._pool, self._ledger.is_superseded
                    )
                except Exception as error:
                    self._log.info("The ledger's folder cannot be read: %s Trying again", error)
                    if checked_at - first > MAX_LEDGER_OUTAGE:
                        self._limiter.stop(StopReason.LEDGER)
                    await asyncio.sleep(CLAIM_SECONDS)
                    continue
                if superseded:
                    self._limiter.stop(StopReason.TAKEN_OVER)
                self._ownership_checked_at = checked_at
        self._limiter.raise_if_stopped()

    async def run(self) -> None:
        """Write when there is a waiter, and every few seconds, until the run ends."""
        while True:
            try:
                async with asyncio.timeout(FLUSH_INTERVAL):
                    await self._flush_requested.wait()
            except TimeoutError:
                pass
            self._flush_requested.clear()
            await self._write()

    async def close(self, stopping: asyncio.Event) -> bool:
        """Write the remaining lines; while the storage fails, again and again for a while.

        :param stopping: set when the run is stopped.
        :return: ``True`` if everything is written.
        """
        writing, stopped = asyncio.create_task(self._write_rest()), asyncio.create_task(stopping.wait())
        # After a long outage there is nothing more to wait for.
        is_down = self._limiter.stopped is StopReason.LEDGER
        seconds = LAST_WRITE_SECONDS if is_down else END_WRITE_SECONDS
        try:
            await asyncio.wait((writing, stopped), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if stopped.done():
                await asyncio.wait((writing,), timeout=LAST_WRITE_SECONDS)
            if not writing.done():
                self._log.error("%d lines of the ledger are not written", self._ledger.pending)
            return writing.done()
        finally:
            writing.cancel()
            stopped.cancel()
            self._pool.shutdown(wait=False, cancel_futures=True)

    async def _write_rest(self) -> None:
        failures = 0
        while True:
            try:
                return await self._flush()
            except Exception as error:
                failures += 1
                level = logging.WARNING if failures == 1 else logging.DEBUG
                text = str(error) or type(error).__name__
                self._log.log(level, "The last lines of the ledger are not written yet: %s", text)
            await asyncio.sleep(outage_delay(failures))

    async def _write(self) -> None:
        recorded = self._recorded
        try:
            await self._flush()
        except Exception as error:
            self._on_failure(error)
        else:
            self._on_success(recorded)
        async with self._changed:
            self._changed.notify_all()
        if self._failures:
            await asyncio.sleep(outage_delay(self._failures))
            self._flush_requested.set()

    async def _flush(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._pool, self._ledger.flush)

    def _on_success(self, recorded: int) -> None:
        if self._failures:
            self._log.info("The ledger is written again")
        self._failures, self._flushed = 0, recorded

    def _on_failure(self, error: Exception) -> None:
        """Log it once; nothing is submitted until then, because each submission waits for its line."""
        if not self._failures:
            self._failing_since = time.monotonic()
            self._log.warning("The ledger cannot be written, so nothing new is submitted for now: %s", error)
        self._failures += 1
        if time.monotonic() - self._failing_since > MAX_LEDGER_OUTAGE:
            self._limiter.stop(StopReason.LEDGER)

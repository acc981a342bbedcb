# SPDX-License-Identifier: Apache-2.0
"""Writes the ledger from an event loop: records lines at once and reports when they are written."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor

from .ledger import Ledger
from .ledger_entry import LedgerEntry
from .limiter import StopReason, SubmissionLimiter
from .outage import outage_delay
from .progress import Progress

FLUSH_INTERVAL = 3.0
"""Seconds after which a line is written at the latest, while the storage works."""

MAX_LEDGER_OUTAGE = 600.0
"""Seconds without a successful write of the ledger after which a run stops submitting."""

LAST_WRITE_SECONDS = 2.0

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
        self._wanted = asyncio.Event()
        self._changed = asyncio.Condition()
        self._asking = asyncio.Lock()
        self._asked = float("-inf")
        self._noted = 0
        self._written = 0
        self._failures = 0
        self._down_since = 0.0

    def get(self, key: str) -> LedgerEntry | None:
        """Return the line of a row.

        :param key: key of the row.
        :return: the line; ``None`` if there is none.
        """
        return self._ledger.entries.get(key)

    def note(self, entry: LedgerEntry) -> LedgerEntry:
        """Record a row's new state.

        :param entry: the row's line.
        :return: the same line.
        """
        self._progress.moved(self.get(entry.key), entry)
        self._ledger.note(entry)
        self._noted += 1
        return entry

    async def written(self) -> None:
        """Wait until all recorded lines are written. Concurrent waiters share one write.

        :raises SubmissionStopped: the run submits nothing more.
        """
        mark = self._noted
        self._wanted.set()
        async with self._changed:
            await self._changed.wait_for(lambda: self._written >= mark or self._limiter.stopped_hard)
        self._limiter.raise_if_stopped()

    @property
    def pending(self) -> int:
        """Return the number of lines that are not known to be written."""
        return self._ledger.pending

    def wake(self) -> None:
        """Write the pending lines soon, instead of within ``FLUSH_INTERVAL`` seconds."""
        self._wanted.set()

    async def still_ours(self) -> None:
        """Wait until it is known that no other worker owns the batch; checked once a second.

        :raises SubmissionStopped: another one does, or the run has stopped submitting.
        """
        async with self._asking:
            first = time.monotonic()
            while time.monotonic() - self._asked > CLAIM_SECONDS:
                self._limiter.raise_if_stopped()
                asked = time.monotonic()
                try:
                    over = await asyncio.get_running_loop().run_in_executor(
                        self._pool, self._ledger.is_superseded
                    )
                except Exception as error:
                    self._log.info("The ledger's folder cannot be read: %s Trying again", error)
                    if asked - first > MAX_LEDGER_OUTAGE:
                        self._limiter.stop(StopReason.LEDGER)
                    await asyncio.sleep(CLAIM_SECONDS)
                    continue
                if over:
                    self._limiter.stop(StopReason.TAKEN_OVER)
                self._asked = asked
        self._limiter.raise_if_stopped()

    async def write_forever(self) -> None:
        """Write when there is a waiter, and every few seconds, until the run ends."""
        while True:
            try:
                async with asyncio.timeout(FLUSH_INTERVAL):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            self._wanted.clear()
            await self._write()

    async def close(self) -> bool:
        """Write the remaining lines, within two seconds.

        :return: ``True`` if everything is written.
        """
        try:
            async with asyncio.timeout(LAST_WRITE_SECONDS):
                await self._flush()
        except Exception as error:
            why = str(error) or type(error).__name__
            self._log.error("%d lines of the ledger are not written: %s", self._ledger.pending, why)
            return False
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)
        return True

    async def _write(self) -> None:
        mark = self._noted
        try:
            await self._flush()
        except Exception as error:
            self._on_failure(error)
        else:
            self._on_success(mark)
        async with self._changed:
            self._changed.notify_all()
        if self._failures:
            await asyncio.sleep(outage_delay(self._failures))
            self._wanted.set()

    async def _flush(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._pool, self._ledger.flush)

    def _on_success(self, mark: int) -> None:
        if self._failures:
            self._log.info("The ledger is written again")
        self._failures, self._written = 0, mark

    def _on_failure(self, error: Exception) -> None:
        """Log it once; nothing is submitted until then, because each submission waits for its line."""
        if not self._failures:
            self._down_since = time.monotonic()
            self._log.warning("The ledger cannot be written, so nothing new is submitted for now: %s", error)
        self._failures += 1
        if time.monotonic() - self._down_since > MAX_LEDGER_OUTAGE:
            self._limiter.stop(StopReason.LEDGER)

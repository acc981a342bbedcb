# SPDX-License-Identifier: Apache-2.0
"""The ledger as the event loop sees it: noted at once, written soon, and known when it is written."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor

from .entry import Entry
from .gate import Gate, Reason
from .ledger import Ledger
from .outage import pause_after
from .tally import Tally

FLUSH_SECONDS = 3.0
"""Seconds after which a line is written at the latest, while the storage works."""

LEDGER_PATIENCE = 600.0
"""Seconds for which the ledger may not be writable before a run submits nothing more for good."""

LAST_WRITE_SECONDS = 2.0


class Book:
    """Keeps ledger and numbers of a run in step.

    :param ledger: what earlier tries have done, already read.
    :param tally: numbers, with earlier tries counted in.
    :param gate: closed when the ledger cannot be written for too long.
    """

    def __init__(self, ledger: Ledger, tally: Tally, gate: Gate, log: logging.Logger) -> None:
        self.tally = tally
        self._ledger = ledger
        self._gate = gate
        self._log = log
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="kling-ledger")
        self._wanted = asyncio.Event()
        self._changed = asyncio.Condition()
        self._noted = 0
        self._written = 0
        self._failures = 0
        self._down_since = 0.0

    def get(self, key: str) -> Entry | None:
        """Return a row's line, if it has one."""
        return self._ledger.entries.get(key)

    def note(self, entry: Entry) -> Entry:
        """Take in a row's new state."""
        self.tally.moved(self.get(entry.key), entry)
        self._ledger.note(entry)
        self._noted += 1
        return entry

    async def written(self) -> None:
        """Wait until all that was noted is written. Those who wait together share one write.

        :raises Closed: the run submits nothing more.
        """
        mark = self._noted
        self._wanted.set()
        async with self._changed:
            await self._changed.wait_for(lambda: self._written >= mark or self._gate.halted)
        self._gate.check()

    async def keep(self) -> None:
        """Write whenever somebody waits, and every few seconds; for as long as the run lasts."""
        while True:
            try:
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            self._wanted.clear()
            await self._write()

    async def close(self) -> bool:
        """Write what is left, within two seconds; return whether that was possible."""
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
            await asyncio.sleep(pause_after(self._failures))
            self._wanted.set()

    async def _flush(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._pool, self._ledger.flush)

    def _on_success(self, mark: int) -> None:
        if self._failures:
            self._log.info("The ledger is written again")
        self._failures, self._written = 0, mark

    def _on_failure(self, error: Exception) -> None:
        """Say it once; nothing is submitted meanwhile, for whoever submits waits for its line."""
        if not self._failures:
            self._down_since = time.monotonic()
            self._log.warning("The ledger cannot be written, so nothing new is submitted for now: %s", error)
        self._failures += 1
        if time.monotonic() - self._down_since > LEDGER_PATIENCE:
            self._gate.close(Reason.LEDGER)

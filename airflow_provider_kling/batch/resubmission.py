# SPDX-License-Identifier: Apache-2.0
"""Rows whose stored files failed the media check, until their next job is submitted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .input import RequestRow

MAX_PAUSE = 60.0
"""Most seconds between two passes over the input, each of which reads all rows."""

_SHARE = 10
"""How many times as long as a pass the pause after it is."""


class RowsToResubmit:
    """Collects the keys of rejected rows, and says when to read them from the input again."""

    def __init__(self) -> None:
        self.under_way = 0
        """Rows that are being submitted, run, or are being stored: they may be rejected too."""
        self._keys: set[str] = set()
        self._not_before = 0.0
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: str) -> None:
        """Add a row.

        :param key: key of the row, whose line is open again.
        """
        self._keys.add(key)
        self._changed.set()

    def started(self) -> None:
        """Count a row that may be rejected."""
        self.under_way += 1

    def ended(self) -> None:
        """Count a row as ended, however it did."""
        self.under_way -= 1
        self._changed.set()

    async def next(self) -> set[str]:
        """Wait for rows to submit again, and take them.

        :return: their keys; empty when nothing is under way any more.
        """
        while self.under_way and (not self._keys or _now() < self._not_before):
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._not_before - _now() if self._keys else None):
                    await self._changed.wait()
        keys, self._keys = self._keys, set()
        return keys

    def pause_after(self, seconds: float) -> None:
        """Pause before the next pass.

        :param seconds: how long the last one took.
        """
        self._not_before = _now() + min(seconds * _SHARE, MAX_PAUSE)


def rows_of(keys: set[str], rows: Iterator[RequestRow]) -> Iterator[RequestRow]:
    """Yield some rows of an input.

    :param keys: their keys.
    :param rows: all rows; read up to the last one of these.
    :return: iterator of the rows.
    """
    left = set(keys)
    for row in rows:
        if row.key in left:
            left.remove(row.key)
            yield row
            if not left:
                return


def _now() -> float:
    return asyncio.get_running_loop().time()

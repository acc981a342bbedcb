# SPDX-License-Identifier: Apache-2.0
"""Parts of one input for several instances of a batch: which rows and how many slots each one has."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .input import RequestRow, RowReader


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of the rows.

    :param index: number of the part, from 0.
    :param count: how many parts there are.
    """

    index: int
    count: int

    def has(self, row: RequestRow) -> bool:
        """Return whether a row is in this part: by its content, so that other rows do not move it.

        :param row: the row.
        :return: true for exactly one part.
        """
        return zlib.crc32(row.key.encode()) % self.count == self.index

    def reader(self, read_rows: RowReader) -> RowReader:
        """Return a function that reads the rows of this part.

        :param read_rows: reads all rows.
        :return: function that reads those of this part, with their numbers in the whole input.
        """

        def read(after: int = 0) -> Iterator[RequestRow]:
            return filter(self.has, read_rows(after))

        return read

    def slots(self, concurrency: int) -> int:
        """Return how many jobs this part may run at once.

        :param concurrency: the limit of all parts together.
        :return: an equal share, at least 1.
        """
        return max(1, concurrency // self.count + (self.index < concurrency % self.count))

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def parse_shard(shard: object, shards: object) -> Shard | None:
    """Parse the parameters ``shard`` and ``shards``.

    :param shard: number of the part, from 0, or text such as ``0/4``; ``None`` for all rows.
    :param shards: how many parts there are; ``None`` if ``shard`` has it.
    :return: the part; ``None`` for all rows.
    :raises ValueError: it is invalid; the text says what is expected.
    """
    if shard is None and shards is None:
        return None
    index, _, count = str(shard).strip().partition("/")
    if count and shards is not None and str(shards).strip() != count.strip():
        raise ValueError(f"one of shards={shards} parts")
    parts = (index, count or str(shards).strip())
    if not all(part.strip().isdecimal() for part in parts):
        raise ValueError("a number from 0 with shards=..., or text such as '0/4'")
    number, total = (int(part) for part in parts)
    if not 0 <= number < total:
        raise ValueError(f"a number from 0 to {max(total - 1, 0)}")
    return Shard(number, total)

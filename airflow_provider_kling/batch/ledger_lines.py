# SPDX-License-Identifier: Apache-2.0
"""Reads the lines of a ledger's files, a few files at a time, and copies those of done rows to a local file.

The parsed lines of 100,000 rows fill a worker's memory. So the lines of one file are parsed at a time, and
rows that are done stay in memory with their key, number and cost alone.
"""

from __future__ import annotations

import io
import tempfile
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, Self

from .ledger_entry import LedgerEntry, parse_line

_PARALLEL = 8
_SPOOL_BYTES = 4 * 1024**2


class LineStore(AbstractContextManager["LineStore"]):
    """Lines of done rows in a local file; memory is used for the place of each line alone.

    All lines are added before the first one is read.
    """

    def __init__(self) -> None:
        self.complete = False
        """All archives were read."""
        self.damaged: list[str] = []
        """File and number of each line of an archive that cannot be read."""
        self._places: dict[str, int] = {}
        self._size = 0
        self._file = tempfile.SpooledTemporaryFile(_SPOOL_BYTES, prefix="kling-ledger-")  # noqa: SIM115
        weakref.finalize(self, self._file.close)

    def __exit__(self, *_: object) -> None:
        self.close()

    def __enter__(self) -> Self:
        return self

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        """Yield keys and lines in the order in which they were added."""
        self._file.seek(0)
        for key in self._places:
            yield key, self._file.readline().rstrip(b"\n")

    def close(self) -> None:
        """Remove the local file."""
        self._file.close()

    def add(self, key: str, line: bytes) -> None:
        """Add the line of a row, unless the row has one.

        :param key: key of the row.
        :param line: the line, without a line break.
        """
        if key not in self._places:
            self._places[key] = self._size
            self._size += self._file.write(line + b"\n")

    def whole(self, entry: LedgerEntry) -> LedgerEntry:
        """Return a row with all its values.

        :param entry: the row as the ledger has it in memory.
        :return: its line; the same where it has none here.
        """
        place = self._places.get(entry.key)
        if place is None:
            return entry
        self._file.seek(place)
        return parse_line(self._file.readline()) or entry


def read_lines(path: str, content: bytes, damaged: list[str]) -> Iterator[tuple[bytes, LedgerEntry]]:
    """Parse the lines of a file one after another.

    :param path: path of the file.
    :param content: the file.
    :param damaged: lines that cannot be read are added to it, by file and number.
    :return: iterator of the lines, without line breaks, and what they say.
    """
    name = path.rsplit("/", 1)[-1]
    if not content.strip():
        damaged.append(f"{name} (empty)")
    # Unlike ``split`` it makes no list of all lines.
    for number, line in enumerate(io.BytesIO(content), 1):
        text = line.rstrip(b"\n")
        entry = parse_line(text)
        if entry:
            yield text, entry
        elif text.strip():
            damaged.append(f"{name} line {number}")


def read_files(fs: Any, paths: Iterable[str], ahead: int = _PARALLEL) -> Iterator[tuple[str, bytes]]:
    """Read files in order, several at the same time, because object storage has a high latency.

    :param fs: their file system.
    :param paths: the files.
    :param ahead: how many are in memory at most.
    :return: iterator of paths and contents.
    """
    reading: deque[tuple[str, Future[bytes]]] = deque()
    with ThreadPoolExecutor(ahead, thread_name_prefix="kling-ledger") as pool:
        try:
            for path in paths:
                reading.append((path, pool.submit(fs.cat_file, path)))
                if len(reading) == ahead:
                    yield _first(reading)
            while reading:
                yield _first(reading)
        finally:
            for _, unread in reading:
                unread.cancel()


def _first(reading: deque[tuple[str, Future[bytes]]]) -> tuple[str, bytes]:
    path, content = reading.popleft()
    return path, content.result()


def parallel(do: Callable[[str], Any], names: list[str]) -> None:
    """Call a function for all names, several at the same time.

    :param do: the function.
    :param names: the names.
    """
    if not names:
        return
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="kling-ledger") as pool:
        list(pool.map(do, names))

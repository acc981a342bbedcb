# SPDX-License-Identifier: Apache-2.0
"""What became of each row, kept beside the results so that any try can go on from it.

Object storage cannot append, so lines are written in segments, each a whole file; later lines overrule
earlier ones. Segments of two workers never meet in one name: Airflow may start a new worker while one that
it believes dead still runs.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..results.write import WholeFile, remove_parts
from ..storage import StorageDown, explained
from .entry import Entry, State, read_line

if TYPE_CHECKING:
    from ..storage import Location

MAX_SEGMENTS = 60
"""Segments after which they are merged into one."""

_SUFFIX = ".jsonl"
_LOADS = 3
_PARALLEL = 8


class Ledger:
    """The ledger of one batch.

    Lines are noted at once, without I/O, and written by :meth:`flush`, which any thread may call.

    :param folder: folder of its own for the segments.
    """

    def __init__(self, folder: Location) -> None:
        self.folder = folder
        self.entries: dict[str, Entry] = {}
        self._writer = secrets.token_hex(3)
        self._pending: list[Entry] = []
        self._under_way: list[Entry] = []
        self._segments: list[str] = []
        self._next = 1
        self._noting = threading.Lock()
        self._writing = threading.Lock()

    def load(self) -> None:
        """Read what earlier tries have written.

        :raises StorageRefused: the storage may not be read.
        :raises StorageDown: the storage does not answer.
        """
        for _ in range(_LOADS):
            # A worker that was believed dead may merge its segments just now.
            with explained(), suppress(FileNotFoundError):
                return self._load()
        raise StorageDown("segments of the ledger disappear while they are read")

    def note(self, entry: Entry) -> None:
        """Take in a row's new state."""
        with self._noting:
            self.entries[entry.key] = entry
            self._pending.append(entry)

    @property
    def pending(self) -> int:
        """Lines that are not known to be written."""
        return len(self._pending) + len(self._under_way)

    def flush(self, patience: float = -1) -> None:
        """Write what is pending. Lines that could not be written stay pending.

        :param patience: seconds to wait for another thread that is writing; -1 for as long as it takes.
        :raises StorageRefused: the storage may not be written to.
        :raises StorageDown: the storage does not answer.
        """
        if not self._writing.acquire(timeout=patience):
            raise StorageDown("another write has not ended")
        try:
            with self._noting:
                self._under_way, self._pending = self._pending, []
            if not self._under_way:
                return
            try:
                with explained():
                    self._segments.append(self._write(self._under_way))
            except BaseException:
                with self._noting:
                    self._pending = self._under_way + self._pending
                raise
            finally:
                self._under_way = []
            if len(self._segments) > MAX_SEGMENTS:
                # What is to be merged is written already, so it may as well be merged another time.
                with suppress(Exception):
                    self._merge()
        finally:
            self._writing.release()

    def _load(self) -> None:
        fs, path = self.folder.fs, self.folder.path
        fs.invalidate_cache()
        names = [str(name) for name in fs.find(path)] if fs.exists(path) else []
        segments = sorted(name for name in names if name.endswith(_SUFFIX))
        entries: dict[str, Entry] = {}
        for content in _each(fs.cat_file, segments):
            for line in content.decode("utf-8", "replace").split("\n"):
                entry = read_line(line)
                # What is done stays done, whatever a worker that was believed dead has written since.
                if entry and getattr(entries.get(entry.key), "state", None) is not State.DONE:
                    entries[entry.key] = entry
        self.entries = entries
        self._segments = segments
        self._next = max((_number(name) for name in segments), default=0) + 1
        if len(names) > len(segments):
            remove_parts(self.folder)

    def _write(self, entries: Iterable[Entry]) -> str:
        place = self.folder.child(f"{self._next:08d}-{self._writer}{_SUFFIX}")
        with WholeFile(place) as file:
            file.write("".join(f"{entry.to_line()}\n" for entry in entries).encode())
        self._next += 1
        return place.path

    def _merge(self) -> None:
        """Put all that is known into one new segment; the old ones say nothing else and can go."""
        with self._noting:
            entries = list(self.entries.values())
        old, self._segments = self._segments, [self._write(entries)]
        _each(self.folder.fs.rm_file, old)


def _number(name: str) -> int:
    digits = name.rpartition("/")[2].partition("-")[0]
    return int(digits) if digits.isdecimal() else 0


def _each(do: Callable[[str], Any], names: list[str]) -> list[Any]:
    """Do it for all names, several at once: object storage is slow but patient."""
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="kling-ledger") as pool:
        return list(pool.map(do, names))

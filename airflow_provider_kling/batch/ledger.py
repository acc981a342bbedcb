# SPDX-License-Identifier: Apache-2.0
"""What became of each row, kept beside the results so that any try can go on from it.

Object storage cannot append, so lines are written in segments, each a whole file; later lines overrule
earlier ones. Segments of two workers never meet in one name: Airflow may start a new worker while one that
it believes dead still runs. So a worker also merges none but its own, and into the place of the oldest: what
it wrote must not come after what another one has written since.

A segment is called ``{number}-{writer}.jsonl``, a merged one ``{first}-{writer}-{last}.jsonl``.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..results.write import WholeFile, remove_parts
from ..storage import StorageDown, explained
from .entry import Entry, State, read_line

if TYPE_CHECKING:
    from ..storage import Location

MAX_SEGMENTS = 60
"""Segments of one worker after which they are merged into one."""

_SUFFIX = ".jsonl"
_NAME = re.compile(r"(?:.*/)?([0-9]+)-([^-./]+)(?:-([0-9]+))?\.jsonl$")
_LOADS = 3
_PARALLEL = 8


@dataclass(frozen=True, slots=True)
class _Segment:
    """What a segment's name says.

    :param first: number of the first segment whose lines it holds.
    :param last: number of the last one.
    :param merged: it holds the lines of several.
    """

    path: str
    writer: str
    first: int
    last: int
    merged: bool


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
        self._own: list[_Segment] = []
        self._told: dict[str, Entry] = {}
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

    def flush(self) -> None:
        """Write what is pending. Lines that could not be written stay pending.

        :raises StorageRefused: the storage may not be written to.
        :raises StorageDown: the storage does not answer.
        """
        with self._writing:
            with self._noting:
                self._under_way, self._pending = self._pending, []
            if not self._under_way:
                return
            try:
                with explained():
                    self._write(self._under_way)
            except BaseException:
                with self._noting:
                    self._pending = self._under_way + self._pending
                raise
            finally:
                self._under_way = []
            if len(self._own) > MAX_SEGMENTS:
                # What is to be merged is written already, so it may as well be merged another time.
                with suppress(Exception):
                    self._merge()

    def _load(self) -> None:
        fs, path = self.folder.fs, self.folder.path
        fs.invalidate_cache()
        names = [str(name) for name in fs.find(path)] if fs.exists(path) else []
        segments = [segment for name in names if (segment := _segment(name))]
        entries: dict[str, Entry] = {}
        for content in _each(fs.cat_file, [segment.path for segment in _in_force(segments)]):
            for line in content.decode("utf-8", "replace").split("\n"):
                entry = read_line(line)
                # What is done stays done, whatever a worker that was believed dead has written since.
                if entry and getattr(entries.get(entry.key), "state", None) is not State.DONE:
                    entries[entry.key] = entry
        self.entries = entries
        self._next = max((segment.last for segment in segments), default=0) + 1
        if len(names) > len(segments):
            remove_parts(self.folder)

    def _write(self, entries: list[Entry]) -> None:
        number = self._next
        place = self.folder.child(f"{number:08d}-{self._writer}{_SUFFIX}")
        _write_lines(place, entries)
        self._next += 1
        self._own.append(_Segment(place.path, self._writer, number, number, merged=False))
        self._told |= {entry.key: entry for entry in entries}

    def _merge(self) -> None:
        """Put all that this worker has written into one new segment; the old ones can go."""
        old, first, last = self._own, self._own[0].first, self._own[-1].last
        place = self.folder.child(f"{first:08d}-{self._writer}-{last:08d}{_SUFFIX}")
        _write_lines(place, self._told.values())
        self._own = [_Segment(place.path, self._writer, first, last, merged=True)]
        _each(self.folder.fs.rm_file, [segment.path for segment in old])


def _write_lines(place: Location, entries: Iterable[Entry]) -> None:
    with WholeFile(place) as file:
        file.write("".join(f"{entry.to_line()}\n" for entry in entries).encode())


def _segment(path: str) -> _Segment | None:
    named = _NAME.match(path)
    if named is None:
        return None
    first, writer, last = named.groups()
    return _Segment(path, writer, int(first), int(last or first), merged=last is not None)


def _in_force(segments: Iterable[_Segment]) -> list[_Segment]:
    """Return the segments to read, in the order of their writing, without those that are merged into others.

    Whoever merges removes them, but may be killed in the middle of it, or not be permitted to.
    """
    segments = list(segments)
    merged: dict[str, _Segment] = {}
    for segment in segments:
        known = merged.get(segment.writer)
        if segment.merged and (known is None or segment.last > known.last):
            merged[segment.writer] = segment
    found = []
    for segment in segments:
        whole = merged.get(segment.writer)
        if whole is None or segment is whole or segment.last > whole.last:
            found.append(segment)
    return sorted(found, key=lambda segment: (segment.first, segment.path))


def _each(do: Callable[[str], Any], names: list[str]) -> list[Any]:
    """Do it for all names, several at once: object storage is slow but patient."""
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="kling-ledger") as pool:
        return list(pool.map(do, names))

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

from ..utils.atomic_file import AtomicFile, cleanup_temp_files
from ..utils.storage import StorageTransientError, translate_storage_errors
from .ledger_entry import LedgerEntry, RowState, parse_line

if TYPE_CHECKING:
    from ..utils.storage import StoragePath

MAX_SEGMENTS = 60
"""Segments of one worker after which they are merged into one."""

_SUFFIX = ".jsonl"
_NAME = re.compile(r"(?:.*/)?([0-9]+)-([^-./]+)(?:-([0-9]+))?\.jsonl$")
_CLAIM = ".claim"
_CLAIM_NAME = re.compile(r"(?:.*/)?([0-9]+)-([^-./]+)\.claim$")
MAX_LOAD_ATTEMPTS = 3
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

    def __init__(self, folder: StoragePath) -> None:
        self.folder = folder
        self.entries: dict[str, LedgerEntry] = {}
        self.damaged: list[str] = []
        """File and number of each line that cannot be read: any row may have a job that it told of."""
        self._writer = secrets.token_hex(3)
        self._pending: list[LedgerEntry] = []
        self._under_way: list[LedgerEntry] = []
        self._own: list[_Segment] = []
        self._told: dict[str, LedgerEntry] = {}
        self._next = 1
        self._claim: tuple[int, str] | None = None
        self._noting = threading.Lock()
        self._writing = threading.Lock()

    def load(self) -> None:
        """Read what earlier tries have written.

        :raises StorageRefused: the storage may not be read.
        :raises StorageDown: the storage does not answer.
        """
        for _ in range(MAX_LOAD_ATTEMPTS):
            # A worker that was believed dead may merge its segments just now.
            with translate_storage_errors(), suppress(FileNotFoundError):
                return self._load()
        raise StorageTransientError("segments of the ledger disappear while they are read")

    def claim(self) -> None:
        """Leave word that this worker works on the batch, before it reads what others have written.

        :raises StorageRefused: the storage may not be written to.
        :raises StorageDown: the storage does not answer.
        """
        with translate_storage_errors():
            earlier = self._claims()
            number = max((number for number, _, _ in earlier), default=0) + 1
            place = self.folder.child(f"{number:08d}-{self._writer}{_CLAIM}")
            with AtomicFile(place) as file:
                file.write(b"")
            self._claim = (number, self._writer)
            # Whoever finds its own word gone, or a later one, knows that it is not its turn any more.
            with suppress(Exception):
                _parallel(self.folder.fs.rm_file, [path for _, _, path in earlier])

    def taken_over(self) -> bool:
        """Return whether another worker has begun to work on the batch since this one did.

        :return: false for a worker that has left no word.
        :raises StorageRefused: the storage may not be read.
        :raises StorageDown: the storage does not answer.
        """
        if self._claim is None:
            return False
        with translate_storage_errors():
            claims = [(number, writer) for number, writer, _ in self._claims()]
        return self._claim not in claims or max(claims) != self._claim

    def _claims(self) -> list[tuple[int, str, str]]:
        fs, path = self.folder.fs, self.folder.path
        fs.invalidate_cache()
        names = [str(name) for name in fs.find(path)] if fs.exists(path) else []
        found = [(_CLAIM_NAME.match(name), name) for name in names]
        return [(int(named[1]), named[2], name) for named, name in found if named]

    def note(self, entry: LedgerEntry) -> None:
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
                with translate_storage_errors():
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
        entries: dict[str, LedgerEntry] = {}
        damaged: list[str] = []
        paths = [segment.path for segment in _active_segments(segments)]
        for path_, content in zip(paths, _parallel(fs.cat_file, paths), strict=True):
            if not content.strip():
                damaged.append(f"{path_.rsplit('/', 1)[-1]} (empty)")
            for number, line in enumerate(content.split(b"\n"), 1):
                entry = _entry(line)
                if entry is None and line.strip():
                    damaged.append(f"{path_.rsplit('/', 1)[-1]} line {number}")
                # What is done stays done, whatever a worker that was believed dead has written since.
                if entry and getattr(entries.get(entry.key), "state", None) is not RowState.DONE:
                    entries[entry.key] = entry
        self.entries, self.damaged = entries, damaged
        self._next = max((segment.last for segment in segments), default=0) + 1
        if len(names) > len(segments) + bool(self._claim):
            cleanup_temp_files(self.folder)

    def _write(self, entries: list[LedgerEntry]) -> None:
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
        _parallel(self.folder.fs.rm_file, [segment.path for segment in old])


def _entry(line: bytes) -> LedgerEntry | None:
    try:
        return parse_line(line.decode())
    except UnicodeDecodeError:
        return None


def _write_lines(place: StoragePath, entries: Iterable[LedgerEntry]) -> None:
    with AtomicFile(place) as file:
        file.write("".join(f"{entry.to_line()}\n" for entry in entries).encode())


def _segment(path: str) -> _Segment | None:
    named = _NAME.match(path)
    if named is None:
        return None
    first, writer, last = named.groups()
    return _Segment(path, writer, int(first), int(last or first), merged=last is not None)


def segments_to_read(paths: Iterable[str]) -> list[str]:
    """Choose the segments that hold a ledger's lines, in the order of their writing.

    :param paths: names of the files in the ledger's folder.
    :return: the paths to read, without those of segments that are merged into others.
    """
    found = (_segment(path) for path in paths)
    return [segment.path for segment in _active_segments(segment for segment in found if segment)]


def _active_segments(segments: Iterable[_Segment]) -> list[_Segment]:
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


def _parallel(do: Callable[[str], Any], names: list[str]) -> list[Any]:
    """Do it for all names, several at once: object storage is slow but patient."""
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="kling-ledger") as pool:
        return list(pool.map(do, names))

# SPDX-License-Identifier: Apache-2.0
"""The state of each row, stored next to the results, so that any try can continue from it.

Object storage cannot append, so lines are written in segments, each a whole file. Later lines replace earlier
ones, except that nothing replaces ``done``. Segments of two workers have different names, because Airflow may
start a worker while an earlier one still runs. A worker merges only its own segments, under the number of the
oldest, so that they stay before lines that another worker has written since.

Rows that are done are moved to archives, of which a start reads only the short index. No file is removed
before its replacement is written, and no file is changed: a reader that finds one missing reads again.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ..utils.atomic_file import AtomicFile, cleanup_temp_files
from ..utils.storage import StorageTransientError, translate_storage_errors
from .ledger_entry import LedgerEntry, RowState, parse_line
from .ledger_files import (
    CLAIM_SUFFIX,
    SEGMENT_SUFFIX,
    ArchivedLines,
    LedgerFiles,
    Segment,
    read_index,
    without_details,
    write_archive,
)

if TYPE_CHECKING:
    from ..utils.storage import StoragePath

MAX_SEGMENTS = 60
"""Segments of one worker after which they are merged into one."""

MIN_ARCHIVED_ROWS = 1000
"""Number of done rows from which they are archived."""

MAX_ARCHIVES = 20
"""Number of archives above which they are merged into one."""

MAX_LOAD_ATTEMPTS = 5
_PARALLEL = 8


class Ledger:
    """The ledger of one batch.

    Lines are recorded in memory, without I/O, and written by :meth:`flush`, which any thread may call.

    :param folder: the ledger's own folder.
    """

    def __init__(self, folder: StoragePath) -> None:
        self.folder = folder
        self.entries: dict[str, LedgerEntry] = {}
        """The rows by key; archived ones with the values of the index only."""
        self.damaged: list[str] = []
        """File and number of each line that cannot be read: it may have recorded a job of any row."""
        self._writer = secrets.token_hex(3)
        self._pending: list[LedgerEntry] = []
        self._in_progress: list[LedgerEntry] = []
        self._own_segments: list[Segment] = []
        self._own_entries: dict[str, LedgerEntry] = {}
        self._archived: set[str] = set()
        self._files = LedgerFiles.of(())
        self._done: list[str] = []
        self._next_number = 1
        self._claim: tuple[int, str] | None = None
        self._entries_lock = threading.Lock()
        self._write_lock = threading.Lock()

    def load(self, *, whole: bool = False) -> None:
        """Read the lines of earlier tries.

        :param whole: read the lines of archived rows too.
        :raises StoragePermanentError: the storage may not be read.
        :raises StorageTransientError: the storage does not respond.
        """
        for _ in range(MAX_LOAD_ATTEMPTS):
            # An earlier worker that still runs may be merging its segments.
            with translate_storage_errors(), suppress(FileNotFoundError):
                return self._load(whole=whole)
        raise StorageTransientError("segments of the ledger disappear while they are read")

    @contextmanager
    def archived(self) -> Iterator[ArchivedLines]:
        """Copy the lines of archived rows to a local file, because all of them do not fit in memory.

        :return: a context manager with the lines, for reports.
        :raises StoragePermanentError: the storage may not be read.
        :raises StorageTransientError: the storage does not respond.
        """
        for _ in range(MAX_LOAD_ATTEMPTS):
            with ArchivedLines() as lines:
                # An earlier worker that still runs may be merging the archives.
                with translate_storage_errors(), suppress(FileNotFoundError):
                    for archive in self._list_files().archives if self._archived else ():
                        lines.add(self.folder.fs.cat_file(archive.path))
                    lines.complete = True
                if lines.complete:
                    yield lines
                    return
        raise StorageTransientError("archives of the ledger disappear while they are read")

    def claim(self) -> None:
        """Record that this worker works on the batch, before it reads the lines of others.

        :raises StoragePermanentError: the storage may not be written to.
        :raises StorageTransientError: the storage does not respond.
        """
        with translate_storage_errors():
            earlier = self._list_files().claims
            number = max((number for number, _, _ in earlier), default=0) + 1
            target = self.folder.child(f"{number:08d}-{self._writer}{CLAIM_SUFFIX}")
            with AtomicFile(target) as file:
                file.write(b"")
            self._claim = (number, self._writer)
            # If its own claim is gone, or there is a later one, another worker owns the batch.
            with suppress(Exception):
                _parallel(self.folder.fs.rm_file, [path for _, _, path in earlier])

    def is_superseded(self) -> bool:
        """Return whether another worker has begun to work on the batch since this one did.

        :return: false for a worker that has not claimed the batch.
        :raises StoragePermanentError: the storage may not be read.
        :raises StorageTransientError: the storage does not respond.
        """
        if self._claim is None:
            return False
        with translate_storage_errors():
            claims = [(number, writer) for number, writer, _ in self._list_files().claims]
        return self._claim not in claims or max(claims) != self._claim

    def record(self, entry: LedgerEntry) -> None:
        """Record a row's new state.

        :param entry: the row.
        """
        with self._entries_lock:
            self.entries[entry.key] = entry
            self._pending.append(entry)

    @property
    def pending(self) -> int:
        """Number of lines that are not known to be written."""
        return len(self._pending) + len(self._in_progress)

    def flush(self) -> None:
        """Write the pending lines. Lines that could not be written stay pending.

        :raises StoragePermanentError: the storage may not be written to.
        :raises StorageTransientError: the storage does not respond.
        """
        with self._write_lock:
            with self._entries_lock:
                self._in_progress, self._pending = self._pending, []
            if not self._in_progress:
                return
            try:
                with translate_storage_errors():
                    self._write(self._in_progress)
            except BaseException:
                with self._entries_lock:
                    self._pending = self._in_progress + self._pending
                raise
            finally:
                self._in_progress = []
            if len(self._own_segments) > MAX_SEGMENTS:
                # The lines are already written; they can be merged at another time.
                with suppress(Exception):
                    self._merge_own()

    def compact(self) -> None:
        """Move the done rows that :meth:`load` has found to an archive.

        A failure loses nothing: the next start does it.
        """
        with self._write_lock:
            done, self._done = self._done, []
            if len(done) < MIN_ARCHIVED_ROWS:
                return
            with suppress(Exception), translate_storage_errors():
                self._archive([self.entries[key] for key in done])
                for writer in {segment.writer for segment in self._files.active}:
                    self._merge_segments_of(writer)
                self._files = self._list_files()
                if len(self._files.archives) > MAX_ARCHIVES:
                    self._merge_archives()

    def _list_files(self) -> LedgerFiles:
        fs, path = self.folder.fs, self.folder.path
        fs.invalidate_cache()
        return LedgerFiles.of(map(str, fs.find(path)) if fs.exists(path) else ())

    def _load(self, *, whole: bool) -> None:
        files = self._list_files()
        entries: dict[str, LedgerEntry] = {}
        damaged: list[str] = []
        for entry in self._read_archives(files, damaged, whole=whole):
            entries.setdefault(entry.key, entry)
        archived = set(entries)
        done: list[str] = []
        paths = [segment.path for segment in files.active]
        for path, content in zip(paths, _parallel(self.folder.fs.cat_file, paths), strict=True):
            for _, entry in _read_lines(path, content, damaged):
                # Done rows stay done, whatever an earlier worker has written since.
                if not _is_done(entries.get(entry.key)):
                    entries[entry.key] = entry
                    if entry.state is RowState.DONE and not whole:
                        done.append(entry.key)
        if files.has_lost(self._list_files()):
            raise FileNotFoundError(self.folder.path)
        self.entries, self.damaged = entries, damaged
        self._archived, self._done, self._files = archived, done, files
        self._next_number = files.last + 1
        known = len(files.segments) + len(files.claims) + 2 * len(files.archives)
        if len(files.names) > known:
            cleanup_temp_files(self.folder)

    def _read_archives(self, files: LedgerFiles, damaged: list[str], *, whole: bool) -> Iterable[LedgerEntry]:
        indexed = [each for each in files.archives if not whole and each.index in files.names]
        contents = _parallel(self.folder.fs.cat_file, [each.index for each in indexed])
        found = {each: read_index(content) for each, content in zip(indexed, contents, strict=True)}
        for archive in files.archives:
            entries = found.get(archive)
            if entries is None:
                content = self.folder.fs.cat_file(archive.path)
                entries = [entry for _, entry in _read_lines(archive.path, content, damaged)]
            yield from entries

    def _write(self, entries: list[LedgerEntry]) -> None:
        number = self._next_number
        target = self.folder.child(f"{number:08d}-{self._writer}{SEGMENT_SUFFIX}")
        _write_lines(target, (_encode(entry) for entry in entries))
        self._next_number += 1
        self._own_segments.append(Segment(target.path, self._writer, number, number, merged=False))
        for entry in entries:
            if not _is_done(self._own_entries.get(entry.key)):
                self._own_entries[entry.key] = entry

    def _merge_own(self) -> None:
        """Merge this worker's lines into one new segment, or its done rows into an archive."""
        done = [entry for entry in self._own_entries.values() if entry.state is RowState.DONE]
        old, first, last = self._own_segments, self._own_segments[0].first, self._own_segments[-1].last
        if len(done) >= MIN_ARCHIVED_ROWS:
            self._archive(done)
        rest = {key: entry for key, entry in self._own_entries.items() if key not in self._archived}
        own = []
        if rest:
            target = self.folder.child(f"{first:08d}-{self._writer}-{last:08d}{SEGMENT_SUFFIX}")
            _write_lines(target, map(_encode, rest.values()))
            own = [Segment(target.path, self._writer, first, last, merged=True)]
        self._own_segments, self._own_entries = own, rest
        _parallel(self.folder.fs.rm_file, [segment.path for segment in old])

    def _archive(self, done: list[LedgerEntry]) -> None:
        last = max(self._next_number - 1, self._files.last)
        write_archive(self.folder, f"{last:08d}-{self._writer}{secrets.token_hex(2)}", done)
        with self._entries_lock:
            self._archived |= {entry.key for entry in done}
            # Reports read the other values again.
            self.entries |= {entry.key: without_details(entry) for entry in done}

    def _merge_segments_of(self, writer: str) -> None:
        """Merge the lines of one earlier worker, without the archived rows."""
        own = [segment for segment in self._files.segments if segment.writer == writer]
        old = [segment for segment in self._files.active if segment.writer == writer]
        contents = _parallel(self.folder.fs.cat_file, [segment.path for segment in old])
        damaged: list[str] = []
        rest: dict[str, tuple[bytes, LedgerEntry]] = {}
        moved = False
        for segment, content in zip(old, contents, strict=True):
            for line, entry in _read_lines(segment.path, content, damaged):
                if entry.key in self._archived:
                    moved = True
                elif entry.key not in rest or not _is_done(rest[entry.key][1]):
                    rest[entry.key] = line, entry
        # Files that cannot be read stay for inspection.
        if damaged or not moved:
            return
        first, last = old[0].first, max(segment.last for segment in old)
        if rest:
            name = f"{first:08d}-{writer}-{last:08d}-{self._writer}{SEGMENT_SUFFIX}"
            _write_lines(self.folder.child(name), (line for line, _ in rest.values()))
        _parallel(self.folder.fs.rm_file, [segment.path for segment in own])

    def _merge_archives(self) -> None:
        old, damaged = self._files.archives, list[str]()
        entries: dict[str, LedgerEntry] = {}
        for archive in old:
            content = self.folder.fs.cat_file(archive.path)
            entries |= {entry.key: entry for _, entry in _read_lines(archive.path, content, damaged)}
        if damaged:
            return
        self._archive(list(entries.values()))
        # An index without its archive is useless; an archive without its index is read itself.
        _parallel(self.folder.fs.rm_file, [each.index for each in old if each.index in self._files.names])
        _parallel(self.folder.fs.rm_file, [each.path for each in old])


def _read_lines(path: str, content: bytes, damaged: list[str]) -> Iterable[tuple[bytes, LedgerEntry]]:
    """Read the lines of a file, and add those that cannot be read to ``damaged``."""
    name = path.rsplit("/", 1)[-1]
    if not content.strip():
        damaged.append(f"{name} (empty)")
    for number, line in enumerate(content.split(b"\n"), 1):
        entry = parse_line(line)
        if entry:
            yield line, entry
        elif line.strip():
            damaged.append(f"{name} line {number}")


def _is_done(entry: LedgerEntry | None) -> bool:
    return entry is not None and entry.state is RowState.DONE


def _encode(entry: LedgerEntry) -> bytes:
    return entry.to_line().encode()


def _write_lines(target: StoragePath, lines: Iterable[bytes]) -> None:
    with AtomicFile(target) as file:
        file.write(b"".join(line + b"\n" for line in lines))


def _parallel(do: Callable[[str], Any], names: list[str]) -> list[Any]:
    """Run it for all names, several at once, because object storage has a high latency."""
    if not names:
        return []
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="kling-ledger") as pool:
        return list(pool.map(do, names))

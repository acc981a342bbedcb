# SPDX-License-Identifier: Apache-2.0
"""The state of each row, stored next to the results, so that any try can continue from it.

Object storage cannot append, so lines are written in segments, each a whole file. Later lines replace earlier
ones, except that nothing replaces ``done``. Segments of two workers have different names, because Airflow may
start a worker while an earlier one still runs. A worker merges only its own segments, under the number of the
oldest, so that they stay before lines that another worker has written since.

Rows that are done are moved to archives, of which a start reads only the short index. No file is removed
before its replacement is written, and no file is changed: a reader that finds one missing reads again. A row
that is done is in memory without its line, unless there are few of them.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING

from ..utils.atomic_file import AtomicFile, cleanup_temp_files
from ..utils.storage import StorageTransientError, translate_storage_errors
from .ledger_archive import ARCHIVE_ROWS, read_index, without_details, write_archive
from .ledger_entry import LedgerEntry, RowState
from .ledger_files import ARCHIVE_SUFFIX, CLAIM_SUFFIX, SEGMENT_SUFFIX, Archive, LedgerFiles, Segment
from .ledger_lines import LineStore, parallel, read_files, read_lines

if TYPE_CHECKING:
    from ..utils.storage import StoragePath

MAX_SEGMENTS = 60
"""Segments of one worker after which they are merged into one."""

MIN_ARCHIVED_ROWS = 1000
"""Number of done rows from which they are archived."""

MAX_OWN_DONE_ROWS = 5000
"""Number of a worker's done rows from which it archives them, however few segments they are in."""

MAX_ARCHIVES = 20
"""Number of archives of few rows above which they are merged into larger ones."""

RETRY_SECONDS = (0.0, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between attempts to read files that another worker merges: it may take some seconds."""

_ARCHIVES_AHEAD = 2


class Ledger:
    """The ledger of one batch.

    Lines are recorded in memory, without I/O, and written by :meth:`flush`, which any thread may call.

    :param folder: the ledger's own folder.
    """

    def __init__(self, folder: StoragePath) -> None:
        self.folder = folder
        self.entries: dict[str, LedgerEntry] = {}
        """The rows by key; many done ones of earlier tries with the values of the index only."""
        self.damaged: list[str] = []
        """File and number of each line that cannot be read: it may have recorded a job of any row."""
        self._writer = secrets.token_hex(3)
        self._pending: list[LedgerEntry] = []
        self._in_progress: list[LedgerEntry] = []
        self._own_segments: list[Segment] = []
        self._own_entries: dict[str, LedgerEntry] = {}
        self._own_done = 0
        self._archived: set[str] = set()
        self._archive_rows: dict[str, int] = {}
        self._files = LedgerFiles.of(())
        self._done = LineStore()
        self._next_number = 1
        self._claim: tuple[int, str] | None = None
        self._entries_lock = threading.Lock()
        self._write_lock = threading.Lock()

    def load(self) -> None:
        """Read the lines of earlier tries.

        :raises StoragePermanentError: the storage may not be read.
        :raises StorageTransientError: the storage does not respond.
        """
        for _ in _attempts():
            # An earlier worker that still runs may be merging its segments.
            with translate_storage_errors(), suppress(FileNotFoundError):
                return self._load()
        raise StorageTransientError("segments of the ledger disappear while they are read")

    @contextmanager
    def archived(self) -> Iterator[LineStore]:
        """Copy the lines of done rows to a local file, because all of them do not fit in memory.

        :return: a context manager with the lines of the rows that are not whole in memory, for reports.
        :raises StoragePermanentError: the storage may not be read.
        :raises StorageTransientError: the storage does not respond.
        """
        for _ in _attempts():
            with LineStore() as lines:
                # An earlier worker that still runs may be merging the archives.
                with translate_storage_errors(), suppress(FileNotFoundError):
                    self._copy_archives(lines)
                    for key, line in self._done:
                        lines.add(key, line)
                    lines.complete = True
                if lines.complete:
                    yield lines
                    return
        raise StorageTransientError("archives of the ledger disappear while they are read")

    def _copy_archives(self, lines: LineStore) -> None:
        files = self._list_files()
        paths = [archive.path for archive in files.archives] if self._archived else []
        for path, content in read_files(self.folder.fs, paths, ahead=_ARCHIVES_AHEAD):
            for line, entry in read_lines(path, content, lines.damaged):
                known = self.entries.get(entry.key)
                # The ledger's own text, so that a hundred thousand keys are in memory once.
                lines.add(known.key if known else entry.key, line)
        if paths and files.archives != self._list_files().archives:
            raise FileNotFoundError(self.folder.path)

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
                parallel(self.folder.fs.rm_file, [path for _, _, path in earlier])

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
            if len(self._own_segments) > MAX_SEGMENTS or self._own_done >= MAX_OWN_DONE_ROWS:
                # The lines are already written; they can be merged at another time.
                with suppress(Exception):
                    self._merge_own()

    def compact(self) -> None:
        """Move the done rows that :meth:`load` has found to archives.

        A failure loses nothing: the next start does it.
        """
        with self._write_lock, suppress(Exception), translate_storage_errors():
            if len(self._done) >= MIN_ARCHIVED_ROWS:
                self._archive((self.entries[key], line) for key, line in self._done)
                self._done.close()
                self._done = LineStore()
                for writer in {segment.writer for segment in self._files.active}:
                    self._merge_segments_of(writer)
                self._files = self._list_files()
            self._merge_archives()

    def _list_files(self) -> LedgerFiles:
        fs, path = self.folder.fs, self.folder.path
        fs.invalidate_cache()
        return LedgerFiles.of(map(str, fs.find(path)) if fs.exists(path) else ())

    def _load(self) -> None:
        files = self._list_files()
        entries: dict[str, LedgerEntry] = {}
        damaged: list[str] = []
        archive_rows = self._read_archives(files, entries, damaged)
        archived = set(entries)
        with ExitStack() as stack:
            done = stack.enter_context(LineStore())
            self._read_segments(files, entries, damaged, done)
            if files.has_lost(self._list_files()):
                raise FileNotFoundError(self.folder.path)
            if len(done) < MIN_ARCHIVED_ROWS:
                entries |= {key: done.whole(entries[key]) for key, _ in list(done)}
                done = LineStore()
            stack.pop_all()
        self.entries, self.damaged = entries, damaged
        self._archived, self._archive_rows, self._files, self._done = archived, archive_rows, files, done
        self._next_number = files.last + 1
        known = len(files.segments) + len(files.claims) + 2 * len(files.archives)
        if len(files.names) > known:
            cleanup_temp_files(self.folder)

    def _read_segments(
        self, files: LedgerFiles, entries: dict[str, LedgerEntry], damaged: list[str], done: LineStore
    ) -> None:
        for path, content in read_files(self.folder.fs, [segment.path for segment in files.active]):
            for line, entry in read_lines(path, content, damaged):
                # Done rows stay done, whatever an earlier worker has written since.
                if not _is_done(entries.get(entry.key)):
                    if _is_done(entry):
                        done.add(entry.key, line)
                    entries[entry.key] = without_details(entry) if _is_done(entry) else entry

    def _read_archives(
        self, files: LedgerFiles, entries: dict[str, LedgerEntry], damaged: list[str]
    ) -> dict[str, int]:
        """Add the rows of all archives, and return how many each has; 0 without a readable index."""
        rows: dict[str, int] = {}
        indexes = {each.index: each for each in files.archives if each.index in files.names}
        for path, content in read_files(self.folder.fs, indexes):
            found = read_index(content)
            if found is not None:
                rows[indexes[path].path] = len(found)
                for entry in found:
                    entries.setdefault(entry.key, entry)
        without_index = [each.path for each in files.archives if each.path not in rows]
        for path, content in read_files(self.folder.fs, without_index, ahead=_ARCHIVES_AHEAD):
            for _, entry in read_lines(path, content, damaged):
                entries.setdefault(entry.key, without_details(entry) if _is_done(entry) else entry)
        return dict.fromkeys(without_index, 0) | rows

    def _write(self, entries: list[LedgerEntry]) -> None:
        number = self._next_number
        target = self.folder.child(f"{number:08d}-{self._writer}{SEGMENT_SUFFIX}")
        _write_lines(target, (_encode(entry) for entry in entries))
        self._next_number += 1
        self._own_segments.append(Segment(target.path, self._writer, number, number, merged=False))
        for entry in entries:
            if not _is_done(self._own_entries.get(entry.key)):
                self._own_entries[entry.key] = entry
                self._own_done += _is_done(entry)

    def _merge_own(self) -> None:
        """Merge this worker's lines into one new segment, or its done rows into an archive."""
        done = [
            entry
            for entry in self._own_entries.values()
            if _is_done(entry) and entry.key not in self._archived
        ]
        old, first, last = self._own_segments, self._own_segments[0].first, self._own_segments[-1].last
        if len(done) >= MIN_ARCHIVED_ROWS:
            self._archive((entry, _encode(entry)) for entry in done)
        rest = {key: entry for key, entry in self._own_entries.items() if key not in self._archived}
        own = []
        if rest:
            target = self.folder.child(f"{first:08d}-{self._writer}-{last:08d}{SEGMENT_SUFFIX}")
            _write_lines(target, map(_encode, rest.values()))
            own = [Segment(target.path, self._writer, first, last, merged=True)]
        self._own_segments, self._own_entries = own, rest
        self._own_done = sum(map(_is_done, rest.values()))
        parallel(self.folder.fs.rm_file, [segment.path for segment in old])

    def _archive(self, rows: Iterator[tuple[LedgerEntry, bytes]]) -> None:
        """Write done rows and their lines to archives of limited size."""
        last = max(self._next_number - 1, self._files.last)
        while some := list(islice(rows, ARCHIVE_ROWS)):
            # Only one archive of a worker may have a name.
            name = f"{last:08d}-{self._writer}{secrets.token_hex(5)}"
            archived = write_archive(self.folder, name, some)
            self._archive_rows[self.folder.child(f"{name}{ARCHIVE_SUFFIX}").path] = len(archived)
            with self._entries_lock:
                self._archived |= {entry.key for entry in archived}
                # Reports read the other values again.
                self.entries |= {entry.key: entry for entry in archived}

    def _merge_segments_of(self, writer: str) -> None:
        """Merge the lines of one earlier worker, without the archived rows."""
        own = [segment for segment in self._files.segments if segment.writer == writer]
        old = [segment for segment in self._files.active if segment.writer == writer]
        damaged: list[str] = []
        rest: dict[str, tuple[bytes, bool]] = {}
        moved = False
        for path, content in read_files(self.folder.fs, [segment.path for segment in old]):
            for line, entry in read_lines(path, content, damaged):
                if entry.key in self._archived:
                    moved = True
                elif entry.key not in rest or not rest[entry.key][1]:
                    rest[entry.key] = line, _is_done(entry)
        # Files that cannot be read stay for inspection.
        if damaged or not moved:
            return
        first, last = old[0].first, max(segment.last for segment in old)
        if rest:
            name = f"{first:08d}-{writer}-{last:08d}-{self._writer}{SEGMENT_SUFFIX}"
            _write_lines(self.folder.child(name), (line for line, _ in rest.values()))
        parallel(self.folder.fs.rm_file, [segment.path for segment in own])

    def _merge_archives(self) -> None:
        """Merge archives of few rows, as workers write them while they run, into larger ones."""
        rows = self._archive_rows
        # An archive that is not known was written by another worker since.
        few = [each for each in self._files.archives if rows.get(each.path, ARCHIVE_ROWS) < ARCHIVE_ROWS // 2]
        if len(few) <= MAX_ARCHIVES:
            return
        groups: list[list[Archive]] = [[]]
        for archive in few:
            if sum(rows[each.path] for each in (*groups[-1], archive)) > ARCHIVE_ROWS:
                groups.append([])
            groups[-1].append(archive)
        for group in groups:
            if len(group) > 1:
                self._merge_group(group)

    def _merge_group(self, group: list[Archive]) -> None:
        old: list[Archive] = []
        self._archive(self._rows_of(group, old))
        # An index without its archive is useless; an archive without its index is read itself.
        parallel(self.folder.fs.rm_file, [each.index for each in old if each.index in self._files.names])
        parallel(self.folder.fs.rm_file, [each.path for each in old])

    def _rows_of(self, group: list[Archive], read: list[Archive]) -> Iterator[tuple[LedgerEntry, bytes]]:
        """Yield the rows of archives, each once, and add the archives that are not damaged to ``read``."""
        keys: set[str] = set()
        contents = read_files(self.folder.fs, [each.path for each in group], ahead=_ARCHIVES_AHEAD)
        for archive, (path, content) in zip(group, contents, strict=True):
            damaged: list[str] = []
            found = [(without_details(entry), line) for line, entry in read_lines(path, content, damaged)]
            if damaged:
                continue
            read.append(archive)
            for entry, line in found:
                if entry.key not in keys:
                    keys.add(entry.key)
                    yield entry, line


def _attempts() -> Iterator[int]:
    """Yield the numbers of attempts to read files, with a pause before each further one."""
    yield 0
    for number, seconds in enumerate(RETRY_SECONDS, 1):
        time.sleep(seconds)
        yield number


def _is_done(entry: LedgerEntry | None) -> bool:
    return entry is not None and entry.state is RowState.DONE


def _encode(entry: LedgerEntry) -> bytes:
    return entry.to_line().encode()


def _write_lines(target: StoragePath, lines: Iterable[bytes]) -> None:
    with AtomicFile(target) as file:
        file.write(b"".join(line + b"\n" for line in lines))

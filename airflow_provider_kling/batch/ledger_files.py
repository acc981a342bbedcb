# SPDX-License-Identifier: Apache-2.0
"""The files of a ledger: their names, which of them have its lines, and the archives of done rows.

A segment is named ``{number}-{writer}.jsonl``, a merged one ``{first}-{writer}-{last}.jsonl``, or
``{first}-{writer}-{last}-{merger}.jsonl`` if another worker has merged it. An archive of done rows is named
``{last}-{writer}.done.jsonl``, its index ``{last}-{writer}.done.json``.

Archives hold done rows, so that starts read short segments. An archive has their lines unchanged; its
index, with a column for each value, has what a start needs: key, number and cost. Done rows never change, so
their order does not matter and a row may be in two archives. Reports read the lines from a local file,
because those of 100,000 rows fill a worker's memory.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from ..results.job_origin import REUSED_FACT
from ..utils.atomic_file import AtomicFile
from .ledger_entry import LedgerEntry, RowState, parse_line

if TYPE_CHECKING:
    from ..utils.storage import StoragePath

SEGMENT_SUFFIX = ".jsonl"
ARCHIVE_SUFFIX = ".done.jsonl"
INDEX_SUFFIX = ".done.json"
CLAIM_SUFFIX = ".claim"

_SEGMENT = re.compile(r"(?:.*/)?([0-9]+)-([^-./]+)(?:-([0-9]+)(?:-([^-./]+))?)?\.jsonl$")
_ARCHIVE = re.compile(r"(?:.*/)?([0-9]+)-([^-./]+)\.done\.jsonl$")
_CLAIM = re.compile(r"(?:.*/)?([0-9]+)-([^-./]+)\.claim$")

_REUSED = {REUSED_FACT: True}
_LINES_AT_ONCE = 500

_SPOOL_BYTES = 4 * 1024**2


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment, described by its name.

    :param path: its path.
    :param writer: the worker whose lines it holds.
    :param first: number of the first segment whose lines it holds.
    :param last: number of the last one.
    :param merged: it holds the lines of several.
    """

    path: str
    writer: str
    first: int
    last: int
    merged: bool


@dataclass(frozen=True, slots=True)
class Archive:
    """A file of rows that are done.

    :param path: its path.
    :param last: number of the last segment when it was written.
    """

    path: str
    last: int

    @property
    def index(self) -> str:
        """Path of its index, which need not exist."""
        return f"{self.path.removesuffix(ARCHIVE_SUFFIX)}{INDEX_SUFFIX}"


@dataclass(frozen=True, slots=True)
class LedgerFiles:
    """The files of a ledger's folder.

    :param names: paths of all files.
    :param segments: all segments.
    :param archives: all archives.
    :param claims: number, worker and path of each claim.
    """

    names: frozenset[str]
    segments: tuple[Segment, ...]
    archives: tuple[Archive, ...]
    claims: tuple[tuple[int, str, str], ...]

    @classmethod
    def of(cls, paths: Iterable[str]) -> LedgerFiles:
        """Read the names of files.

        :param paths: all files in the ledger's folder.
        :return: the files, by kind.
        """
        names = frozenset(paths)
        archives = ((_ARCHIVE.match(name), name) for name in sorted(names))
        claims = ((_CLAIM.match(name), name) for name in sorted(names))
        return cls(
            names,
            tuple(segment for name in sorted(names) if (segment := parse_segment(name))),
            tuple(Archive(name, int(found[1])) for found, name in archives if found),
            tuple((int(found[1]), found[2], name) for found, name in claims if found),
        )

    @property
    def last(self) -> int:
        """The highest number of a segment, those that are archived included."""
        numbers = [*(each.last for each in self.segments), *(each.last for each in self.archives)]
        return max(numbers, default=0)

    @property
    def active(self) -> list[Segment]:
        """The segments to read, in the order of their writing, without those that are merged into others.

        A worker removes them after the merge, but may be killed before, or have no permission.
        """
        merged: dict[str, Segment] = {}
        for segment in self.segments:
            known = merged.get(segment.writer)
            if segment.merged and (known is None or segment.last >= known.last):
                merged[segment.writer] = segment
        found = []
        for segment in self.segments:
            whole = merged.get(segment.writer)
            if whole is None or segment is whole or segment.last > whole.last:
                found.append(segment)
        return sorted(found, key=lambda segment: (segment.first, segment.path))

    def has_lost(self, later: LedgerFiles) -> bool:
        """Return whether a reader of these files may have missed lines that were moved while it read.

        :param later: the files after they were read.
        :return: a file is gone, or there is a new one that holds the lines of others.
        """
        moved = {each.path for each in later.archives} | {each.path for each in later.segments if each.merged}
        read = {each.path for each in self.active} | {each.path for each in self.archives}
        return not read <= later.names or not moved <= self.names


def parse_segment(path: str) -> Segment | None:
    """Read the name of a segment.

    :param path: path of a file.
    :return: the segment; ``None`` if it is none.
    """
    named = _SEGMENT.match(path)
    if named is None:
        return None
    first, writer, last, _ = named.groups()
    return Segment(path, writer, int(first), int(last or first), merged=last is not None)


def segments_to_read(paths: Iterable[str]) -> list[str]:
    """Choose the files that hold a ledger's lines, in the order of their writing.

    :param paths: names of the files in the ledger's folder.
    :return: the paths to read, archives first, without those of segments that are merged into others.
    """
    files = LedgerFiles.of(paths)
    return [*(each.path for each in files.archives), *(each.path for each in files.active)]


def write_archive(folder: StoragePath, name: str, entries: Sequence[LedgerEntry]) -> None:
    """Write an archive, then its index; an archive without an index is read itself.

    :param folder: the ledger's folder.
    :param name: name of both files without suffix.
    :param entries: rows that are done, each once.
    """
    with AtomicFile(folder.child(f"{name}{ARCHIVE_SUFFIX}")) as file:
        for at in range(0, len(entries), _LINES_AT_ONCE):
            some = entries[at : at + _LINES_AT_ONCE]
            file.write("".join(f"{entry.to_line()}\n" for entry in some).encode())
    with AtomicFile(folder.child(f"{name}{INDEX_SUFFIX}")) as file:
        file.write(json.dumps(_columns(entries), separators=(",", ":")).encode())


def without_details(entry: LedgerEntry) -> LedgerEntry:
    """Return the values of an archived row that a run needs.

    :param entry: a row that is done.
    :return: its key, number and cost.
    """
    return LedgerEntry(
        entry.key,
        RowState.DONE,
        entry.number,
        estimate=entry.estimate,
        units=entry.units,
        charges=entry.charges,
        total=entry.total,
        result=_REUSED if entry.is_reused else None,
        rejected=entry.rejected,
    )


def _columns(rows: Sequence[LedgerEntry]) -> dict[str, Any]:
    return {
        "keys": [row.key for row in rows],
        "numbers": [row.number for row in rows],
        "estimates": [row.estimate for row in rows],
        "units": [row.units for row in rows],
        "charges": {str(at): list(row.charges) for at, row in enumerate(rows) if row.charges},
        "totals": {str(at): row.total for at, row in enumerate(rows) if row.total},
        "rejected": {str(at): list(row.rejected) for at, row in enumerate(rows) if row.rejected},
        "reused": [at for at, row in enumerate(rows) if row.is_reused],
    }


def read_index(content: bytes) -> list[LedgerEntry] | None:
    """Read an index.

    :param content: the file.
    :return: an entry for each row with the values of the index; ``None`` if the file is damaged.
    """
    try:
        return list(_entries(json.loads(content)))
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        return None


def _entries(columns: dict[str, Any]) -> Iterator[LedgerEntry]:
    charges, reused = columns["charges"], set(columns["reused"])
    rejected, totals = columns.get("rejected", {}), columns.get("totals", {})
    # Few values differ: rows share the text.
    known: dict[Any, Any] = {}
    names = ("keys", "numbers", "estimates", "units")
    for at, (key, number, estimate, units) in enumerate(zip(*(columns[name] for name in names), strict=True)):
        if not key or type(key) is not str or type(number) is not int:
            raise ValueError("no index of a ledger")
        yield LedgerEntry(
            key,
            RowState.DONE,
            number,
            estimate=known.setdefault(estimate, estimate),
            units=known.setdefault(units, units),
            charges=charges.get(str(at)),
            total=totals.get(str(at)),
            result=_REUSED if at in reused else None,
            rejected=rejected.get(str(at)),
        )


class ArchivedLines(AbstractContextManager["ArchivedLines"]):
    """Lines of archives; memory is used for the place of each line alone."""

    def __init__(self) -> None:
        self.complete = False
        """All archives were read."""
        self._places: dict[str, int] = {}
        self._size = 0
        self._file = tempfile.SpooledTemporaryFile(_SPOOL_BYTES, prefix="kling-ledger-")  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, content: bytes) -> None:
        """Add the lines of an archive.

        :param content: the file.
        """
        for line in content.split(b"\n"):
            if (entry := parse_line(line)) and entry.key not in self._places:
                self._places[entry.key] = self._size
                self._size += self._file.write(line + b"\n")

    def whole(self, entry: LedgerEntry) -> LedgerEntry:
        """Return a row with all its values.

        :param entry: the row as the ledger has it in memory.
        :return: its archived line; the same where it is not archived.
        """
        place = self._places.get(entry.key)
        if place is None:
            return entry
        self._file.seek(place)
        return parse_line(self._file.readline()) or entry

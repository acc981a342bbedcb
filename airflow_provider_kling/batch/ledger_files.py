# SPDX-License-Identifier: Apache-2.0
"""The files of a ledger: their names, and which of them have its lines.

A segment is named ``{number}-{writer}.jsonl``, a merged one ``{first}-{writer}-{last}.jsonl``, or
``{first}-{writer}-{last}-{merger}.jsonl`` if another worker has merged it. An archive of done rows is named
``{last}-{writer}.done.jsonl``, its index ``{last}-{writer}.done.json``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

SEGMENT_SUFFIX = ".jsonl"
ARCHIVE_SUFFIX = ".done.jsonl"
INDEX_SUFFIX = ".done.json"
CLAIM_SUFFIX = ".claim"

_SEGMENT = re.compile(r"(?:.*/)?([0-9]+)-([^-./]+)(?:-([0-9]+)(?:-([^-./]+))?)?\.jsonl$")
_ARCHIVE = re.compile(r"(?:.*/)?([0-9]+)-([^-./]+)\.done\.jsonl$")
_CLAIM = re.compile(r"(?:.*/)?([0-9]+)-([^-./]+)\.claim$")


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

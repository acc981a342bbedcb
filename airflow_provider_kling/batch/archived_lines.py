# SPDX-License-Identifier: Apache-2.0
"""The lines of archived rows in a local file, for reports: those of 100,000 rows fill a worker's memory."""

from __future__ import annotations

import tempfile
from contextlib import AbstractContextManager
from typing import Self

from .ledger_entry import LedgerEntry, parse_line

_SPOOL_BYTES = 4 * 1024**2


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
            if (entry := _parsed(line)) and entry.key not in self._places:
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
        return _parsed(self._file.readline()) or entry


def _parsed(line: bytes) -> LedgerEntry | None:
    try:
        return parse_line(line.decode())
    except UnicodeDecodeError:
        return None

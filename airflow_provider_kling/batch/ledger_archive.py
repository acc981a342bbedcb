# SPDX-License-Identifier: Apache-2.0
"""The archives of done rows: their lines, which reports read, and an index, which each start reads.

An archive has the lines unchanged; its index, with a column for each value, has what a start needs: key,
number and cost. Done rows never change, so their order does not matter and a row may be in two archives.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..results.job_origin import REUSED_FACT
from ..utils.atomic_file import AtomicFile
from .ledger_entry import LedgerEntry, RowState, shared_value
from .ledger_files import ARCHIVE_SUFFIX, INDEX_SUFFIX

if TYPE_CHECKING:
    from ..utils.storage import StoragePath

ARCHIVE_ROWS = 10_000
"""Number of rows of an archive at most: a reader has the lines of two archives in memory."""

_REUSED = {REUSED_FACT: True}
_LINES_AT_ONCE = 500


def write_archive(
    folder: StoragePath, name: str, rows: Sequence[tuple[LedgerEntry, bytes]]
) -> list[LedgerEntry]:
    """Write an archive, then its index; an archive without an index is read itself.

    :param folder: the ledger's folder.
    :param name: name of both files without suffix.
    :param rows: rows that are done, each once, and their lines without line breaks.
    :return: the values of the rows that a run needs.
    """
    with AtomicFile(folder.child(f"{name}{ARCHIVE_SUFFIX}")) as file:
        for at in range(0, len(rows), _LINES_AT_ONCE):
            file.write(b"".join(line + b"\n" for _, line in rows[at : at + _LINES_AT_ONCE]))
    with AtomicFile(folder.child(f"{name}{INDEX_SUFFIX}")) as file:
        file.write(json.dumps(_columns([entry for entry, _ in rows]), separators=(",", ":")).encode())
    return [without_details(entry) for entry, _ in rows]


def without_details(entry: LedgerEntry) -> LedgerEntry:
    """Return the values of a done row that a run needs.

    :param entry: a row that is done.
    :return: its key, number and cost.
    """
    return LedgerEntry(
        entry.key,
        RowState.DONE,
        entry.number,
        estimate=entry.estimate,
        units=entry.units,
        charges=shared_value(entry.charges),
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
            charges=shared_value(charges.get(str(at))),
            total=totals.get(str(at)),
            result=_REUSED if at in reused else None,
            rejected=rejected.get(str(at)),
        )

# SPDX-License-Identifier: Apache-2.0
"""What a batch leaves for people and programs beside its results."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..media import loggable
from ..results.write import WholeFile
from ..storage import explained
from .entry import LOST, Entry, State

if TYPE_CHECKING:
    from ..storage import Location
    from .rows import ReadRows, Row

SUMMARY = "summary.json"
RESULTS = "results.jsonl"
FAILURES = "failures.jsonl"
REFUSED = "refused.jsonl"


class Report:
    """The files of one try; each replaces that of the try before.

    :param folder: where they go.
    :param entries: the ledger, by row key.
    :param numbers: the rows' places in the input, by row key.
    """

    def __init__(self, folder: Location, entries: Mapping[str, Entry], numbers: Mapping[str, int]) -> None:
        self._folder = folder
        self._entries = {key: entry for key, entry in entries.items() if key in numbers}
        self._numbers = numbers

    def done(self) -> list[Entry]:
        """Return the rows that have a result, in the input's order."""
        done = (entry for entry in self._entries.values() if entry.state is State.DONE)
        return sorted(done, key=lambda entry: self._numbers[entry.key])

    def write_results(self) -> dict[str, str]:
        """Write a line for each row that is done: row number, ids, units, files."""
        return self._write(RESULTS, (_line(self._numbers[entry.key], entry) for entry in self.done()))

    def write_failures(self, read_rows: ReadRows) -> dict[str, str]:
        """Write a line for each row without a result, its request with it; refused content in its own file.

        :param read_rows: reads the rows again, as a stream.
        """
        lost = [entry for entry in self._entries.values() if entry.state in LOST]
        refused = {entry.key for entry in lost if entry.state is State.REFUSED}
        failed = {entry.key for entry in lost} - refused
        return {
            **self._write(FAILURES, self._lost(read_rows, failed) if failed else ()),
            **self._write(REFUSED, self._lost(read_rows, refused) if refused else ()),
        }

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Write the summary."""
        self._write(SUMMARY, [json.dumps(summary, indent=2)])

    @property
    def summary_path(self) -> str:
        """Address of the summary."""
        return self._folder.child(SUMMARY).uri

    def _lost(self, read_rows: ReadRows, keys: set[str]) -> Iterator[str]:
        for row in read_rows():
            if row.key in keys:
                yield _line(row.number, self._entries[row.key], row)

    def _write(self, name: str, lines: Iterable[str]) -> dict[str, str]:
        """Write a file; without lines, remove the one of an earlier try, which no longer holds."""
        place = self._folder.child(name)
        stream = iter(lines)
        first = next(stream, None)
        if first is None:
            with explained():
                if place.fs.exists(place.path):
                    place.fs.rm_file(place.path)
            return {}
        with WholeFile(place) as file:
            file.write(f"{first}\n".encode())
            for line in stream:
                file.write(f"{line}\n".encode())
        return {f"{name.partition('.')[0]}_path": place.uri}


def _line(number: int, entry: Entry, row: Row | None = None) -> str:
    known = {
        "row": number,
        "state": entry.state.value,
        "error": entry.error,
        "task_id": entry.task_id,
        "external_task_id": entry.external_task_id,
        "units": entry.units,
        **(entry.result or {}),
        "request": loggable(row.values) if row else None,
    }
    return json.dumps(
        {name: value for name, value in known.items() if value is not None}, ensure_ascii=False, default=str
    )

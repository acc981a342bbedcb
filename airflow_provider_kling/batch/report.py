# SPDX-License-Identifier: Apache-2.0
"""The reports of a batch: results, failures, refusals and summary."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..results.refusal import refusal_record
from ..utils.atomic_file import AtomicFile
from ..utils.redaction import redact
from ..utils.storage import translate_storage_errors
from .ledger_entry import TERMINAL_FAILURES, LedgerEntry, RowState

if TYPE_CHECKING:
    from ..utils.storage import StoragePath
    from .input import RequestRow, RowReader

SUMMARY = "summary.json"
RESULTS = "results.jsonl"
FAILURES = "failures.jsonl"
REFUSED = "refused.jsonl"


class ReportWriter:
    """The files of one try; each replaces that of the try before.

    :param folder: folder of the files.
    :param entries: the ledger, by row key.
    :param numbers: the rows' places in the input, by row key.
    :param endpoint: slug of the endpoint.
    :param whole: returns the line of a row with all its values, which archived rows do not have in memory.
    """

    def __init__(
        self,
        folder: StoragePath,
        entries: Mapping[str, LedgerEntry],
        numbers: Mapping[str, int],
        endpoint: str,
        whole: Callable[[LedgerEntry], LedgerEntry] = lambda entry: entry,
    ) -> None:
        self._endpoint = endpoint
        self._folder = folder
        self._entries = {key: entry for key, entry in entries.items() if key in numbers}
        self._numbers = numbers
        self._whole = whole

    def done(self) -> Iterator[tuple[int, LedgerEntry]]:
        """Yield the rows that have a result, in the input's order.

        :return: iterator of their numbers and lines.
        """
        done = [entry for entry in self._entries.values() if entry.state is RowState.DONE]
        for entry in sorted(done, key=lambda entry: self._numbers[entry.key]):
            yield self._numbers[entry.key], self._whole(entry)

    def write_results(self) -> dict[str, str]:
        """Write a line for each row that is done: row number, ids, units, files.

        :return: path of the file, by its name in the summary.
        """
        return self._write(RESULTS, (_line(number, entry) for number, entry in self.done()))

    def write_failures(self, read_rows: RowReader) -> dict[str, str]:
        """Write a line with the request for each row without a result; refused content has its own file.

        :param read_rows: reads the rows again, as a stream.
        :return: paths of the files, by their names in the summary.
        """
        lost = [entry for entry in self._entries.values() if entry.state in TERMINAL_FAILURES]
        refused = {entry.key for entry in lost if entry.state is RowState.REFUSED}
        failed = {entry.key for entry in lost} - refused
        return {
            **self._write(FAILURES, self._lost(read_rows, failed) if failed else ()),
            **self._write(REFUSED, self._lost(read_rows, refused) if refused else ()),
        }

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Write the summary.

        :param summary: the summary, as JSON.
        """
        self._write(SUMMARY, [json.dumps(summary, indent=2)])

    @property
    def summary_path(self) -> str:
        """Path of the summary."""
        return self._folder.child(SUMMARY).uri

    def _lost(self, read_rows: RowReader, keys: set[str]) -> Iterator[str]:
        for row in read_rows():
            if row.key in keys:
                yield _line(row.number, self._entries[row.key], row, self._endpoint)

    def _write(self, name: str, lines: Iterable[str]) -> dict[str, str]:
        """Write a file; without lines, remove the outdated one of an earlier try."""
        place = self._folder.child(name)
        stream = iter(lines)
        first = next(stream, None)
        if first is None:
            with translate_storage_errors():
                if place.fs.exists(place.path):
                    place.fs.rm_file(place.path)
            return {}
        with AtomicFile(place) as file:
            file.write(f"{first}\n".encode())
            for line in stream:
                file.write(f"{line}\n".encode())
        return {f"{name.partition('.')[0]}_path": place.uri}


def _line(number: int, entry: LedgerEntry, row: RequestRow | None = None, endpoint: str = "") -> str:
    known = {
        "row": number,
        "state": entry.state.value,
        "error": entry.error,
        "task_id": entry.task_id,
        "external_task_id": entry.external_task_id,
        "units": entry.units,
        "charges": entry.charges,
        **(entry.result or {}),
        "rejected": entry.rejected,
        "labels": (row.labels if row else entry.labels) or None,
        "airflow": entry.airflow,
        "request": redact(row.values) if row else None,
    }
    if row and entry.state is RowState.REFUSED:
        # In the form that single tasks return.
        known = refusal_record(
            reason=entry.error,
            request=redact(row.values),
            endpoint=endpoint,
            task_id=entry.task_id,
            external_task_id=entry.external_task_id,
            units=entry.units,
            charges=entry.charges,
        ) | {name: value for name, value in known.items() if value is not None}
        return json.dumps(known, ensure_ascii=False, default=str)
    return json.dumps(
        {name: value for name, value in known.items() if value is not None}, ensure_ascii=False, default=str
    )

# SPDX-License-Identifier: Apache-2.0
"""What a batch leaves for people beside its results."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..media import loggable
from .ledger import Entry, State
from .tally import LOST

if TYPE_CHECKING:
    from ..storage import Location
    from .rows import Row

SUMMARY = "summary.json"
FAILURES = "failures.jsonl"
REFUSED = "refused.jsonl"


def write_report(
    folder: Location, summary: Mapping[str, Any], rows: Iterable[Row], entries: Mapping[str, Entry]
) -> dict[str, str]:
    """Write the summary, the failures, and in a list of its own what was refused for its content.

    :param folder: the batch's output path.
    :param rows: the rows again, as a stream.
    :param entries: the ledger by row key.
    :return: addresses of the files that were written, by name.
    """
    lost = [(row, entry) for row in rows if (entry := entries.get(row.key)) and entry.state in LOST]
    refused = [pair for pair in lost if pair[1].state is State.REFUSED]
    failed = [pair for pair in lost if pair[1].state is not State.REFUSED]
    written = {"summary_path": _write(folder, SUMMARY, [json.dumps(summary, indent=2)])}
    # A file from an earlier try that no longer holds would send people after what is mended.
    for name, key, pairs in ((FAILURES, "failures_path", failed), (REFUSED, "refused_path", refused)):
        place = folder.child(name)
        if pairs:
            written[key] = _write(folder, name, _lines(pairs))
        elif place.fs.exists(place.path):
            place.fs.rm_file(place.path)
    return written


def _lines(pairs: Iterable[tuple[Row, Entry]]) -> Iterator[str]:
    for row, entry in pairs:
        line = {
            "row": row.number,
            "state": entry.state,
            "error": entry.error,
            "task_id": entry.task_id,
            "external_task_id": entry.external_task_id,
            "request": loggable(row.values),
        }
        yield json.dumps(
            {name: value for name, value in line.items() if value is not None}, ensure_ascii=False
        )


def _write(folder: Location, name: str, lines: Iterable[str]) -> str:
    place = folder.child(name)
    place.fs.makedirs(folder.path, exist_ok=True)
    place.fs.pipe_file(place.path, "".join(f"{line}\n" for line in lines).encode())
    return place.uri

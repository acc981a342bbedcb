# SPDX-License-Identifier: Apache-2.0
"""JSONL and CSV files on any object storage, read row by row."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..exceptions import JobState, KlingRequestInvalid, KlingServerError

SUFFIXES = (".jsonl", ".ndjson", ".csv")

_LONGEST_CELL = 32 * 1024**2


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What stands in the place of a row that cannot be read.

    :param why: what is wrong with it.
    :param text: its text.
    """

    why: str
    text: str


def read_file(uri: str) -> Iterator[Mapping[str, Any] | Unreadable]:
    """Yield the rows of a file.

    :param uri: address or path; its ending tells the format.
    :raises KlingRequestInvalid: the file is not there, may not be read, or is no UTF-8 text.
    :raises KlingServerError: the storage does not answer; trying again can help.
    """
    from ..media import shorten
    from ..storage import StorageDown, StorageRefused, explained, locate, open_to_read

    try:
        place = locate(uri)
        with explained():
            stream = open_to_read(place)
        with stream:
            lines = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
            rows = _csv(lines) if uri.lower().endswith(".csv") else _jsonl(lines)
            while True:
                with explained():
                    row = next(rows, None)
                if row is None:
                    return
                yield row
    except StorageRefused as error:
        raise KlingRequestInvalid(
            f"requests={shorten(uri)!r} cannot be read: {error}.", job=JobState.NOT_CREATED
        ) from None
    except StorageDown as error:
        raise KlingServerError(
            f"requests={shorten(uri)!r} cannot be read now: {error}.", job=JobState.NOT_CREATED
        ) from None


def _jsonl(lines: Iterable[str]) -> Iterator[Mapping[str, Any] | Unreadable]:
    for line in lines:
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            yield Unreadable(f"it is no JSON: {error}", line)
            continue
        yield row if isinstance(row, dict) else Unreadable("it is no JSON object", line)


def _csv(lines: Iterable[str]) -> Iterator[Mapping[str, Any] | Unreadable]:
    # The limit is the process's own; base64 pictures are far above its default of 128 kB.
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))
    reader = csv.reader(lines)
    names = [name.strip() for name in next(reader, [])]
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Unreadable(f"it is no CSV: {error}", f"line {reader.line_num}")
            continue
        if len(cells) > len(names):
            yield Unreadable(
                f"it has {len(cells)} cells, and the header has {len(names)} names", json.dumps(cells)
            )
        elif any(cells):
            yield {name: _cell(text) for name, text in zip(names, cells, strict=False) if text}


def _cell(text: str) -> Any:
    """Read lists and objects as JSON; all else is text, which the request's types take in."""
    if not text.lstrip().startswith(("[", "{")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        # A prompt may begin with a bracket.
        return text

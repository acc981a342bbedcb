# SPDX-License-Identifier: Apache-2.0
"""The requests of a batch, one a row, read as a stream and never all at once."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..exceptions import JobState, KlingRequestInvalid
from ..order import as_plain

_SUFFIXES = (".jsonl", ".ndjson", ".csv")


@dataclass(frozen=True, slots=True)
class Row:
    """One request of a batch.

    :param number: place in the input, from 1.
    :param key: names the row by its content, so that rows may be added or moved between two tries.
    :param occurrence: how many equal rows came before: equal rows are jobs of their own.
    :param values: the request's fields.
    """

    number: int
    key: str
    occurrence: int
    values: Mapping[str, Any] = field(repr=False)


def read_rows(source: Any) -> Iterator[Row]:
    """Yield the rows of a list, or of a JSONL or CSV file on any object storage.

    :param source: iterable of dicts, or ``ObjectStoragePath``, URI or path of a ``.jsonl`` or ``.csv`` file.
    :raises KlingRequestInvalid: the file or a row cannot be read; names the row.
    """
    plain = as_plain(source)
    values = _file(plain) if isinstance(plain, str) else _objects(plain)
    seen: Counter[str] = Counter()
    for number, row in enumerate(values, 1):
        content = hashlib.sha256(json.dumps(row, sort_keys=True, default=str).encode()).hexdigest()[:24]
        yield Row(number, f"{content}-{seen[content]}", seen[content], row)
        seen[content] += 1


def _objects(source: Any) -> Iterator[Mapping[str, Any]]:
    if not isinstance(source, Iterable) or isinstance(source, Mapping):
        raise _unreadable(
            f"requests is a {type(source).__name__}; it must be a list of dicts or a file's address"
        )
    for number, row in enumerate(source, 1):
        if not isinstance(row, Mapping):
            raise _unreadable(f"requests[{number - 1}] is a {type(row).__name__}; it must be a dict")
        yield as_plain(row)


def _file(uri: str) -> Iterator[Mapping[str, Any]]:
    from ..storage import StorageRefused, explained, locate

    if not uri.lower().endswith(_SUFFIXES):
        raise _unreadable(f"requests={uri!r} must end in {', '.join(_SUFFIXES)}")
    try:
        place = locate(uri)
        with explained(), place.fs.open(place.path, "rb") as file:
            text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
            yield from _csv(text) if uri.lower().endswith(".csv") else _jsonl(text)
    except StorageRefused as error:
        raise _unreadable(f"requests={uri!r} cannot be read: {error}") from None


def _jsonl(lines: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise _unreadable(f"requests, line {number}: {error}") from None
        if not isinstance(row, dict):
            raise _unreadable(f"requests, line {number} is no JSON object")
        yield row


def _csv(lines: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    for number, row in enumerate(csv.DictReader(lines), 2):
        if None in row:
            raise _unreadable(f"requests, line {number} has more cells than the header has names")
        yield {name: _cell(number, name, text) for name, text in row.items() if text}


def _cell(number: int, name: str, text: str) -> Any:
    """Read lists and objects in a cell as JSON; all else is text, which the request's types take in."""
    if not text.lstrip().startswith(("[", "{")):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise _unreadable(f"requests, line {number}, column {name!r} looks like JSON but: {error}") from None


def _unreadable(what: str) -> KlingRequestInvalid:
    return KlingRequestInvalid(f"{what}.", job=JobState.NOT_CREATED)

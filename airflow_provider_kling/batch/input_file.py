# SPDX-License-Identifier: Apache-2.0
"""The rows of a JSONL or CSV file on any object storage, read one by one, with the lines where they begin."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from ..api.requests.coercion import is_missing
from ..api.templating import find_invalid_value
from ..exceptions import JobState, KlingRequestInvalid, KlingServerError
from ..utils.json_input import read_json
from ..utils.redaction import redact_text
from ..utils.urls import is_blank

SUFFIXES = (".jsonl", ".ndjson", ".csv")

LABELS = "labels"
EXPECTED_SECONDS = "expected_seconds"
"""Keys of a row that are not fields of its request."""

_MAX_CELL_LENGTH = 32 * 1024**2
# That of UTF-32 begins with that of UTF-16.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_COMPRESSED = (b"\x1f\x8b", b"PK\x03\x04")
_MAX_MARK_LENGTH = 4
_BLOCK_BYTES = 1024**2


@dataclass(frozen=True, slots=True)
class InvalidRow:
    """Placeholder for a row that cannot be read.

    :param reason: what is wrong with it.
    :param text: its text.
    """

    reason: str
    text: str


Row = Mapping[str, Any] | InvalidRow


def iter_file(uri: str) -> Iterator[tuple[int, Row]]:
    """Yield the rows of a file.

    :param uri: URI or path; its suffix decides the format.
    :return: iterator of rows, each with the number of its first line as editors show it; a row that cannot be
        read is an :class:`InvalidRow`.
    :raises KlingRequestInvalid: the file does not exist, may not be read, or is neither UTF-8 text nor UTF-16
        with a byte order mark.
    :raises KlingServerError: the storage does not respond; a retry can help.
    """
    from ..utils.storage import (
        StoragePermanentError,
        StorageTransientError,
        file_version,
        open_to_read,
        resolve_path,
        translate_storage_errors,
    )

    try:
        path = resolve_path(uri)
        with translate_storage_errors():
            stream = open_to_read(path)
        with stream:
            version = file_version(stream)
            encoding = _encoding(stream)
            lines = io.TextIOWrapper(stream, encoding=encoding, newline="")
            rows = _csv(lines) if uri.lower().endswith(".csv") else _jsonl(lines)
            while True:
                with translate_storage_errors():
                    row = _next_row(rows, stream, encoding, version)
                if row is None:
                    return
                yield row
    except StoragePermanentError as error:
        raise KlingRequestInvalid(
            f"Correct the file of requests: {error}. requests={redact_text(uri)!r} cannot be read.",
            job=JobState.NOT_CREATED,
        ) from None
    except StorageTransientError as error:
        raise KlingServerError(
            f"Retry to read requests: {error}. requests={redact_text(uri)!r} cannot be read now.",
            job=JobState.NOT_CREATED,
        ) from None


def _encoding(stream: BinaryIO) -> str:
    """Return the encoding of a file by its byte order mark: spreadsheets and shells also write UTF-16.

    :raises StoragePermanentError: it is compressed, or UTF-16 or UTF-32 without a mark.
    """
    from ..utils.storage import StoragePermanentError, translate_storage_errors

    with translate_storage_errors():
        head = stream.read(_MAX_MARK_LENGTH)
        stream.seek(0)
    if head.startswith(_COMPRESSED):
        raise StoragePermanentError("it is compressed, or a spreadsheet; save it as plain UTF-8 text")
    marked = next((encoding for mark, encoding in _BYTE_ORDER_MARKS if head.startswith(mark)), None)
    if marked is None and b"\0" in head:
        raise StoragePermanentError("it is UTF-16 or UTF-32 without a byte order mark; save it as UTF-8")
    return marked or "utf-8-sig"


def _next_row(
    rows: Iterator[tuple[int, Row]], stream: BinaryIO, encoding: str, version: tuple[int, int] | None
) -> tuple[int, Row] | None:
    from ..utils.storage import StoragePermanentError, check_unchanged

    try:
        row = next(rows, None)
    except UnicodeError:
        check_unchanged(stream, version)
        # The position in its text counts from the last block that was read.
        where = _invalid_bytes(stream, encoding)
        raise StoragePermanentError(f"it is no UTF-8 text; save it as UTF-8 ({where})") from None
    # Before it is used: of a file that is written to, the end of another row may follow the start of one.
    check_unchanged(stream, version)
    return row


def _invalid_bytes(stream: BinaryIO, encoding: str) -> str:
    """Return where the first bytes are that are no text: their line as editors show it."""
    # The mark of UTF-8 is a character without a line break; its own decoder does not count it in positions.
    encoding = "utf-8" if encoding == "utf-8-sig" else encoding
    decoder = codecs.getincrementaldecoder(encoding)()
    lines = io.IncrementalNewlineDecoder(None, translate=True)
    stream.seek(0)
    position, line = 0, 1
    while True:
        block = stream.read(_BLOCK_BYTES)
        state = decoder.getstate()
        pending = len(state[0])
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            decoder.setstate(state)
            text = decoder.decode(block[: max(0, error.start - pending)])
            line += lines.decode(text, final=True).count("\n")
            byte = position - pending + error.start
            return f"line {line} has the byte 0x{error.object[error.start]:02x}, byte {byte + 1} of the file"
        line += lines.decode(text).count("\n")
        position += len(block)
        if not block:
            return f"encoding {encoding}"


def _jsonl(lines: Iterable[str]) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, _json_row(line)


def _json_row(line: str) -> Row:
    try:
        # Without its end, which would be a line of its own in the position of an error.
        row = read_json(line.rstrip("\r\n"), unique_keys=True)
    except json.JSONDecodeError as error:
        return InvalidRow(f"it is no JSON: {error.msg} at column {error.colno}", line)
    except ValueError as error:
        return InvalidRow(f"it is no JSON: {error}", line)
    if not isinstance(row, dict):
        return InvalidRow("it is no JSON object", line)
    return checked_row(row, line, _is_missing_word)


def _csv(lines: Iterable[str]) -> Iterator[tuple[int, Row]]:
    # The limit is the process's own; base64 images are far above its default of 128 kB.
    csv.field_size_limit(max(csv.field_size_limit(), _MAX_CELL_LENGTH))
    reader = csv.reader(lines, strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        yield 1, InvalidRow(f"the header is no CSV: {error}", "header")
        return
    duplicates = sorted({name for name in names if name and names.count(name) > 1})
    while True:
        first = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            reason = f"it is no CSV: {error} (is a quote closed?)"
            yield first, InvalidRow(reason, f"line {first}")
            continue
        if not any(cells):
            continue
        error_text = _csv_error(cells, names)
        if duplicates:
            error_text = f"the header names {', '.join(duplicates)} more than once"
        if error_text:
            yield first, InvalidRow(error_text, json.dumps(cells))
        else:
            row = {name: _parse_cell(text) for name, text in zip(names, cells, strict=False) if text}
            yield first, checked_row(row, json.dumps(cells), _is_missing_word)


def _csv_error(cells: list[str], names: list[str]) -> str | None:
    """Return what is wrong with a row that is CSV."""
    if [text.strip().lower() for text in cells] == [name.lower() for name in names]:
        return "it repeats the header"
    if no_value := sorted({text for text in cells if _is_missing_word(text)}):
        return f"it has a cell {no_value[0]!r}; leave a cell empty where there is no value"
    if len(cells) > len(names):
        return f"it has {len(cells)} cells, and the header has {len(names)} names"
    unnamed = [at for at, name in enumerate(names[: len(cells)], 1) if not name and cells[at - 1].strip()]
    return f"column {unnamed[0]} has a value, and no name in the header" if unnamed else None


def _is_missing_word(value: Any) -> bool:
    """Whether a value is a word that programs write for a missing value."""
    return is_missing(value) and not is_blank(value)


def _parse_cell(text: str) -> Any:
    """Parse lists and objects as JSON; other cells are text, which the request's types convert."""
    if not text.lstrip().startswith(("[", "{")):
        return text
    try:
        return read_json(text)
    except ValueError:
        # A prompt may begin with a bracket.
        return text


def checked_row(row: Mapping[str, Any], text: str, is_lost_value: Callable[[Any], bool]) -> Row:
    """Return a row, unless a value of its request is no value.

    :param row: the row.
    :param text: its text.
    :param is_lost_value: whether a prompt is empty: a file may write ``null`` or ``""`` for an optional one.
    :return: the row, or why it is invalid.
    """
    request = {name: value for name, value in row.items() if name not in (LABELS, EXPECTED_SECONDS)}
    error = find_invalid_value(request, is_lost_value)
    return InvalidRow(f"{error}; give it text, or leave its key out", text) if error else row

# SPDX-License-Identifier: Apache-2.0
"""The rows of a batch, read one by one from a list, or from a JSONL or CSV file on any object storage."""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, BinaryIO

from ..api.requests.coercion import is_missing, is_result, to_builtin
from ..api.templating import find_invalid_value, is_empty
from ..exceptions import JobState, KlingRequestInvalid, KlingServerError
from ..inputs.prepared_request import fingerprint_values, is_nothing, paths_to_str
from ..labels import LabelsInvalid, read_labels
from ..utils.json_input import read_json
from ..utils.redaction import RedactedItems, RedactedText, redact_reversibly, redact_text
from ..utils.urls import is_blank

SUFFIXES = (".jsonl", ".ndjson", ".csv")

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


@dataclass(frozen=True, slots=True)
class InvalidRow:
    """Placeholder for a row that cannot be read.

    :param reason: what is wrong with it.
    :param text: its text.
    """

    reason: str
    text: str


def iter_file(uri: str) -> Iterator[Mapping[str, Any] | InvalidRow]:
    """Yield the rows of a file.

    :param uri: URI or path; its suffix decides the format.
    :return: iterator of rows; a row that cannot be read is an :class:`InvalidRow`.
    :raises KlingRequestInvalid: the file does not exist, may not be read, or is neither UTF-8 text nor UTF-16
        with a byte order mark.
    :raises KlingServerError: the storage does not respond; a retry can help.
    """
    from ..utils.storage import (
        StoragePermanentError,
        StorageTransientError,
        open_to_read,
        resolve_path,
        translate_storage_errors,
    )

    try:
        path = resolve_path(uri)
        with translate_storage_errors():
            stream = open_to_read(path)
        with stream:
            lines = io.TextIOWrapper(stream, encoding=_encoding(stream), newline="")
            rows = _csv(lines) if uri.lower().endswith(".csv") else _jsonl(lines)
            while True:
                with translate_storage_errors():
                    row = _next_row(rows)
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


def _next_row(rows: Iterator[Mapping[str, Any] | InvalidRow]) -> Mapping[str, Any] | InvalidRow | None:
    from ..utils.storage import StoragePermanentError

    try:
        return next(rows, None)
    except UnicodeError as error:
        raise StoragePermanentError(f"it is no UTF-8 text; save it as UTF-8 ({error})") from None


def _jsonl(lines: Iterable[str]) -> Iterator[Mapping[str, Any] | InvalidRow]:
    for line in lines:
        if not line.strip():
            continue
        try:
            row = read_json(line, unique_keys=True)
        except ValueError as error:
            yield InvalidRow(f"it is no JSON: {error}", line)
            continue
        if not isinstance(row, dict):
            yield InvalidRow("it is no JSON object", line)
        else:
            yield _checked(row, line, _is_missing_word)


def _csv(lines: Iterable[str]) -> Iterator[Mapping[str, Any] | InvalidRow]:
    # The limit is the process's own; base64 images are far above its default of 128 kB.
    csv.field_size_limit(max(csv.field_size_limit(), _MAX_CELL_LENGTH))
    reader = csv.reader(lines, strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        yield InvalidRow(f"the header is no CSV: {error}", "header")
        return
    duplicates = sorted({name for name in names if name and names.count(name) > 1})
    while True:
        first = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield InvalidRow(
                f"it is no CSV: {error} (from line {first}; is a quote closed?)", f"line {first}"
            )
            continue
        if not any(cells):
            continue
        reason = _csv_error(cells, names)
        if duplicates:
            reason = f"the header names {', '.join(duplicates)} more than once"
        if reason:
            yield InvalidRow(reason, json.dumps(cells))
        else:
            row = {name: _parse_cell(text) for name, text in zip(names, cells, strict=False) if text}
            yield _checked(row, json.dumps(cells), _is_missing_word)


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


RowReader = Callable[..., Iterator["RequestRow"]]
"""Reads the rows in order, optionally without the first ones; may be called again and again."""

LABELS = "labels"
EXPECTED_SECONDS = "expected_seconds"
"""Keys of a row that are not fields of its request."""

_MAX_SHOWN_LENGTH = 200
_SHOWN_ROWS = 5


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One request of a batch.

    :param number: position in the input, from 1; neither a CSV's header nor an empty line counts.
    :param key: hash of the row's content, so that rows may be added or moved between two tries.
    :param values: the request's fields.
    :param error: why the row cannot be read; it has no values then.
    :param labels: labels of its job, those of the batch included.
    :param expected_seconds: length for the price, if the request does not have it.
    """

    number: int
    key: str
    values: Mapping[str, Any] = field(repr=False)
    error: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    expected_seconds: Decimal | None = None


def row_reader(
    requests: Any,
    extra_body: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
) -> RowReader:
    """Return the function that reads the rows of ``requests``.

    :param requests: list of dicts, or one dict; the same as JSON text, as templates render it; or the
        ``ObjectStoragePath``, URI or path of a ``.jsonl`` or ``.csv`` file on any object storage.
    :param extra_body: further keys of every request: rows with other ones are other rows.
    :param labels: labels of every row; those of the row itself have priority.
    :return: the reader, which can be called again and again.
    :raises KlingRequestInvalid: it is none of these.
    """
    source: Any = paths_to_str(requests) if _is_path(requests) else requests
    if isinstance(source, str):
        text = source.strip()
        if not text.startswith(("[", "{")):
            path = _file_path(text)
            return lambda after=0: _numbered(iter_file(path), extra_body, labels, after)
        source = _parse_text(text)
    if isinstance(source, Mapping) and source:
        if is_result(source):
            raise _invalid_requests("is the result of a job")
        # As a mapped group of one delivers it.
        source = [source]
    if isinstance(source, Mapping | bytes) or not isinstance(source, Iterable):
        what = "empty" if isinstance(source, Mapping) else f"a {type(source).__name__}"
        raise _invalid_requests(f"is {what}")
    # Airflow's sequence of mapped upstream results requests every item from the server, each time it is read.
    items: Sequence[Any] = source if isinstance(source, list | tuple) else list(source)
    return lambda after=0: _numbered(items, extra_body, labels, after, _from_item)


def _is_path(value: Any) -> bool:
    return hasattr(value, "storage_options") or isinstance(value, os.PathLike)


def _file_path(text: str) -> str:
    if not text.lower().endswith(SUFFIXES):
        raise _invalid_requests(f"is {redact_text(text)[:_MAX_SHOWN_LENGTH]!r}")
    return text


def _parse_text(text: str) -> Any:
    try:
        return read_json(text)
    except ValueError as error:
        raise _invalid_requests(
            f"is text that begins with {text[0]!r} but is no JSON ({error}); a template needs `| tojson`, or "
            "use the upstream task's output itself"
        ) from None


def _invalid_requests(what: str) -> KlingRequestInvalid:
    endings = ", ".join(SUFFIXES)
    return KlingRequestInvalid(
        f"requests {what}; it must be a list of dicts, or the path or URL of a file that ends in {endings}.",
        job=JobState.NOT_CREATED,
    )


def _from_item(item: Any) -> Mapping[str, Any] | InvalidRow:
    if not isinstance(item, Mapping):
        return InvalidRow(f"it is a {type(item).__name__}, and must be a dict", repr(item))
    plain: Mapping[str, Any] = paths_to_str(item)
    return _checked(plain, json.dumps(plain, default=str), is_empty)


def _checked(
    row: Mapping[str, Any], text: str, is_lost_value: Callable[[Any], bool]
) -> Mapping[str, Any] | InvalidRow:
    """Return a row, unless a value of its request is no value.

    :param row: the row.
    :param text: its text.
    :param is_lost_value: whether a prompt is empty: a file may write ``null`` or ``""`` for an optional one.
    :return: the row, or why it is invalid.
    """
    request = {name: value for name, value in row.items() if name not in (LABELS, EXPECTED_SECONDS)}
    error = find_invalid_value(request, is_lost_value)
    return InvalidRow(f"{error}; give it text, or leave its key out", text) if error else row


def _numbered(
    items: Iterable[Any],
    extra_body: Mapping[str, Any] | None,
    labels_of_all: Mapping[str, str] | None,
    after: int = 0,
    read: Callable[[Any], Mapping[str, Any] | InvalidRow] = lambda item: item,
) -> Iterator[RequestRow]:
    """Give each row its number and its key: equal rows are separate jobs, distinguished by a counter.

    Labels and ``expected_seconds`` do not count: a row with other ones is the same job, not paid twice.

    :param items: the rows.
    :param extra_body: further JSON keys of every request.
    :param labels_of_all: labels of every row.
    :param after: how many rows to skip unread; only where no two rows are equal.
    :param read: makes a row of an item.
    :return: the other rows.
    """
    seen: Counter[str] = Counter()
    for number, source in enumerate(items, 1):
        if number <= after:
            continue
        item = read(source)
        error: str | None
        seconds: Decimal | None = None
        if isinstance(item, InvalidRow):
            error, values, labels = item.reason, {}, dict[str, str]()
            content = _hash({"unreadable": item.text}, extra_body)
        else:
            error, labels = _parse_labels(item)
            seconds_error, seconds = _parse_seconds(item.get(EXPECTED_SECONDS))
            error = error or seconds_error
            values = {name: value for name, value in item.items() if name not in (LABELS, EXPECTED_SECONDS)}
            content = _hash(values, extra_body)
        key = f"{content}-{seen[content]}"
        seen[content] += 1
        yield RequestRow(number, key, values, error, {**(labels_of_all or {}), **labels}, seconds)


def _parse_labels(item: Mapping[str, Any]) -> tuple[str | None, dict[str, str]]:
    try:
        return None, read_labels(item.get(LABELS))
    except LabelsInvalid as error:
        return f"Invalid value for {LABELS!r}: {item[LABELS]!r}; expected {error}"[:_MAX_SHOWN_LENGTH], {}


def _parse_seconds(value: Any) -> tuple[str | None, Decimal | None]:
    if is_nothing(value):
        return None, None
    try:
        seconds = None if isinstance(value, bool) else Decimal(str(value).strip())
        if seconds is not None and seconds.is_finite() and seconds > 0:
            return None, seconds
    except InvalidOperation:
        pass
    return f"Invalid value for {EXPECTED_SECONDS!r}: {value!r}; expected seconds above 0"[
        :_MAX_SHOWN_LENGTH
    ], None


def _hash(values: Any, extra_body: Mapping[str, Any] | None) -> str:
    # A list made again of the same files has the same rows: signatures of URLs do not count.
    return fingerprint_values([values, extra_body] if extra_body else values)[:24]


def redacted_rows(requests: Any) -> Any:
    """Return ``requests`` such that it may be shown: a few rows of it, without base64 and signatures.

    :param requests: the parameter as it was rendered.
    :return: a copy, of which ``original_of`` returns all rows.
    """
    if hasattr(requests, "tolist"):
        requests = to_builtin(requests)
    if isinstance(requests, Mapping):
        return redact_reversibly(paths_to_str(requests))
    if isinstance(requests, list | tuple):
        shown, more = requests[:_SHOWN_ROWS], requests[_SHOWN_ROWS:]
        rest = [RedactedItems(f"... and {len(more)} more rows", more)] if more else []
        return [*(redact_reversibly(paths_to_str(item)) for item in shown), *rest]
    if _is_path(requests):
        return redact_reversibly(paths_to_str(requests))
    text = redact_text(requests) if isinstance(requests, str) else f"<{type(requests).__name__}>"
    return requests if text == requests else RedactedText(text[:_MAX_SHOWN_LENGTH], requests)

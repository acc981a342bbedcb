# SPDX-License-Identifier: Apache-2.0
"""The rows of a batch, read one by one from a list or a file, with their numbers and keys."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from ..api.requests.coercion import is_result, to_builtin
from ..api.templating import is_empty
from ..exceptions import JobState, KlingRequestInvalid
from ..inputs.prepared_request import fingerprint_values, is_nothing, paths_to_str
from ..labels import LabelsInvalid, read_labels
from ..utils.json_input import read_json
from ..utils.redaction import RedactedItems, RedactedText, redact_reversibly, redact_text
from .input_file import EXPECTED_SECONDS, LABELS, SUFFIXES, InvalidRow, Row, checked_row, iter_file

RowReader = Callable[..., Iterator["RequestRow"]]
"""Reads the rows in order, optionally without the first ones; may be called again and again."""

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
    :param line: the line of a file where it begins, as editors show it.
    """

    number: int
    key: str
    values: Mapping[str, Any] = field(repr=False)
    error: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    expected_seconds: Decimal | None = None
    line: int | None = None

    @property
    def title(self) -> str:
        """The row in error texts, such as ``Row 3 (line 7)``."""
        return f"Row {self.number}" if self.line is None else f"Row {self.number} (line {self.line})"


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
    path = file_of(requests)
    if path is not None:
        return lambda after=0: _numbered(iter_file(path), extra_body, labels, after)
    source = _parse_text(requests.strip()) if isinstance(requests, str) else requests
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


def file_of(requests: Any) -> str | None:
    """Return the file that holds the rows.

    :param requests: see :func:`row_reader`.
    :return: its URI or path; ``None`` if ``requests`` are the rows.
    :raises KlingRequestInvalid: it is text that is neither rows nor a file of a supported format.
    """
    source: Any = paths_to_str(requests) if _is_path(requests) else requests
    if not isinstance(source, str) or source.strip().startswith(("[", "{")):
        return None
    return _file_path(source.strip())


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


def _from_item(item: Any) -> tuple[None, Row]:
    if not isinstance(item, Mapping):
        return None, InvalidRow(f"it is a {type(item).__name__}, and must be a dict", repr(item))
    plain: Mapping[str, Any] = paths_to_str(item)
    return None, checked_row(plain, json.dumps(plain, default=str), is_empty)


def _numbered(
    items: Iterable[Any],
    extra_body: Mapping[str, Any] | None,
    labels_of_all: Mapping[str, str] | None,
    after: int = 0,
    read: Callable[[Any], tuple[int | None, Row]] = lambda item: item,
) -> Iterator[RequestRow]:
    """Give each row its number and its key: equal rows are separate jobs, distinguished by a counter.

    Labels and ``expected_seconds`` do not count: a row with other ones is the same job, not paid twice.

    :param items: the rows.
    :param extra_body: further JSON keys of every request.
    :param labels_of_all: labels of every row.
    :param after: how many rows to skip unread; only where no two rows are equal.
    :param read: makes a row of an item, with its line.
    :return: the other rows.
    """
    seen: Counter[str] = Counter()
    for number, source in enumerate(items, 1):
        if number <= after:
            continue
        line, item = read(source)
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
        yield RequestRow(number, key, values, error, {**(labels_of_all or {}), **labels}, seconds, line)


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

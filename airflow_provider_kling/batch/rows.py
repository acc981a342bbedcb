# SPDX-License-Identifier: Apache-2.0
"""The requests of a batch, one a row, read as a stream and never all at once."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..exceptions import JobState, KlingRequestInvalid
from ..media import loggable, shorten
from ..order import as_plain, content_key, revealed
from .files import SUFFIXES, Unreadable, read_file

ReadRows = Callable[[], Iterator["Row"]]
"""Reads the rows from the first one on; may be called again and again."""

_LONGEST_SHOWN = 200
_ROWS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One request of a batch.

    :param number: place in the input, from 1; neither a CSV's header nor an empty line counts.
    :param key: names the row by its content, so that rows may be added or moved between two tries.
    :param values: the request's fields.
    :param fault: why the row cannot be read; it has no values then.
    """

    number: int
    key: str
    values: Mapping[str, Any] = field(repr=False)
    fault: str | None = None


def rows_of(requests: Any, extra_body: Mapping[str, Any] | None = None) -> ReadRows:
    """Return what reads the rows of ``requests``.

    :param requests: list of dicts; the same as JSON text, as templates give it; or the address
        (``ObjectStoragePath``, URI or path) of a ``.jsonl`` or ``.csv`` file on any object storage.
    :param extra_body: further keys of every request: rows with other ones are other rows.
    :raises KlingRequestInvalid: it is none of these.
    """
    given: Any = as_plain(requests) if _is_path(requests) else requests
    if isinstance(given, str):
        text = given.strip()
        if not text.startswith("["):
            address = _address(text)
            return lambda: _named(read_file(address), extra_body)
        given = _parsed(text)
    if isinstance(given, Mapping | bytes) or not isinstance(given, Iterable):
        raise _refused(f"is a {type(given).__name__}")
    # What Airflow hands over for mapped upstream tasks asks the server for every item, on every pass.
    items: Sequence[Any] = given if isinstance(given, list | tuple) else list(given)
    return lambda: _named(map(_from_item, items), extra_body)


def _is_path(value: Any) -> bool:
    return hasattr(value, "storage_options") or isinstance(value, os.PathLike)


def _address(text: str) -> str:
    if not text.lower().endswith(SUFFIXES):
        raise _refused(f"is {shorten(text)[:_LONGEST_SHOWN]!r}")
    return text


def _parsed(text: str) -> list[Any]:
    try:
        items = json.loads(text)
    except ValueError as error:
        raise _refused(
            f"is text that begins with '[' but is no JSON ({error}); a template needs `| tojson`, or use "
            "the upstream task's output itself"
        ) from None
    return list(items)


def _refused(what: str) -> KlingRequestInvalid:
    endings = ", ".join(SUFFIXES)
    return KlingRequestInvalid(
        f"requests {what}; it must be a list of dicts, or the address of a file that ends in {endings}.",
        job=JobState.NOT_CREATED,
    )


def _from_item(item: Any) -> Mapping[str, Any] | Unreadable:
    if not isinstance(item, Mapping):
        return Unreadable(f"it is a {type(item).__name__}, and must be a dict", repr(item))
    plain: Mapping[str, Any] = as_plain(item)
    return plain


def _named(items: Iterable[Mapping[str, Any] | Unreadable], extra: Mapping[str, Any] | None) -> Iterator[Row]:
    """Give each row its number and its key: equal rows are jobs of their own, told apart by a counter."""
    seen: Counter[str] = Counter()
    for number, item in enumerate(items, 1):
        fault, values = (item.why, {}) if isinstance(item, Unreadable) else (None, item)
        content = _hash({"unreadable": item.text} if isinstance(item, Unreadable) else item, extra)
        key = f"{content}-{seen[content]}"
        seen[content] += 1
        yield Row(number, key, values, fault)


def _hash(values: Any, extra: Mapping[str, Any] | None) -> str:
    # A list made anew of the same files has the same rows: what signs addresses does not count.
    return content_key([values, extra] if extra else values)[:24]


def shown(requests: Any) -> Any:
    """Return ``requests`` as it may be shown: without base64 and signatures, and a few rows of it at most."""
    if isinstance(requests, list | tuple):
        return [*_first_shown(requests), *_rest_shown(requests)]
    if isinstance(requests, str):
        return shorten(requests)[:_LONGEST_SHOWN]
    return as_plain(requests) if _is_path(requests) else f"<{type(requests).__name__}>"


def _first_shown(requests: Sequence[Any]) -> list[Any]:
    return [loggable(as_plain(item)) for item in requests[:_ROWS_SHOWN]]


def _rest_shown(requests: Sequence[Any]) -> list[str]:
    more = len(requests) - _ROWS_SHOWN
    return [f"... and {more} more rows"] if more > 0 else []


def asked_for(requests: Any, given: Any) -> Any:
    """Return the rows that are asked for, of which only :func:`shown` is left where people change them.

    :param requests: the parameter as it is now.
    :param given: what it was rendered to.
    """
    if not (isinstance(requests, list) and isinstance(given, list | tuple)):
        return revealed(requests, shown(given), given)
    first, rest = revealed(requests, _first_shown(given), given[:_ROWS_SHOWN]), _rest_shown(given)
    if not rest or rest[0] not in first:
        return list(first)
    place = first.index(rest[0])
    return [*first[:place], *given[_ROWS_SHOWN:], *first[place + 1 :]]

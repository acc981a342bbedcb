# SPDX-License-Identifier: Apache-2.0
"""JSON from outside, of limited depth: whatever walks it by recursion cannot run out of stack."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

MAX_DEPTH = 100
"""Objects and lists within each other; the API's own answers have fewer than ten."""

_MAX_DIGITS = 100

_TOO_DEEP = f"it is nested deeper than {MAX_DEPTH} levels"


def read_json(text: str | bytes, *, unique_keys: bool = False) -> Any:
    """Read JSON that a server, a file or a person has written.

    :param text: the JSON.
    :param unique_keys: refuse an object that has one key twice.
    :return: its value.
    :raises ValueError: it is no JSON, or nested deeper than :data:`MAX_DEPTH`.
    """
    try:
        value = json.loads(text, object_pairs_hook=_reject_duplicate_keys if unique_keys else None)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if _containers_at_limit(value):
        raise ValueError(_TOO_DEEP)
    return value


def read_response_json(body: str | bytes) -> Any:
    """Read the JSON of a server's answer, of which one odd part must not hide all others: a job may be paid.

    :param body: the JSON; in UTF-8, or in another charset against the rules of JSON.
    :return: its value; what is nested deeper than :data:`MAX_DEPTH` is ``None`` there, and an object that was
        written as text is read.
    :raises ValueError: it is no JSON, or nested so deep that it cannot be parsed.
    """
    value = _parse(body)
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = _parse(value)
    for outer in _containers_at_limit(value):
        for key, inner in list(outer.items() if isinstance(outer, dict) else enumerate(outer)):
            if isinstance(inner, dict | list):
                outer[key] = None
    return value


def _parse(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except UnicodeDecodeError as error:
        return _parse(_decode(error.object))
    except json.JSONDecodeError:
        raise
    except ValueError:
        # Python refuses to read a whole number of thousands of digits, and with it the id of a paid job.
        return json.loads(text, parse_int=_whole_number)


def _whole_number(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MAX_DIGITS else None


def _decode(body: bytes) -> str:
    try:
        return body.decode("gb18030")
    except UnicodeDecodeError:
        # Ids and codes are ASCII: only words are lost.
        return body.decode("utf-8", "replace")


def _reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        keys = [key for key, _ in pairs]
        duplicates = sorted({key for key in keys if keys.count(key) > 1})
        raise ValueError(f"it has {', '.join(map(repr, duplicates))} more than once")
    return unique


def _containers_at_limit(value: Any) -> list[Any]:
    """Return the objects and lists of the last level that is read, of those that hold further ones."""
    level = [value]
    for _ in range(MAX_DEPTH - 1):
        level = [inner for outer in level for inner in _items(outer) if isinstance(inner, dict | list)]
        if not level:
            return []
    return [outer for outer in level if any(isinstance(inner, dict | list) for inner in _items(outer))]


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()

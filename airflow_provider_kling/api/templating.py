# SPDX-License-Identifier: Apache-2.0
"""Templates: whether a value is known before Airflow renders it, and whether it rendered empty."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from .requests.coercion import (
    NONE_WORD,
    is_missing,
    is_object_repr,
    is_result,
    parse_list,
    parse_mapping,
    to_builtin,
)

_JINJA_MARKERS = ("{{", "{%", "{#")

EXPRESSION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
"""An expression of a template."""

_LONGEST_WORDS = 10_000

WORDS = ("prompt", "text")
"""Fields that hold words, which the job shows or speaks."""


def is_templated(value: Any) -> bool:
    """Return whether a value is known only at run time: it holds a template, or is no plain data.

    :param value: value of an argument.
    :return: ``True`` if it cannot be checked yet.
    """
    if value is None:
        return False
    if isinstance(value, str):
        # Most texts have no brace at all, and a DAG file asks for each of them.
        return "{" in value and any(mark in value for mark in _JINJA_MARKERS)
    if isinstance(value, Mapping):
        return any(map(is_templated, value.values()))
    if isinstance(value, list | tuple):
        return any(map(is_templated, value))
    if isinstance(value, os.PathLike) or hasattr(value, "storage_options"):
        return is_templated(str(value))
    return not isinstance(to_builtin(value), str | int | float | None)


def is_empty(value: Any) -> bool:
    """Return whether a rendered value is empty: ``None``, blanks or a word such as "None" or "nan".

    :param value: a rendered value.
    :return: whether it is empty.
    """
    return value is None or is_missing(value)


def rendered_text_problem(name: str | int, rendered: Any) -> str | None:
    """Return why rendered text is no value: an author who means a list or an object does not pay for it.

    :param name: the field, or the index of an item.
    :param rendered: its value.
    :return: the fault, to follow the template; ``None`` without one.
    """
    if not isinstance(rendered, str):
        return None
    text = rendered.strip()
    if is_object_repr(text):
        return "gives an object, not text"
    if name not in WORDS or text[:1] not in ("[", "{", "("):
        return None
    found = parse_list(parse_mapping(text))
    if is_result(found):
        return "gives a whole result; name the part that holds the words"
    # A prompt may well be written as JSON, but not as JSON of nothing.
    empty = isinstance(found, list | Mapping) and not _holds_something(found)
    return "gives an empty list or object" if empty else None


def find_invalid_value(values: Any, is_empty_prompt: Callable[[Any], bool]) -> str | None:
    """Return the fault of an empty prompt, or of text that is no value, at any depth.

    :param values: fields of a request.
    :param is_empty_prompt: whether a prompt is empty.
    :return: place and fault; ``None`` without one.
    """
    for path, item in values_in(values):
        name = path.rpartition(".")[2]
        if name == "prompt" and is_empty_prompt(item):
            return f"{path} is {item!r}"
        if problem := rendered_text_problem(name, item):
            return f"{path} {problem}"
    return None


def values_in(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield all values inside a mapping or list, at any depth.

    :param values: a mapping or list; nothing is inside other values.
    :param path: where it is.
    :return: the place of each value, such as ``multi_prompt[0].prompt``, and the value.
    """
    parts: Iterable[tuple[str, Any]] = ()
    if isinstance(values, Mapping):
        parts = ((f"{path}.{key}" if path else str(key), item) for key, item in values.items())
    elif isinstance(values, list):
        parts = ((f"{path}[{at}]", item) for at, item in enumerate(values))
    for place, item in parts:
        yield place, item
        yield from values_in(item, place)


def holds_none(template: Any, rendered: Any) -> bool:
    """Return whether an expression inside a longer template has rendered to the word "None".

    :param template: text with expressions.
    :param rendered: what it rendered to.
    :return: whether one of its expressions must have had no value.
    """
    if not isinstance(template, str) or not isinstance(rendered, str) or NONE_WORD not in rendered:
        return False
    text, fixed = rendered.strip(), EXPRESSION.split(template.strip())
    if "{%" in template or "{#" in template or len(fixed) == 1 or len(text) > _LONGEST_WORDS:
        return False
    starts = free = {len(fixed[0])} if text.startswith(fixed[0]) else set[int]()
    for at, part in enumerate(fixed[1:], 1):
        ends = [len(text) - len(part)] if at == len(fixed) - 1 else [m.start() for m in _places(part, text)]
        ends = [end for end in ends if text.startswith(part, end)]
        free = _reached(ends, free, part, lambda start, end: True)
        starts = _reached(ends, starts, part, lambda start, end: text[start:end] != NONE_WORD)
    return bool(free) and not starts


def _places(part: str, text: str) -> Iterator[re.Match[str]]:
    return re.finditer(f"(?={re.escape(part)})", text)


def _reached(
    ends: Iterable[int], starts: set[int], part: str, allowed: Callable[[int, int], bool]
) -> set[int]:
    """Return the ends of a fixed part, before which an expression can have begun at one of the starts."""
    # The first two are enough: only one start can be where the word begins.
    first = sorted(starts)[:2]
    return {end + len(part) for end in ends if any(start <= end and allowed(start, end) for start in first)}


def _holds_something(value: Any) -> bool:
    items = value.values() if isinstance(value, Mapping) else value
    return any(not is_empty(item) and item not in ([], {}) for item in items)

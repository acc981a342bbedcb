# SPDX-License-Identifier: Apache-2.0
"""Whether a value is known before Airflow renders it, and whether rendering made it nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..api.requests.coercion import native
from .requests.coercion import is_missing, is_object_text, is_result, parsed_list, parsed_mapping

_JINJA_MARKERS = ("{{", "{%", "{#")

_WORDS = ("prompt", "text")
"""Fields that hold words, which the job shows or speaks."""


def is_templated(value: Any) -> bool:
    """Return whether a value is known only at run time: it holds a template, or is no plain data.

    :param value: value of an argument.
    :return: ``True`` if it cannot be checked yet.
    """
    if isinstance(value, str):
        return any(mark in value for mark in _JINJA_MARKERS)
    if isinstance(value, Mapping):
        return any(map(is_templated, value.values()))
    if isinstance(value, list | tuple):
        return any(map(is_templated, value))
    if isinstance(value, os.PathLike) or hasattr(value, "storage_options"):
        return is_templated(str(value))
    return not isinstance(native(value), str | int | float | None)


def is_lost(value: Any) -> bool:
    """Return whether a rendered value is empty: ``None``, blanks or a word such as "None" or "nan".

    :param value: a rendered value.
    :return: whether it is empty.
    """
    return value is None or is_missing(value)


def fault_of_text(name: str | int, rendered: Any) -> str | None:
    """Return why rendered text is no value: an author who means a list or an object does not pay for it.

    :param name: the field, or the index of an item.
    :param rendered: its value.
    :return: the fault, to follow the template; ``None`` without one.
    """
    if not isinstance(rendered, str):
        return None
    text = rendered.strip()
    if is_object_text(text):
        return "gives an object, not text"
    if name not in _WORDS or text[:1] not in ("[", "{", "("):
        return None
    found = parsed_list(parsed_mapping(text))
    if is_result(found):
        return "gives a whole result; name the part that holds the words"
    # A prompt may well be written as JSON, but not as JSON of nothing.
    empty = isinstance(found, list | Mapping) and not _holds_something(found)
    return "gives an empty list or object" if empty else None


def _holds_something(value: Any) -> bool:
    items = value.values() if isinstance(value, Mapping) else value
    return any(not is_lost(item) and item not in ([], {}) for item in items)

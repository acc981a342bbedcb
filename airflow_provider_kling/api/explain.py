# SPDX-License-Identifier: Apache-2.0
"""A validation error in the words of a DAG author: field, value, rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from .readable import readable

_LONGEST_VALUE = 80

_RULES = {
    "missing": "is required",
    "extra_forbidden": "is not a field of this request",
}


def explain(slug: str, error: ValidationError) -> str:
    """Return what is wrong with a request, one sentence a fault.

    :param slug: the endpoint's slug.
    :param error: what validation found.
    """
    return f"{slug}: " + "; ".join(_fault(dict(item)) for item in error.errors(include_url=False)) + "."


def _fault(item: Mapping[str, Any]) -> str:
    if item["type"] == "kling_rule":
        return str(item["msg"])
    name = _path(item["loc"])
    if words := _RULES.get(item["type"]):
        return f"{name} {words}"
    rule = str(item["msg"]).removeprefix("Value error, ").replace("Input should be", "must be", 1)
    return f"{name}={_shown(item['input'])} is refused: {rule[:1].lower()}{rule[1:]}"


def _path(loc: tuple[int | str, ...]) -> str:
    path = ""
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path or "the request"


def _shown(value: Any) -> str:
    text = readable(repr(value), _LONGEST_VALUE)
    long = isinstance(value, str) and len(value) > _LONGEST_VALUE
    return f"{text} ({len(value)} characters)" if long else text

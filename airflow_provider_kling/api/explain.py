# SPDX-License-Identifier: Apache-2.0
"""A validation error in the words of a DAG author: field, value, rule."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from .readable import readable
from .takes import example, number_range

_LONGEST_VALUE = 80

_RULES = {
    "missing": "is required",
    "extra_forbidden": "is not a field of this request",
}

_KINDS_OF_VALUE = {
    "model_type": "must be an object such as {example}",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "string_type": "must be text",
    "bool_type": "must be True or False",
    "bool_parsing": "must be True or False",
    "int_type": "must be a whole number{range}",
    "int_parsing": "must be a whole number{range}",
    "int_from_float": "must be a whole number{range}",
    "float_type": "must be a number{range}",
    "float_parsing": "must be a number{range}",
}
"""Pydantic's words for these speak of its own types and of how it reads them."""

_FIELD = re.compile(r"[a-z_][a-z0-9_]*")
_KINDS = ("str", "int", "float", "bool")


def explain(slug: str, error: ValidationError, model: type[BaseModel] = BaseModel) -> str:
    """Return what is wrong with a request, one sentence a fault.

    :param slug: the endpoint's slug.
    :param error: what validation found.
    :param model: what was validated, to tell what its fields take.
    """
    items = [dict(item) for item in error.errors(include_url=False)]
    faults: dict[str, list[str]] = {}
    for item in items:
        if not _beside_the_point(item, items):
            subject, rule = _fault(item, model)
            faults.setdefault(subject, []).append(rule)
    return (
        f"{slug}: " + "; ".join(f"{subject}{', or '.join(rules)}" for subject, rules in faults.items()) + "."
    )


def _beside_the_point(item: Mapping[str, Any], items: list[dict[str, Any]]) -> bool:
    """Whether a field that takes several kinds of value was given another of them, and that has faults."""
    name = _path(item)
    return item["type"].endswith("_type") and any(
        other is not item and _path(other).startswith(name) and not other["type"].endswith("_type")
        for other in items
    )


def _fault(item: Mapping[str, Any], model: type[BaseModel]) -> tuple[str, str]:
    """Return what is concerned and the rule that it breaks."""
    if item["type"] == "kling_rule":
        return str(item["msg"]), ""
    name = _path(item)
    if words := _RULES.get(item["type"]):
        return f"{name} {words}", ""
    return f"{name}={_shown(item['input'])} is refused: ", _rule(item, model)


def _rule(item: Mapping[str, Any], model: type[BaseModel]) -> str:
    place = item["loc"]
    if words := _KINDS_OF_VALUE.get(item["type"]):
        return words.format(example=example(model, place), range=number_range(model, place))
    rule = str(item["msg"]).removeprefix("Value error, ").replace("Input should be", "must be", 1)
    return f"{rule[:1].lower()}{rule[1:]}"


def _path(item: Mapping[str, Any]) -> str:
    *inner, last = item["loc"] or ("",)
    path = ""
    for part in inner:
        path = _joined(path, part)
    # Pydantic names the kind of value beside the field; what the user has named is no kind.
    path = _joined(path, last, kept=item["type"] in _RULES)
    return path or "the request"


def _joined(path: str, part: int | str, *, kept: bool = False) -> str:
    if isinstance(part, int):
        return f"{path}[{part}]"
    if not kept and (part in _KINDS or not _FIELD.fullmatch(part)):
        return path
    return f"{path}.{part}" if path else part


def _shown(value: Any) -> str:
    text = readable(repr(value), _LONGEST_VALUE)
    long = isinstance(value, str) and len(value) > _LONGEST_VALUE
    return f"{text} ({len(value)} characters)" if long else text

# SPDX-License-Identifier: Apache-2.0
"""A validation error in the words of a DAG author: field, value, rule."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from ..utils.redaction import sanitize_text
from .annotations import choices, describe_object, describe_range, field_names
from .requests.coercion import RESULT_KEYS
from .requests.rules import did_you_mean, join_names

_MAX_VALUE_LENGTH = 80

_RULES = {
    "missing": "is required",
    "extra_forbidden": "is not a field of this request",
}

_TYPE_RULES = {
    "model_type": "expected an object such as {example}",
    "list_type": "expected a list",
    "dict_type": "expected an object",
    "string_type": "expected text",
    "bool_type": "expected True or False",
    "bool_parsing": "expected True or False",
    "int_type": "expected a whole number{range}",
    "int_parsing": "expected a whole number{range}",
    "int_parsing_size": "expected a whole number{range}",
    "int_from_float": "expected a whole number{range}",
    "float_type": "expected a number{range}",
    "float_parsing": "expected a number{range}",
    "finite_number": "expected a finite number",
    "string_too_long": "expected at most {max_length} characters",
    "string_too_short": "expected at least {min_length} character",
    "too_long": "expected at most {max_length} items",
    "too_short": "expected at least {min_length} items",
}
"""Pydantic's words for these speak of its own types and of how it reads them."""

_BOUNDS = ("greater_than_equal", "greater_than", "less_than_equal", "less_than")
_WRONG_TYPE_ERRORS = ("string_type", "model_type", "list_type", "dict_type", "literal_error")
_SEXAGESIMAL = 60
_MAX_ENUMERATED = 3

_FIELD_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_TYPE_BRANCHES = ("str", "int", "float", "bool")


def format_validation_error(slug: str, error: ValidationError, model: type[BaseModel] = BaseModel) -> str:
    """Return what is wrong with a request, one sentence a fault: cause and remedy first, then where.

    :param slug: the endpoint's slug.
    :param error: what validation found.
    :param model: the validated model, to report what its fields accept.
    :return: the sentences.
    """
    items = [dict(item) for item in error.errors(include_url=False)]
    problems: dict[str, list[str]] = {}
    for item in items:
        if not _is_redundant(item, items):
            subject, rule = _format_error(item, model)
            problems.setdefault(subject, []).append(rule)
    sentences = (f"{subject}{_alternatives(rules)}" for subject, rules in problems.items())
    return f"{'. '.join(sentences)} ({slug})."


def _alternatives(rules: list[str]) -> str:
    first, *more = dict.fromkeys(rules)
    return " or ".join([first, *(rule.removeprefix("expected ") for rule in more)])


def _is_redundant(item: Mapping[str, Any], items: list[dict[str, Any]]) -> bool:
    """Whether a field that takes several kinds of value was given another of them, and that has faults."""
    name = _field_path(item)
    return item["type"].endswith("_type") and any(
        other is not item and _field_path(other).startswith(name) and not other["type"].endswith("_type")
        for other in items
    )


def _format_error(item: Mapping[str, Any], model: type[BaseModel]) -> tuple[str, str]:
    """Return what is concerned and the rule that it breaks."""
    if item["type"] == "kling_rule":
        return str(item["msg"]), ""
    name = _field_path(item)
    if words := _RULES.get(item["type"]):
        return f"{name} {words}{_suggest_field(item, model)}", ""
    value = item["input"]
    if item["type"] in _WRONG_TYPE_ERRORS and (remedy := remedy_for(name, value)):
        return f"Invalid value for {name!r}: a {type(value).__name__}; ", remedy
    return f"Invalid value for {name!r}: {_format_value(value)}; ", _expectation(item, model)


def _expectation(item: Mapping[str, Any], model: type[BaseModel]) -> str:
    loc, kind, context = item["loc"], item["type"], item.get("ctx", {})
    if kind in _BOUNDS:
        span = describe_range(model, loc).removeprefix(" from ").removeprefix(", ")
        return f"expected {span or str(item['msg']).removeprefix('Input should be ')}"
    if kind == "literal_error":
        return _expected_choices(choices(model, loc), item["input"], str(context["expected"]))
    if words := _TYPE_RULES.get(kind):
        return words.format(
            example=describe_object(model, loc) if "{example}" in words else "",
            range=describe_range(model, loc),
            **context,
        )
    rule = str(item["msg"]).removeprefix("Value error, ").replace("Input should be", "must be", 1)
    return f"{rule[:1].lower()}{rule[1:]}"


def _expected_choices(words: Sequence[Any], value: Any, expected: str) -> str:
    """Say which values an enumeration has, as a range where they are one, and which one was meant."""
    numbers = [int(word) for word in words if str(word).isdecimal()]
    if numbers and len(numbers) == len(words):
        in_order = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        if in_order and len(numbers) > _MAX_ENUMERATED:
            return f"expected {numbers[0]} to {numbers[-1]}"
        return f"expected {join_names([str(number) for number in numbers])}"
    if ratio := next(
        (str(word) for word in words if _yaml_sexagesimal(str(word)) == str(value).strip()), None
    ):
        return f'write "{ratio}" in quotes: YAML reads {ratio} without them as {str(value).strip()}'
    meant = did_you_mean(value, [str(word) for word in words])
    return f"expected {expected}{meant}"


def _yaml_sexagesimal(word: str) -> str:
    """Return the number that YAML 1.1 makes of two numbers with a colon between them."""
    first, colon, second = word.partition(":")
    if not colon or not (first + second).isdecimal():
        return ""
    return str(int(first) * _SEXAGESIMAL + int(second))


def _suggest_field(item: Mapping[str, Any], model: type[BaseModel]) -> str:
    if item["type"] != "extra_forbidden":
        return ""
    return did_you_mean(item["loc"][-1], field_names(model, item["loc"][:-1]))


def remedy_for(name: str, value: Any) -> str:
    """Say what to pass of an operator's result, or of several values, where one text is taken.

    :param name: the field.
    :param value: what was given.
    :return: the remedy; empty where there is none.
    """
    if isinstance(value, Mapping):
        key = next((key for key in RESULT_KEYS if value.get(key)), None)
        key = key or next((key for key in RESULT_KEYS if key[:-1] in name), None)
        if key and name.endswith("_id") and "task" not in name:
            return f"pass one id of it, such as {key[:-1]}.output[{key!r}][0]['id']"
        if "task_id" in value and name.endswith("_id"):
            return "pass its id, such as task.output['task_id']"
        if key:
            short = {"images": "img", "videos": "video", "audios": "audio"}[key]
            part = f"[{key!r}][0]['url']"
            # Airflow takes a word in brackets after .output for the key of an XCom.
            template = f"{{{{ ti.xcom_pull({short!r}){part} }}}}"
            return f"pass one file of it, such as {short}.output{part}, as a template: {template}"
        return "pass one value of it, such as task.output['key']" if value else ""
    if isinstance(value, list | tuple) and value:
        return "pass one value, or map the task with .expand() over several"
    return ""


def _field_path(item: Mapping[str, Any]) -> str:
    *inner, last = item["loc"] or ("",)
    path = ""
    for part in inner:
        path = _join_path(path, part)
    # Pydantic names the kind of value next to the field; what the user has named is no kind.
    path = _join_path(path, last, retained=item["type"] in _RULES)
    return path or "the request"


def _join_path(path: str, part: int | str, *, retained: bool = False) -> str:
    if isinstance(part, int):
        return f"{path}[{part}]"
    if not retained and (part in _TYPE_BRANCHES or not _FIELD_NAME.fullmatch(part)):
        return path
    return f"{path}.{part}" if path else part


def _format_value(value: Any) -> str:
    text = sanitize_text(repr(value), _MAX_VALUE_LENGTH)
    long = isinstance(value, str) and len(value) > _MAX_VALUE_LENGTH
    return f"{text} ({len(value)} characters)" if long else text

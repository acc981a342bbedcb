# SPDX-License-Identifier: Apache-2.0
"""Convert values as people write them to what the fields of a request accept.

YAML, Variables, templates, databases and numpy deliver a number as text, as a ``Decimal`` or as a scalar of
their own, a list as JSON text, a flag as a word. What cannot be read stays as it is, and validation names it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel

from ...utils.json_input import read_json
from ...utils.urls import is_blank
from ..annotations import union_members
from .field_types import MediaConstraints
from .rules import TEMPLATED

NONE_WORD = "None"
"""What Jinja writes for a value that is not there, unless it renders to native objects."""

RESULT_KEYS = ("images", "videos", "audios")
"""Keys of an operator's result that hold files."""

_FLAG_WORDS = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), False),
}
_MISSING_WORDS = ("none", "nan", "null", "nat", "<na>", "n/a", "#n/a", "undefined")
_OBJECT_REPR = re.compile(r"<[^\n]*?\bat 0x[0-9a-fA-F]+>")
_FLAG_PAIRS = (("on", "off"), ("yes", "no"), ("true", "false"))
_WHOLE_NUMBER = re.compile(r"([0-9]+)\.0+")
_MAX_INTEGER = 2**63
_MAX_WORD_LENGTH = 64
_MAX_VIDEO_SECONDS = 3600


def is_none_word(value: Any) -> bool:
    """Whether a value is the word that Jinja writes for a value that is not there.

    :param value: any value.
    :return: true for ``"None"``, with or without blanks around it.
    """
    return isinstance(value, str) and value.strip() == NONE_WORD


def is_missing(value: Any) -> bool:
    """Whether a value is text that programs write for a value that is not there.

    :param value: any value.
    :return: true for blanks and words such as ``None``, ``nan`` and ``null``.
    """
    return isinstance(value, str) and (is_blank(value) or value.strip().lower() in _MISSING_WORDS)


def is_object_repr(value: Any) -> bool:
    """Whether a value holds what a template or an f-string writes for an object without text of its own.

    :param value: any value.
    :return: true for text such as ``in <DagParam object at 0x7f...>``, which differs in each process.
    """
    return isinstance(value, str) and " at 0x" in value and _OBJECT_REPR.search(value) is not None


def to_builtin(value: Any) -> Any:
    """Return a value as Python's own types, at any depth.

    :param value: an ``Enum``, a ``Decimal``, a scalar or array of numpy, a sequence such as Airflow's
        ``LazyXComSequence``, or a mapping or list of them.
    :return: the same without them; anything else as it is.
    """
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, Mapping):
        return {to_builtin(key): to_builtin(item) for key, item in value.items()}
    converted = _scalar(value)
    is_sequence = isinstance(converted, Sequence) and not isinstance(converted, str | bytes | bytearray)
    return [to_builtin(item) for item in converted] if is_sequence else converted


def _number(value: Decimal) -> int | float | str:
    if not value.is_finite() or abs(value) >= _MAX_INTEGER:
        return str(value)
    return int(value) if value == value.to_integral_value() else float(value)


def _scalar(value: Any) -> Any:
    """Return what a value stands for; of numpy's, without an import of numpy."""
    if isinstance(value, Enum):
        return to_builtin(value.value)
    if isinstance(value, Decimal):
        return _number(value)
    kind = type(value)
    name = "item" if getattr(value, "shape", ()) == () else "tolist"
    convert = getattr(kind, name, None)
    found = convert(value) if callable(convert) else value
    return value if type(found) is kind else found


class _FieldType(NamedTuple):
    """What a field takes.

    :param kinds: types other than literals.
    :param literals: the values of an enumeration, by their text.
    :param items: types of a list's items; empty where no list is taken.
    :param file: text names or holds a file.
    :param structured: a list or an object is taken, and no text.
    """

    kinds: frozenset[Any]
    literals: Mapping[str, Any]
    items: frozenset[Any]
    file: bool
    structured: bool


def _is_object(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


@cache
def _field_types(model: type[BaseModel]) -> Mapping[str, _FieldType]:
    found = {}
    for name, field in model.model_fields.items():
        arms = list(union_members(field.annotation, tuple(field.metadata)))
        lists = [kind for kind, _ in arms if get_origin(kind) is list]
        kinds = frozenset(kind for kind, _ in arms if isinstance(kind, type) and get_origin(kind) is None)
        items = frozenset(kind for each in lists for kind, _ in union_members(get_args(each)[0]))
        words = [word for kind, _ in arms if get_origin(kind) is Literal for word in get_args(kind)]
        found[name] = _FieldType(
            kinds=kinds,
            literals={str(word): word for word in words},
            items=items,
            file=any(isinstance(mark, MediaConstraints) for _, marks in arms for mark in marks),
            structured=str not in kinds and (bool(items) or any(map(_is_object, kinds))),
        )
    return found


def coerce_fields(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an object as its model takes them, where their meaning is clear.

    :param model: the object's model.
    :param values: fields as they were given.
    :return: the same fields; what cannot be read is as it was.
    """
    known = _field_types(model)
    return {name: _coerce(name, known.get(name), value) for name, value in values.items()}


def unlisted_value(model: type[BaseModel], name: str, value: Any) -> str | int | None:
    """Return a value that a field does not list, in the type in which the field is sent.

    :param model: the request's model.
    :param name: the field.
    :param value: what it was given.
    :return: ``None`` where it cannot be such a value: an object, a flag, nothing, no whole number of seconds.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    field_type, text = _field_types(model)[name], _WHOLE_NUMBER.sub(r"\1", str(value).strip())
    if name == "duration" or not field_type.literals:
        if not text.isdecimal() or not 0 < int(text) <= _MAX_VIDEO_SECONDS:
            return None
        return text if field_type.literals else int(text)
    return text if 0 < len(text) <= _MAX_WORD_LENGTH and text.isprintable() else None


def _coerce(name: str, field_type: _FieldType | None, value: Any) -> Any:
    if value is TEMPLATED:
        return value
    value = to_builtin(value)
    if field_type is None:
        return value
    if isinstance(value, str):
        value = _from_text(field_type, value)
    if field_type.literals and isinstance(value, str | int | float):
        return _choice(field_type.literals, value)
    if field_type.items:
        return _wrap_in_list(field_type, value)
    if isinstance(value, bool) and not field_type.literals and bool not in field_type.kinds:
        # Pydantic reads a flag as a number; as text it is refused.
        return str(value) if field_type.kinds & {int, float} else value
    # What native rendering made of "1984". A float has lost its zeros, and a file is never a number.
    whole = isinstance(value, int) and not isinstance(value, bool)
    words = (
        str in field_type.kinds
        and int not in field_type.kinds
        and not field_type.file
        and name != "model_name"
    )
    return str(value) if whole and words else value


def _from_text(field_type: _FieldType, text: str) -> Any:
    bare = text.strip()
    if field_type.structured:
        return _parse_literal(bare) if bare[:1] in ("[", "{", "(") else text
    return text if str in field_type.kinds else bare


def _parse_literal(text: str) -> Any:
    """Read JSON, or what Python writes for lists and objects, as Jinja does without ``tojson``."""
    try:
        return read_json(text)
    except ValueError:
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def parse_mapping(value: Any) -> Any:
    """Return a mapping that a template may have made text of.

    :param value: a mapping, or one as JSON text.
    :return: the mapping; anything else as it is.
    """
    value = to_builtin(value)
    found = _parse_literal(value.strip()) if isinstance(value, str) else value
    return found if isinstance(found, Mapping) else value


def parse_list(value: Any) -> Any:
    """Return a list that a template may have made text of.

    :param value: a list or tuple, or one as JSON text.
    :return: the list; anything else as it is.
    """
    value = to_builtin(value)
    is_list = isinstance(value, str) and value.strip()[:1] in ("[", "(")
    return to_builtin(_parse_literal(value.strip())) if is_list else value


def _choice(by_text: Mapping[str, Any], value: Any) -> Any:
    if isinstance(value, bool):
        return _word_for_flag(by_text, value)
    text = str(value).strip()
    if text in by_text:
        return by_text[text]
    whole = _WHOLE_NUMBER.sub(r"\1", text)
    if whole in by_text:
        return by_text[whole]
    flag = _FLAG_WORDS.get(text.lower())
    return value if flag is None else _word_for_flag(by_text, flag, value)


def _word_for_flag(by_text: Mapping[str, Any], flag: bool, value: Any = None) -> Any:
    """Return the word of an enumeration that stands for a flag; YAML reads a bare ``off`` as false."""
    for yes, no in _FLAG_PAIRS:
        word = yes if flag else no
        if word in by_text and ((yes in by_text and no in by_text) or value is None):
            return by_text[word]
    return flag if value is None else value


def _wrap_in_list(field_type: _FieldType, value: Any) -> Any:
    """Return a list of one where one is given, as a mapped group of one delivers it."""
    if (
        value
        and isinstance(value, Mapping)
        and any(map(_is_object, field_type.items))
        and not is_result(value)
    ):
        return [value]
    if isinstance(value, list) and str in field_type.items:
        # An item that is nothing is refused by its place; left out, it would change what the others mean.
        return ["" if item is None or is_none_word(item) else item for item in value]
    one = isinstance(value, str) and bool(value.strip()) and str in field_type.items
    return [value] if one else value


def is_result(value: Any) -> bool:
    """Whether a value is what an operator returns of its job.

    :param value: any value.
    :return: true for the return value of an operator of this package.
    """
    return (
        isinstance(value, Mapping)
        and "task_id" in value
        and ("endpoint" in value or any(isinstance(value.get(key), list) for key in RESULT_KEYS))
    )

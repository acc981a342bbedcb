# SPDX-License-Identifier: Apache-2.0
"""Values as people have them, made what the fields of a request take.

YAML, Variables, templates, databases and numpy deliver a number as text, as a ``Decimal`` or as a scalar of
their own, a list as JSON text, a flag as a word. What cannot be read stays as it is, and validation names it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from ...utils.json_input import read_json
from ...utils.urls import is_blank
from ..annotations import arms_of
from .field_types import MediaConstraints
from .rules import TEMPLATED

NONE_WORD = "None"
"""What Jinja writes for a value that is not there, unless it renders to native objects."""

RESULT_KEYS = ("images", "videos", "audios")
"""Keys of an operator's result that hold files."""

_WORDS = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), False),
}
_MISSING_WORDS = ("none", "nan", "null", "nat", "<na>", "n/a", "#n/a", "undefined")
_OBJECT = re.compile(r"<[^\n]*?\bat 0x[0-9a-fA-F]+>")
_PAIRS = (("on", "off"), ("yes", "no"), ("true", "false"))
_WHOLE = re.compile(r"([0-9]+)\.0+")
_LARGEST = 2**63
_LONGEST_WORD = 64
_LONGEST_VIDEO = 3600


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


def is_object_text(value: Any) -> bool:
    """Whether a value holds what a template or an f-string writes for an object without text of its own.

    :param value: any value.
    :return: true for text such as ``in <DagParam object at 0x7f...>``, which differs in each process.
    """
    return isinstance(value, str) and " at 0x" in value and _OBJECT.search(value) is not None


def native(value: Any) -> Any:
    """Return a value as Python's own types, at any depth.

    :param value: an ``Enum``, a ``Decimal``, a scalar or array of numpy, a sequence such as Airflow's
        ``LazyXComSequence``, or a mapping or list of them.
    :return: the same without them; anything else as it is.
    """
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, Mapping):
        return {native(key): native(item) for key, item in value.items()}
    plain = _scalar(value)
    several = isinstance(plain, Sequence) and not isinstance(plain, str | bytes | bytearray)
    return [native(item) for item in plain] if several else plain


def _number(value: Decimal) -> int | float | str:
    if not value.is_finite() or abs(value) >= _LARGEST:
        return str(value)
    return int(value) if value == value.to_integral_value() else float(value)


def _scalar(value: Any) -> Any:
    """Return what a value stands for; of numpy's, without an import of numpy."""
    if isinstance(value, Enum):
        return native(value.value)
    if isinstance(value, Decimal):
        return _number(value)
    kind = type(value)
    name = "item" if getattr(value, "shape", ()) == () else "tolist"
    convert = getattr(kind, name, None)
    found = convert(value) if callable(convert) else value
    return value if type(found) is kind else found


@dataclass(frozen=True, slots=True)
class _Takes:
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
def _fields(model: type[BaseModel]) -> Mapping[str, _Takes]:
    found = {}
    for name, field in model.model_fields.items():
        arms = list(arms_of(field.annotation, tuple(field.metadata)))
        lists = [kind for kind, _ in arms if get_origin(kind) is list]
        kinds = frozenset(kind for kind, _ in arms if isinstance(kind, type) and get_origin(kind) is None)
        items = frozenset(kind for each in lists for kind, _ in arms_of(get_args(each)[0]))
        words = [word for kind, _ in arms if get_origin(kind) is Literal for word in get_args(kind)]
        found[name] = _Takes(
            kinds=kinds,
            literals={str(word): word for word in words},
            items=items,
            file=any(isinstance(mark, MediaConstraints) for _, marks in arms for mark in marks),
            structured=str not in kinds and (bool(items) or any(map(_is_object, kinds))),
        )
    return found


def as_taken(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an object as its model takes them, where their meaning is clear.

    :param model: the object's model.
    :param values: fields as they were given.
    :return: the same fields; what cannot be read is as it was.
    """
    known = _fields(model)
    return {name: _taken(name, known.get(name), value) for name, value in values.items()}


def beyond_list(model: type[BaseModel], name: str, value: Any) -> str | int | None:
    """Return a value that a field does not list, in the type in which the field is sent.

    :param model: the request's model.
    :param name: the field.
    :param value: what it was given.
    :return: ``None`` where it cannot be such a value: an object, a flag, nothing, no whole number of seconds.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    takes, text = _fields(model)[name], _WHOLE.sub(r"\1", str(value).strip())
    if name == "duration" or not takes.literals:
        if not text.isdecimal() or not 0 < int(text) <= _LONGEST_VIDEO:
            return None
        return text if takes.literals else int(text)
    return text if 0 < len(text) <= _LONGEST_WORD and text.isprintable() else None


def _taken(name: str, takes: _Takes | None, value: Any) -> Any:
    if value is TEMPLATED:
        return value
    value = native(value)
    if takes is None:
        return value
    if isinstance(value, str):
        value = _from_text(takes, value)
    if takes.literals and isinstance(value, str | int | float):
        return _choice(takes.literals, value)
    if takes.items:
        return _as_list(takes, value)
    if isinstance(value, bool) and not takes.literals and bool not in takes.kinds:
        # Pydantic reads a flag as a number; as text it is refused.
        return str(value) if takes.kinds & {int, float} else value
    # What native rendering made of "1984". A float has lost its zeros, and a file is never a number.
    whole = isinstance(value, int) and not isinstance(value, bool)
    words = str in takes.kinds and int not in takes.kinds and not takes.file and name != "model_name"
    return str(value) if whole and words else value


def _from_text(takes: _Takes, text: str) -> Any:
    bare = text.strip()
    if takes.structured:
        return _parsed(bare) if bare[:1] in ("[", "{", "(") else text
    return text if str in takes.kinds else bare


def _parsed(text: str) -> Any:
    """Read JSON, or what Python writes for lists and objects, as Jinja does without ``tojson``."""
    try:
        return read_json(text)
    except ValueError:
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def parsed_mapping(value: Any) -> Any:
    """Return a mapping that a template may have made text of.

    :param value: a mapping, or one as JSON text.
    :return: the mapping; anything else as it is.
    """
    value = native(value)
    found = _parsed(value.strip()) if isinstance(value, str) else value
    return found if isinstance(found, Mapping) else value


def parsed_list(value: Any) -> Any:
    """Return a list that a template may have made text of.

    :param value: a list or tuple, or one as JSON text.
    :return: the list; anything else as it is.
    """
    value = native(value)
    is_list = isinstance(value, str) and value.strip()[:1] in ("[", "(")
    return native(_parsed(value.strip())) if is_list else value


def _choice(by_text: Mapping[str, Any], value: Any) -> Any:
    if isinstance(value, bool):
        return _flag_word(by_text, value)
    text = str(value).strip()
    if text in by_text:
        return by_text[text]
    whole = _WHOLE.sub(r"\1", text)
    if whole in by_text:
        return by_text[whole]
    meant = _WORDS.get(text.lower())
    return value if meant is None else _flag_word(by_text, meant, value)


def _flag_word(by_text: Mapping[str, Any], meant: bool, value: Any = None) -> Any:
    """Return the word of an enumeration that stands for a flag; YAML reads a bare ``off`` as false."""
    for yes, no in _PAIRS:
        word = yes if meant else no
        if word in by_text and ((yes in by_text and no in by_text) or value is None):
            return by_text[word]
    return meant if value is None else value


def _as_list(takes: _Takes, value: Any) -> Any:
    """Return a list of one where one is given, as a mapped group of one delivers it."""
    if value and isinstance(value, Mapping) and any(map(_is_object, takes.items)) and not is_result(value):
        return [value]
    if isinstance(value, list) and str in takes.items:
        # An item that is nothing is refused by its place; left out, it would change what the others mean.
        return ["" if item is None or is_none_word(item) else item for item in value]
    one = isinstance(value, str) and bool(value.strip()) and str in takes.items
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

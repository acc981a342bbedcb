# SPDX-License-Identifier: Apache-2.0
"""Types of parameters the way people write them, from the annotations of a request's fields.

Constraints are left out: they stand in the description. One text serves ``help()``, the stubs and the
reference.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ..api.fields import Media

_NONE = "None"


def type_of(field: FieldInfo) -> str:
    """Return the type of a field, such as ``Literal["std", "pro"] | None``."""
    return union(arms(field))


def arms(field: FieldInfo) -> list[str]:
    """Return the alternatives of a field's type; ``None`` comes last."""
    return _arms(field.annotation, field.metadata)


def union(alternatives: Iterable[str]) -> str:
    """Join alternatives; each is named once, and ``None`` last."""
    unique = dict.fromkeys(alternatives)
    last = [_NONE] if unique.pop(_NONE, _NONE) is None else []
    return " | ".join([*unique, *last])


def _arms(kind: Any, marks: Iterable[Any] = ()) -> list[str]:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _arms(inner[0], inner[1:])
    if origin in (Union, UnionType):
        return _merged([arm for part in inner for arm in _arms(part)])
    if origin is Literal:
        return [_literal(inner)]
    if origin is list:
        return [f"Sequence[{union(_arms(inner[0]))}]"]
    if kind is str and any(isinstance(mark, Media) for mark in marks):
        return ["str", "PathLike[str]", "ObjectStoragePath"]
    return [_plain(kind)]


def _plain(kind: type) -> str:
    if kind is NoneType:
        return _NONE
    return "Mapping[str, Any]" if issubclass(kind, BaseModel) else kind.__name__


_LITERAL = "Literal["


def _literal(values: Iterable[Any]) -> str:
    words = (f'"{value}"' if isinstance(value, str) else repr(value) for value in values)
    return f"{_LITERAL}{', '.join(words)}]"


def _merged(alternatives: list[str]) -> list[str]:
    """Join the literals among the alternatives to one."""
    literals = [arm[len(_LITERAL) : -1] for arm in alternatives if arm.startswith(_LITERAL)]
    others = [arm for arm in alternatives if not arm.startswith(_LITERAL)]
    return ([f"{_LITERAL}{', '.join(literals)}]"] if literals else []) + others

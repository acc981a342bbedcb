# SPDX-License-Identifier: Apache-2.0
"""The type of a request's field, found by the location that a validation error names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

_OPEN_END = 2**31 - 2
"""Bounds from here on only limit numbers to the range of JSON readers."""


def describe_range(model: type[BaseModel], loc: Sequence[int | str]) -> str:
    """Describe the numbers that a field allows, as text to follow "a number".

    :param model: the request's model.
    :param loc: way to the field, as pydantic writes it.
    :return: such as ``" from 0 to 1"``; empty if every number is allowed.
    """
    low, high = _bounds(_metadata(model, loc))
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}"
    return f", {low:g} or more" if low is not None else f", {high:g} or less" if high is not None else ""


def describe_object(model: type[BaseModel], loc: Sequence[int | str]) -> str:
    """Describe the object that a field expects by the names of its required fields.

    :param model: the request's model.
    :param loc: way to the field, as pydantic writes it.
    :return: such as ``{'face_id': …}``, or ``{...}`` if the field is no object.
    """
    inner = next((kind for kind, _ in _types_at(model, loc) if _is_model(kind)), None)
    if inner is None:
        return "{...}"
    needed = [name for name, field in inner.model_fields.items() if field.is_required()]
    names = needed or list(inner.model_fields)[:1]
    return f"{{{', '.join(f'{name!r}: …' for name in names)}}}"


def choices(model: type[BaseModel], loc: Sequence[int | str]) -> list[Any]:
    """Return the values of a field that is an enumeration.

    :param model: the request's model.
    :param loc: way to the field, as pydantic writes it.
    :return: the values; none where the field is no enumeration.
    """
    return [
        word for kind, _ in _types_at(model, loc) if get_origin(kind) is Literal for word in get_args(kind)
    ]


def field_names(model: type[BaseModel], loc: Sequence[int | str]) -> list[str]:
    """Return the names of the fields of an object.

    :param model: the request's model.
    :param loc: way to the object, as pydantic writes it.
    :return: the names; none where there is no object.
    """
    return [name for kind, _ in _types_at(model, loc) if _is_model(kind) for name in kind.model_fields]


def _types_at(model: type[BaseModel], loc: Sequence[int | str]) -> list[tuple[Any, tuple[Any, ...]]]:
    """Return the types of a field, each with its marks."""
    found: list[tuple[Any, tuple[Any, ...]]] = [(model, ())]
    for part in loc:
        # Pydantic also names the kind of value that it tried, which leads nowhere.
        found = [member for kind, _ in found for member in _types_inside(kind, part)] or found
    return found


def _types_inside(kind: Any, part: int | str) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    if isinstance(part, int):
        if get_origin(kind) is list:
            yield from union_members(get_args(kind)[0])
    elif _is_model(kind) and part in kind.model_fields:
        field = kind.model_fields[part]
        yield from union_members(field.annotation, tuple(field.metadata))


def union_members(kind: Any, marks: tuple[Any, ...] = ()) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Yield the types that a value may have, each with what is marked on it.

    :param kind: an annotation.
    :param marks: what is marked on all of it.
    :return: the types that are neither a union nor annotated.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        yield from union_members(inner[0], (*inner[1:], *marks))
    elif origin in (Union, UnionType):
        for member in inner:
            yield from union_members(member, marks)
    else:
        yield kind, marks


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _metadata(model: type[BaseModel], loc: Sequence[int | str]) -> Iterator[Any]:
    for kind, marks in _types_at(model, loc):
        if kind in (int, float):
            for mark in marks:
                yield from mark.metadata if isinstance(mark, FieldInfo) else (mark,)


def _bounds(marks: Iterable[Any]) -> tuple[Any, Any]:
    low: Any = None
    high: Any = None
    for mark in marks:
        if isinstance(mark, Ge | Gt):
            low = mark.ge if isinstance(mark, Ge) else mark.gt
        elif isinstance(mark, Le | Lt):
            high = mark.le if isinstance(mark, Le) else mark.lt
    return _is_documented(low), _is_documented(high)


def _is_documented(bound: Any) -> Any:
    return bound if bound is not None and abs(bound) < _OPEN_END else None

# SPDX-License-Identifier: Apache-2.0
"""Every media value of a request, wherever it stands. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from ..api.fields import Media
from ..api.request import KlingRequest


@dataclass(frozen=True, slots=True)
class Found:
    """A media value.

    :param field: where it stands, such as ``image_list[0].image``.
    :param rules: what the field takes.
    :param value: what the DAG author gave.
    """

    field: str
    rules: Media
    value: str


def map_media(request: KlingRequest, change: Callable[[Found], str]) -> KlingRequest:
    """Return a copy of the request with each media value changed.

    :param request: a validated request; it is not changed.
    :param change: called once for each media value that is set; returns what takes its place.
    """
    mapped: KlingRequest = _model(request, "", change)
    return mapped


def _model(model: Any, prefix: str, change: Callable[[Found], str]) -> Any:
    update = {
        name: _value(getattr(model, name), info.annotation, info.metadata, f"{prefix}{name}", change)
        for name, info in type(model).model_fields.items()
        if getattr(model, name) is not None
    }
    return model.model_copy(update=update)


def _value(value: Any, kind: Any, marks: Iterable[Any], field: str, change: Callable[[Found], str]) -> Any:
    if isinstance(value, BaseModel):
        return _model(value, f"{field}.", change)
    kind, marks = _resolved(value, kind, tuple(marks))
    if isinstance(value, list):
        item_kind = next(iter(get_args(kind)), Any)
        return [_value(item, item_kind, (), f"{field}[{at}]", change) for at, item in enumerate(value)]
    rules = next((mark for mark in marks if isinstance(mark, Media)), None)
    return change(Found(field, rules, value)) if rules and isinstance(value, str) else value


def _resolved(value: Any, kind: Any, marks: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """Look through ``Annotated`` and ``| None`` to the type that the value has."""
    while True:
        if get_origin(kind) is Annotated:
            kind, *more = get_args(kind)
            marks += tuple(more)
        elif get_origin(kind) in (Union, UnionType):
            fitting = [arm for arm in get_args(kind) if _base(arm) is type(value)]
            if not fitting:
                return kind, marks
            kind = fitting[0]
        else:
            return kind, marks


def _base(kind: Any) -> Any:
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    return get_origin(kind) or kind

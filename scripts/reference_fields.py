# SPDX-License-Identifier: Apache-2.0
"""The fields of a request as rows of a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from airflow_provider_kling.api.requests.field_types import IMAGE, MEGABYTE, MediaConstraints

_MOST_LISTED = 4
_OPEN_END = 2**31 - 2
"""Bounds from here on only keep numbers within what JSON readers can hold."""


class Row(NamedTuple):
    """One field.

    :param name: its name; of a field inside an object or a list with the way to it.
    :param kind: its type and range, as Markdown.
    :param words: what it means.
    :param default: its default, as Markdown.
    """

    name: str
    kind: str
    words: str
    default: str


def rows(model: type[BaseModel], prefix: str = "") -> Iterator[Row]:
    """Yield the fields of a model, each followed by the fields of what it holds."""
    for name, field in model.model_fields.items():
        kind = _Kind(field.annotation, field.metadata)
        yield Row(f"{prefix}{name}", str(kind), field.description or "", _default(field))
        if kind.inside:
            yield from rows(kind.inside, f"{prefix}{name}{'[]' if kind.is_list else ''}.")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    return "" if field.default is None else f"`{field.default}`"


class _Kind:
    """The type of a field, looked through ``Annotated`` and ``| None``."""

    def __init__(self, annotation: Any, marks: Iterable[Any]) -> None:
        self.inside: type[BaseModel] | None = None
        self.is_list = False
        self._text = self._read(annotation, tuple(marks))

    def __str__(self) -> str:
        return self._text

    def _read(self, kind: Any, marks: tuple[Any, ...]) -> str:
        origin, inner = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return self._read(inner[0], (*inner[1:], *marks))
        if origin in (Union, UnionType):
            return ", ".join(self._read(arm, marks) for arm in inner if arm is not NoneType)
        if origin is Literal:
            return _words(inner)
        if origin is list:
            self.is_list = True
            count = _count(marks)
            return f"list of {count}{self._read(inner[0], ())}".replace(
                "list of 1 objects", "list of 1 object"
            )
        if issubclass(kind, BaseModel):
            self.inside = kind
            return "objects" if self.is_list else "object"
        return _plain(kind, marks, several=self.is_list)


def _words(values: tuple[Any, ...]) -> str:
    numbers = [int(value) for value in values if str(value).isdecimal()]
    if len(numbers) == len(values) > _MOST_LISTED and numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"`{values[0]}` to `{values[-1]}`"
    return ", ".join(f"`{value}`" for value in values)


def _plain(kind: type, marks: tuple[Any, ...], *, several: bool) -> str:
    media = next((mark for mark in marks if isinstance(mark, MediaConstraints)), None)
    if media:
        return _media(media, several=several)
    low, high = _bounds(marks)
    if kind is str:
        return f"`str`{f', at most {high:,} characters' if high else ''}"
    limits = f", {low:g} to {high:g}" if low is not None and high is not None else ""
    return f"`{kind.__name__}`{limits}"


def _bounds(marks: Iterable[Any]) -> tuple[float | None, float | None]:
    low: float | None = None
    high: float | None = None
    for mark in _flat(marks):
        if isinstance(mark, Ge | Gt):
            low = mark.ge if isinstance(mark, Ge) else mark.gt  # type: ignore[assignment]
        elif isinstance(mark, MinLen):
            low = mark.min_length
        elif isinstance(mark, Le | Lt):
            high = mark.le if isinstance(mark, Le) else mark.lt  # type: ignore[assignment]
        elif isinstance(mark, MaxLen):
            high = mark.max_length
    return low, high if high is None or high < _OPEN_END else None


def _flat(marks: Iterable[Any]) -> Iterator[Any]:
    for mark in marks:
        yield from mark.metadata if isinstance(mark, FieldInfo) else (mark,)


def _count(marks: tuple[Any, ...]) -> str:
    low, high = _bounds(marks)
    if high is None:
        return ""
    if low == high:
        return f"{high:g} "
    return f"{low:g} to {high:g} " if low else f"at most {high:g} "


_NOUNS = {"image": ("image", "images"), "audio": ("audio", "audio files"), "video": ("video", "videos")}


def _media(media: MediaConstraints, *, several: bool) -> str:
    noun = _NOUNS[media.kind][several]
    return f"[{noun}](README.md#images)" if media == IMAGE else f"{noun}; {media_words(media)}"


def media_words(media: MediaConstraints) -> str:
    """Return what an image, audio file or video may be."""
    facts = [_ways(media), ", ".join(media.formats)]
    if media.max_bytes:
        facts.append(f"at most {media.max_bytes // MEGABYTE} MB")
    if media.min_side and media.max_side:
        facts.append(f"{media.min_side} to {media.max_side} px a side")
    elif media.min_side:
        facts.append(f"at least {media.min_side} px a side")
    if media.ratio:
        facts.append(f"width to height {media.ratio[0]:g} to {media.ratio[1]:g}")
    if media.max_area:
        facts.append(f"at most {media.max_area:,} px in all")
    return "; ".join(fact for fact in (*facts, *_of_video(media)) if fact)


def _of_video(media: MediaConstraints) -> Iterator[str]:
    if media.ratios:
        yield f"ratio {' or '.join(f'{width}:{height}' for width, height in media.ratios)}"
    if media.fps:
        yield f"{media.fps[0]:g} to {media.fps[1]:g} fps"
    if media.rates:
        yield f"{', '.join(map(str, media.rates))} fps"
    if media.seconds and media.seconds_between:
        (least, most), (first, second) = media.seconds, media.seconds_between
        yield f"{least:g} to {first:g} s or {second:g} to {most:g} s"
    elif media.seconds:
        yield f"{media.seconds[0]:g} to {media.seconds[1]:g} s"


def _ways(media: MediaConstraints) -> str:
    if media.inline and media.url:
        return "file, storage, base64 or URL"
    return "file, storage or base64" if media.inline else "URL, or storage that can sign URLs"

# SPDX-License-Identifier: Apache-2.0
"""Finds the media in a request by the annotations of its fields, however deep they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, NamedTuple, TypeVar, get_args, get_origin

from .fields import Media
from .request import KlingObject

R = TypeVar("R", bound=KlingObject)


class MediaValue(NamedTuple):
    """One picture, sound or video of a request.

    :param path: where it stands, such as ``image`` or ``image_list[0].image``.
    :param media: what the vendor accepts there.
    :param value: URL, base64, local path or object-storage URI.
    """

    path: str
    media: Media
    value: str


def media_in(request: KlingObject) -> Iterator[MediaValue]:
    """Yield every picture, sound and video that a request holds, in the order of its fields."""
    yield from _walk(request, None, "")


def with_media(request: R, values: Mapping[str, str]) -> R:
    """Return a copy of a request with other media; the request itself stays as it is.

    :param request: the request.
    :param values: path, as :func:`media_in` gives it, to the new value. It is not checked again.
    """
    copy: R = _replaced(request, values, "")
    return copy


def holds_media(annotation: Any) -> bool:
    """Whether a field of this annotation can hold a picture, sound or video, at whatever depth."""
    if _marker(annotation):
        return True
    if isinstance(annotation, type) and issubclass(annotation, KlingObject):
        return any(_marker(field) or holds_media(field) for field in _annotations(annotation).values())
    return any(holds_media(part) for part in get_args(annotation))


def _walk(value: Any, annotation: Any, path: str) -> Iterator[MediaValue]:
    if isinstance(value, KlingObject):
        for name, inner in _annotations(type(value)).items():
            yield from _walk(getattr(value, name), inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        item = _item(annotation)
        for index, entry in enumerate(value):
            yield from _walk(entry, item, f"{path}[{index}]")
    elif isinstance(value, str) and (media := _marker(annotation)):
        yield MediaValue(path, media, value)


def _replaced(value: Any, values: Mapping[str, str], path: str) -> Any:
    if isinstance(value, KlingObject):
        inner = {
            name: _replaced(getattr(value, name), values, f"{path}.{name}" if path else name)
            for name in value.model_fields_set
        }
        return value.model_copy(update=inner)
    if isinstance(value, list):
        return [_replaced(entry, values, f"{path}[{index}]") for index, entry in enumerate(value)]
    return values.get(path, value)


@cache
def _annotations(model: type[KlingObject]) -> dict[str, Any]:
    # pydantic moves the metadata of the outermost Annotated out of the annotation.
    return {
        name: Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        for name, field in model.model_fields.items()
    }


def _marker(annotation: Any) -> Media | None:
    if get_origin(annotation) is Annotated:
        found = next((item for item in annotation.__metadata__ if isinstance(item, Media)), None)
        return found or _marker(annotation.__origin__)
    if get_origin(annotation) is list:
        return None
    return next((media for part in get_args(annotation) if (media := _marker(part))), None)


def _item(annotation: Any) -> Any:
    if get_origin(annotation) is list:
        return get_args(annotation)[0]
    return next((item for part in get_args(annotation) if (item := _item(part)) is not None), None)

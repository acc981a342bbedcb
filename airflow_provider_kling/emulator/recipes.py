# SPDX-License-Identifier: Apache-2.0
"""What a job makes, as data; nothing is rendered before somebody downloads it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from .media_kinds import Picture, Sound


class Recipe(Protocol):
    """How to render one file. Recipes are equal when the bytes of their files are."""

    @property
    def content_type(self) -> str:
        """Media type of the file."""
        ...

    def render(self, target: Path) -> None:
        """Write the file."""
        ...


def fingerprint(recipe: Recipe) -> str:
    """Return a name for the recipe's file: the same for the same content."""
    return hashlib.sha256(repr(recipe).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class VideoRecipe:
    """An MP4 that slowly zooms into a picture.

    :param picture: what is seen.
    :param width: in pixels, even.
    :param height: in pixels, even.
    :param seconds: length.
    :param sound: its sound track, which may be shorter than the video.
    :param marked: whether it carries a visible watermark.
    """

    picture: Picture
    width: int
    height: int
    seconds: float
    sound: Sound | None = None
    marked: bool = False

    @property
    def content_type(self) -> str:
        """Media type of the file."""
        return "video/mp4"

    def render(self, target: Path) -> None:
        """Write the file."""
        from .media_video import render

        render(self, target)


@dataclass(frozen=True, slots=True)
class PictureRecipe:
    """A PNG made of a picture.

    :param picture: what is seen.
    :param width: in pixels.
    :param height: in pixels.
    :param variant: different numbers give visibly different pictures.
    :param inset: a second picture in a corner.
    :param margins: what is added above, below, left and right, as parts of the picture's size.
    :param mask: show only what is light, as black and white.
    :param marked: whether it carries a visible watermark.
    """

    picture: Picture
    width: int
    height: int
    variant: int = 0
    inset: Picture | None = None
    margins: tuple[float, float, float, float] | None = None
    mask: bool = False
    marked: bool = False

    @property
    def content_type(self) -> str:
        """Media type of the file."""
        return "image/png"

    def render(self, target: Path) -> None:
        """Write the file."""
        from .media_image import render

        render(self, target)


@dataclass(frozen=True, slots=True)
class SoundRecipe:
    """A sound file.

    :param sound: what is heard.
    :param kind: format of the file.
    """

    sound: Sound
    kind: Literal["mp3", "wav"] = "mp3"

    @property
    def content_type(self) -> str:
        """Media type of the file."""
        return "audio/mpeg" if self.kind == "mp3" else "audio/wav"

    def render(self, target: Path) -> None:
        """Write the file."""
        from .media_audio import render

        render(self, target)


@dataclass(frozen=True, slots=True)
class File:
    """One result file: its name under the task and how it is made."""

    name: str
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a finished task's result.

    :param array: name of the array it stands in, such as ``videos``.
    :param values: its fields; a :class:`File`, at any depth, stands for the file's address.
    """

    array: str
    values: Mapping[str, Any]

    def files(self) -> Iterator[File]:
        """Return all files of the entry."""
        return _files(self.values)


def _files(value: Any) -> Iterator[File]:
    if isinstance(value, File):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _files(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _files(entry)


def with_addresses(value: Any, address: Callable[[File], str]) -> Any:
    """Return the value with each file replaced by its address."""
    if isinstance(value, File):
        return address(value)
    if isinstance(value, Mapping):
        return {name: with_addresses(entry, address) for name, entry in value.items()}
    if isinstance(value, list):
        return [with_addresses(entry, address) for entry in value]
    return value

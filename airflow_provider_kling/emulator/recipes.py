# SPDX-License-Identifier: Apache-2.0
"""What a job makes, as data; nothing is rendered before somebody downloads it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .media_input import Picture


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
    :param sound: whether the video has a sound track.
    :param marked: whether it carries a visible watermark.
    """

    picture: Picture
    width: int
    height: int
    seconds: float
    sound: bool = False
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
class File:
    """One result file: its name under the task and how it is made."""

    name: str
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a finished task's result.

    :param array: name of the array it stands in, such as ``videos``.
    :param values: its plain fields.
    :param files: its fields that are addresses of files.
    """

    array: str
    values: Mapping[str, Any]
    files: Mapping[str, File] = field(default_factory=dict)

# SPDX-License-Identifier: Apache-2.0
"""What a page is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

IMAGE_URL = "https://files.example/1.png"
AUDIO_FIELD = "https://files.example/1.mp3"
FILM = "https://files.example/1.mp4"

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """A field as its page describes it.

    :param required: the page says that it must be given.
    :param values: values that the page lists, each to be accepted; any other is refused where ``closed``.
    :param closed: no other value than ``values`` is documented.
    :param longest: most characters.
    :param low: least number.
    :param high: greatest number.
    :param fewest: fewest items of a list.
    :param most: most items of a list.
    :param item: an item of the list.
    :param given: fields that this one requires; ``None`` takes a field of the base away.
    """

    required: bool = False
    values: tuple[Any, ...] = ()
    closed: bool = True
    longest: int = 0
    low: float | None = None
    high: float | None = None
    fewest: int = 0
    most: int = 0
    item: Any = None
    given: Body = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """A rule between fields.

    :param text: the rule, as the page means it.
    :param refused: values that break it, over the base.
    :param accepted: values that follow it, over the base.
    """

    text: str
    refused: tuple[Body, ...] = ()
    accepted: tuple[Body, ...] = ()


@dataclass(frozen=True)
class Page:
    """A page of the vendor's API documentation.

    :param name: its title.
    :param slug: the endpoint that it describes.
    :param base: a body of what the page requires and no more.
    :param fields: all fields of the page.
    :param rules: its rules between fields.
    :param date: the version of the page that was read.
    """

    name: str
    slug: str
    base: Body
    fields: Mapping[str, Field]
    rules: tuple[Rule, ...] = ()
    date: str = "2026-09"


URL = Field(values=("https://hooks.example/kling",), closed=False)
NAME = Field(values=("shot-1",), closed=False)
MARK = Field(values=({"enabled": True}, {"enabled": False}), closed=False)
TASK = {"callback_url": URL, "external_task_id": NAME}
MARKED = {**TASK, "watermark_info": MARK}
IMAGE = Field(values=(IMAGE_URL,), closed=False)
NEEDED_IMAGE = Field(required=True, values=(IMAGE_URL,), closed=False)


def shots(*seconds: int) -> list[dict[str, Any]]:
    """Make storyboard shots of these lengths."""
    return [{"index": at, "prompt": "A boat", "duration": str(each)} for at, each in enumerate(seconds, 1)]

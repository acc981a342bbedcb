# SPDX-License-Identifier: Apache-2.0
"""From a checked create call to what its job will make."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_kling.api.endpoint import Endpoint, Result

from .media_input import Picture
from .media_video import frame_size
from .recipes import File, Item, VideoRecipe
from .rules import Order

JOB_SECONDS: Mapping[Result, float] = {Result.VIDEOS: 60.0, Result.IMAGES: 24.0, Result.AUDIOS: 20.0}
"""How long jobs take at the vendor, by what they make."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a job makes.

    :param items: entries of its result.
    :param seconds: length of what is made, for the price.
    :param slots: how many slots it takes.
    :param info: further content of ``task_info``.
    """

    items: tuple[Item, ...]
    seconds: float = 0.0
    slots: int = 1
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bench:
    """What a maker needs to know beside the order.

    :param task_id: id of the task; ids of what it makes are derived from it.
    :param scale: size of pictures relative to the real ones.
    """

    task_id: str
    scale: float


Maker = Callable[[Order, Bench], Work]


def work_of(endpoint: Endpoint, order: Order, bench: Bench) -> Work:
    """Return what a job of the endpoint makes."""
    maker = _BY_RESULT[endpoint.result]
    return maker(order, bench)


def _videos(order: Order, bench: Bench) -> Work:
    body = order.body
    seconds = float(body.get("duration", "5"))
    picture = next(iter(order.media.values()), None)
    ratio = picture.width / picture.height if picture else _ratio(body.get("aspect_ratio", "16:9"))
    if picture is None:
        picture = Picture(_drawn_from(order), 1280, 720)
    width, height = frame_size(body.get("mode", "std"), ratio, bench.scale)
    recipe = VideoRecipe(picture, width, height, seconds, sound=body.get("sound") == "on")
    return Work((video_item(recipe, bench, order),), seconds)


def video_item(recipe: VideoRecipe, bench: Bench, order: Order) -> Item:
    """Return the entry of ``videos`` for a rendered video, with a marked copy if one was asked for."""
    files = {"url": File("0.mp4", recipe)}
    if order.body.get("watermark_info", {}).get("enabled"):
        marked = VideoRecipe(
            recipe.picture, recipe.width, recipe.height, recipe.seconds, recipe.sound, marked=True
        )
        files["watermark_url"] = File("0-watermark.mp4", marked)
    # Fractional, as the real service writes it, even where it is a whole number of seconds.
    return Item("videos", {"id": f"{bench.task_id}0", "duration": f"{recipe.seconds:.3f}"}, files)


def _ratio(text: str) -> float:
    width, _, height = text.partition(":")
    return int(width) / int(height)


def _drawn_from(order: Order) -> str:
    return hashlib.sha256(str(order.body.get("prompt", order.digest)).encode()).hexdigest()


_BY_RESULT: Mapping[Result, Maker] = {Result.VIDEOS: _videos}

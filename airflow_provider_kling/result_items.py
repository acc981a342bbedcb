# SPDX-License-Identifier: Apache-2.0
"""What people look at in a task's return value. Pure: no I/O.

Links, lineage and the preview all read what operators and sensors return through this.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_MEDIA = {"videos": "video", "images": "image", "series_images": "image"}


@dataclass(frozen=True, slots=True)
class Item:
    """One file of a result. Of several formats of one sound the first counts; watermarked copies do not.

    :param key: what tells it from the others of its result, such as ``videos[0].url``.
    :param media: ``video``, ``image`` or ``audio``.
    :param url: its signed address at Kling, good for 30 days.
    :param path: where it was landed; ``None`` without ``output_path``.
    :param stem: the landed file's name without its ending.
    :param seconds: length of a video or sound, as far as Kling tells it.
    :param sha256: hash of the landed file.
    """

    key: str
    media: str
    url: str | None
    path: str | None
    stem: str
    seconds: float | None
    sha256: str | None


def result_in(value: Any) -> dict[str, Any] | None:
    """Return a task's return value if it is the result of a job, and ``None`` if it is anything else.

    :param value: JSON value.
    """
    return dict(value) if isinstance(value, Mapping) and "task_id" in value and "endpoint" in value else None


def items_of(result: Mapping[str, Any]) -> list[Item]:
    """Return the files of one result that can be shown or played."""
    return list(_items(result))


def first_address(value: Any) -> str | None:
    """Return the address at Kling of the first file in a return value."""
    return next((item.url for item in items_of(result_in(value) or {}) if item.url), None)


def _items(result: Mapping[str, Any]) -> Iterator[Item]:
    from .results.plan import files_of, is_sha256

    arrays = {name: value for name, value in result.items() if isinstance(value, list)}
    seen: set[tuple[str, int, str]] = set()
    for file in files_of(arrays):
        place = (file.array, file.index, file.kind)
        if place in seen or file.address == "watermark_url":
            continue
        seen.add(place)
        entry = arrays[file.array][file.index]
        digest = entry.get(file.address.replace("url", "sha256"))
        yield Item(
            key=file.key,
            media=_MEDIA.get(file.array, "audio"),
            url=_web_address(file.url(arrays)),
            path=_text(entry.get(file.address.replace("url", "path"))),
            stem=file.name(None).rpartition(".")[0],
            seconds=_seconds(entry),
            sha256=digest if is_sha256(digest) else None,
        )


def _web_address(value: str | None) -> str | None:
    # What is no web address must never become the target of a link.
    return value if value and value.lower().startswith(("https://", "http://")) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _seconds(entry: Mapping[str, Any]) -> float | None:
    for name in ("duration", "duration_mp3", "duration_wav"):
        try:
            seconds = float(entry[name])
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
        # JSON knows no others, and one would take a whole page with it.
        if math.isfinite(seconds):
            return seconds
    return None

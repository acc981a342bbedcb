# SPDX-License-Identifier: Apache-2.0
"""Check that a successful job holds the files that its endpoint makes. Pure: no I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..api.endpoint import MEDIA_RESULTS, ResultType
from ..api.result_shapes import is_file_url
from .files import URL_KEYS

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from ..api.task import KlingTask

_KINDS = {
    ResultType.VIDEOS: ("video",),
    ResultType.PRODUCT_VIDEOS: ("video",),
    ResultType.SUBBED_VIDEOS: ("video",),
    ResultType.IMAGES: ("image",),
    ResultType.AUDIOS: ("audio", "sound", "music"),
}
_ALSO = {"audio/video-to-audio": ("video",)}
_ENDINGS = {
    "video": (".mp4", ".mov", ".webm", ".m4v"),
    "image": (".jpg", ".jpeg", ".png", ".webp", ".gif"),
    "audio": (".mp3", ".wav", ".m4a", ".aac", ".ogg", ".flac"),
    "text": (".srt", ".ass", ".vtt", ".json", ".txt", ".html"),
}
_NEXT_TO_FILE = re.compile(r"cover|thumbnail|poster|subtitle|^srts?$|^ass$")


def makes_files(endpoint: Endpoint) -> bool:
    """Return whether an endpoint makes files, not texts or entries of a library.

    :param endpoint: the endpoint.
    :return: ``False`` for voices, elements and faces.
    """
    return endpoint.result in MEDIA_RESULTS


def holds_a_file(result: Mapping[str, Any]) -> bool:
    """Return whether any array of a result holds a URL, of whatever kind.

    :param result: result arrays by name.
    :return: whether there is something to store.
    """
    return any(_urls(items) for items in result.values())


def holds_its_files(endpoint: Endpoint, task: KlingTask) -> bool:
    """Return whether a job that succeeded holds a file of the kind that its endpoint makes.

    :param endpoint: the endpoint that made the job.
    :param task: the job.
    :return: ``True`` for endpoints that make no files, too.
    """
    if not makes_files(endpoint):
        return True
    kinds = _KINDS[endpoint.result] + _ALSO.get(endpoint.slug, ())
    return any(_is_of(name, kinds, url) for name, items in task.result.items() for url in _urls(items))


def _is_of(name: str, kinds: tuple[str, ...], url: str) -> bool:
    """Whether a URL of an array is of a kind: its extension says so, or the array's name, or neither."""
    ending = _kind_of_url(url)
    if ending:
        return ending in kinds or (ending == "video" and "audio" in kinds)
    word = name.lower()
    if _NEXT_TO_FILE.search(word):
        return False
    known = [kind for kinds_of in _KINDS.values() for kind in kinds_of if kind in word]
    return not known or any(kind in kinds for kind in known)


def _kind_of_url(url: str) -> str | None:
    if url.startswith("data:"):
        return url.removeprefix("data:").partition("/")[0]
    try:
        path = urlsplit(url).path.lower()
    except ValueError:
        return None
    return next((kind for kind, endings in _ENDINGS.items() if path.endswith(endings)), None)


def _urls(items: Iterable[Any]) -> list[str]:
    return [
        item[key].strip()
        for item in items
        if isinstance(item, Mapping)
        for key in URL_KEYS
        if is_file_url(item.get(key))
    ]

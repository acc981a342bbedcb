# SPDX-License-Identifier: Apache-2.0
"""Check that a successful job holds the files that its endpoint makes. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..api.endpoint import ResultType

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
}
_NOT_URLS = frozenset(("", "null", "none", "undefined"))
_NEXT_TO_FILE = ("cover", "thumbnail", "poster", "preview", "callback")


def makes_files(endpoint: Endpoint) -> bool:
    """Return whether an endpoint makes files, not texts or entries of a library.

    :param endpoint: the endpoint.
    :return: ``False`` for voices, elements and faces.
    """
    return endpoint.result in _KINDS


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
    for name, items in task.result.items():
        urls = _urls(items)
        if not urls:
            continue
        if _is_of(name, kinds) or any(_bare(item, kinds) for item in items):
            return True
    return False


def _is_of(name: str, kinds: tuple[str, ...]) -> bool:
    known = [kind for kinds_of in _KINDS.values() for kind in kinds_of if kind in name.lower()]
    # An array whose name contains no kind may hold any.
    return not known or any(kind in kinds for kind in known)


def _bare(item: Any, kinds: tuple[str, ...]) -> bool:
    """Return whether an item is a bare URL, as gateways return it, without an extension of another kind."""
    if not isinstance(item, Mapping) or set(item) != {"url"} or not _urls([item]):
        return False
    path = urlsplit(item["url"]).path.lower()
    found = [kind for kind, endings in _ENDINGS.items() if path.endswith(endings)]
    return not found or found[0] in kinds


def _urls(items: Iterable[Any]) -> list[str]:
    return [
        value
        for item in items
        if isinstance(item, Mapping)
        for key, value in item.items()
        if "url" in str(key)
        and not any(word in str(key) for word in _NEXT_TO_FILE)
        and isinstance(value, str)
        and value.strip().lower() not in _NOT_URLS
    ]

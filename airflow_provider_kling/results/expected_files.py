# SPDX-License-Identifier: Apache-2.0
"""Whether a finished job holds what its endpoint makes, and the error if it does not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..api.endpoint import MEDIA_RESULTS, ResultType, get_endpoint
from ..api.response_values import id_text
from ..api.result_shapes import is_file_url
from ..exceptions import (
    JobState,
    KlingResultMissing,
)
from ..version_compat import AirflowFailException
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
_ENTRY_IDS = {
    ResultType.VOICES: ("voice_id", "id"),
    ResultType.ELEMENTS: ("element_id", "id"),
}
"""Of endpoints that make an entry of the account's library: the names of its id."""

_ENDINGS = {
    "video": (".mp4", ".mov", ".webm", ".m4v"),
    "image": (".jpg", ".jpeg", ".png", ".webp", ".gif"),
    "audio": (".mp3", ".wav", ".m4a", ".aac", ".ogg", ".flac"),
    "text": (".srt", ".ass", ".vtt", ".json", ".txt", ".html"),
}
_NEXT_TO_FILE = re.compile(r"cover|thumbnail|poster|subtitle|^srts?$|^ass$")


class KlingAnswerWithoutResult(KlingResultMissing, AirflowFailException):
    """A synchronous endpoint responded without a file; a retry would be charged again."""


def result_missing(task_id: str, endpoint: str, *, at_once: bool = False) -> KlingResultMissing:
    """Make the error for a job that ended as succeed without what its endpoint makes.

    :param task_id: the job.
    :param endpoint: slug of the endpoint that made it.
    :param at_once: whether the endpoint is synchronous, so that its job cannot be read again.
    :return: the error.
    """
    if at_once:
        return KlingAnswerWithoutResult(
            f"The job ended as succeed but holds no file; clear the task to pay for another: {endpoint}, "
            f"job {task_id or 'without an id'}. It may be charged.",
            task_id=task_id or None,
            job=JobState.ENDED,
            next_steps="It cannot be read again: another request is charged again.",
        )
    missing = _ENTRY_IDS.get(get_endpoint(endpoint).result, ("file",))[0]
    return KlingResultMissing(
        f"The job ended as succeed but holds no {missing}; retry to read it again: {endpoint}, job "
        f"{task_id}. It is charged.",
        task_id=task_id,
        job=JobState.ENDED,
        next_steps="A retry reads it again and makes no new job.",
    )


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
    """Return whether a job that succeeded holds what its endpoint makes: a file of its kind, or the id of a
    voice or an element, without which a paid one cannot be used.

    :param endpoint: the endpoint that made the job.
    :param task: the job.
    :return: ``True`` for endpoints that make neither, too.
    """
    if names := _ENTRY_IDS.get(endpoint.result):
        items = [item for items in task.result.values() for item in items]
        return any(id_text(item.get(name)) for item in items for name in names)
    if not makes_files(endpoint):
        return True
    kinds = _KINDS[endpoint.result] + _ALSO.get(endpoint.slug, ())
    return any(_is_of(name, kinds, url) for name, items in task.result.items() for url in _urls(items))


def holds_files_as_listed(endpoint: Endpoint, task: KlingTask) -> bool:
    """Return whether a job that is known by a list of the endpoint's holds its files.

    A list of API 2.0 has the jobs of all endpoints of a family, and does not say which of them created a job.

    :param endpoint: an endpoint whose list has the job.
    :param task: the job.
    :return: ``True`` for any file where the list is shared, otherwise for one of the endpoint's kind.
    """
    return holds_a_file(task.result) if endpoint.tasks_path else holds_its_files(endpoint, task)


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

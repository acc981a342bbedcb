# SPDX-License-Identifier: Apache-2.0
"""A finished job: whether it holds the files of its endpoint, its signed URLs, errors of missing results."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..api.endpoint import MEDIA_RESULTS, ResultType, get_endpoint
from ..api.result_shapes import is_file_url
from ..api.task import RESULT_DAYS
from ..exceptions import (
    JobState,
    KlingError,
    KlingResultExpired,
    KlingResultMissing,
    KlingResultNotKept,
    KlingTaskNotFound,
)
from ..version_compat import AirflowFailException
from .files import URL_KEYS, ResultFile

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from ..api.task import KlingTask

Refresh = Callable[[], Mapping[str, Any]]
"""Read the task from Kling again, which returns newly signed URLs."""

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


class SignedUrlSource:
    """Provide the latest signed URLs of a job's files. Thread-safe.

    :param task: the task as operators return it.
    :param refresh: reads the task again; ``None`` if that is not possible.
    """

    def __init__(self, task: Mapping[str, Any], refresh: Refresh | None) -> None:
        self._task = task
        self._refresh = refresh
        self._renewed = False
        self._lock = threading.Lock()

    def url(self, file: ResultFile) -> str:
        """Return the latest URL of a file.

        :param file: the file.
        :return: the URL.
        :raises KlingResultExpired: the task holds no URL of the file, and the result has expired.
        :raises KlingResultNotKept: the task holds no URL of the file.
        """
        if url := file.url(self._task):
            return url
        raise self._deleted() if self._expired else self.not_stored_error(f"has no URL for {file.key}")

    def renew(self, file: ResultFile, seen: str) -> None:
        """Read the task again because a URL is no longer valid.

        Does nothing if another thread has renewed the URLs since.

        :param file: the file.
        :param seen: the invalid URL.
        :raises KlingResultExpired: the result has expired.
        :raises KlingResultNotKept: the task cannot be found or read.
        """
        with self._lock:
            if file.url(self._task) != seen:
                return
            if self._expired and (self._renewed or not self._refresh):
                raise self._deleted()
            if self._refresh:
                self._task = self._read()
                self._renewed = True

    def _read(self) -> Mapping[str, Any]:
        try:
            return self._refresh() if self._refresh else self._task
        except KlingTaskNotFound as error:
            raise (
                self._deleted()
                if self._expired
                else self.not_stored_error(f"cannot be found: {error.message}")
            ) from None
        except KlingError as error:
            if not isinstance(error, AirflowFailException):
                raise
            # A refused read must not be final: the files exist and are paid for.
            raise self.not_stored_error(f"cannot be read again: {error.message}") from error

    @property
    def _expired(self) -> bool:
        expires_at = self._task.get("expires_at")
        return expires_at is not None and time.time() * 1000 >= expires_at

    def _deleted(self) -> KlingResultExpired:
        return expired_error(self._task)

    def not_stored_error(self, what: str) -> KlingResultNotKept:
        """Make the error for files that could not be stored.

        :param what: the cause, as a phrase that follows "The result of task 1".
        :return: the error.
        """
        until = self._task.get("expires_at")
        can_reread = not _answers_at_once(self._task)
        retention = f" Kling stores it until {_date(until)}." if until and can_reread else ""
        remedy = "Correct storage or network, then retry. " if can_reread else ""
        return KlingResultNotKept(
            f"{remedy}The result of task {self._task.get('task_id')} {what}.{retention}",
            task_id=self._task.get("task_id"),
            job=JobState.ENDED,
            next_steps=_RETRY_TEXT if can_reread else _AT_ONCE,
        )


_RETRY_TEXT = "A retry of this task fetches it again without a new job."
_AT_ONCE = "It cannot be read again: to have it made again is charged again."


def expired_error(task: Mapping[str, Any]) -> KlingResultExpired:
    """Make the error for an expired result.

    :param task: the task as operators return it; it has an ``expires_at``.
    :return: the error.
    """
    date = f" of {_date(task['created_at'])}" if task.get("created_at") else ""
    id_text = f", external_task_id {task['external_task_id']}" if task.get("external_task_id") else ""
    return KlingResultExpired(
        "Result expired: clear the task for a new job, and set output_path. "
        f"Kling has deleted the result of task {task.get('task_id')} ({task.get('endpoint')}{date}{id_text}):"
        f" it was stored until {_date(task['expires_at'])}, {RESULT_DAYS} days after the job ended.",
        task_id=task.get("task_id"),
        job=JobState.ENDED,
        next_steps="A new job makes a new one and is charged.",
    )


def _answers_at_once(task: Mapping[str, Any]) -> bool:
    try:
        return get_endpoint(str(task.get("endpoint"))).synchronous
    except ValueError:
        return False


def _date(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


class KlingAnswerWithoutResult(KlingResultMissing, AirflowFailException):
    """A synchronous endpoint responded without a file; a retry would be charged again."""


def result_missing(task_id: str, endpoint: str, *, at_once: bool = False) -> KlingResultMissing:
    """Make the error for a job that ended as succeed without a file of its endpoint's kind.

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
            next_steps="It cannot be read again: to have it made again is charged again.",
        )
    return KlingResultMissing(
        f"The job ended as succeed but holds no file; retry to read it again: {endpoint}, job {task_id}. "
        "It is charged.",
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
    """Return whether a job that succeeded holds a file of the kind that its endpoint makes.

    :param endpoint: the endpoint that made the job.
    :param task: the job.
    :return: ``True`` for endpoints that make no files, too.
    """
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

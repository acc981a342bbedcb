# SPDX-License-Identifier: Apache-2.0
"""Extract the viewable files from a task's return value. Pure: no I/O.

Links, lineage and the preview read the return values of operators and sensors through this module.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .files import is_sha256, list_result_files

_MEDIA = {"videos": "video", "images": "image", "series_images": "image"}


@dataclass(frozen=True, slots=True)
class ResultItem:
    """A viewable file of a result: the first format of each audio, without watermarked copies.

    :param key: key that identifies the file within its result, such as ``videos[0].url``.
    :param media: ``video``, ``image`` or ``audio``.
    :param url: signed URL at Kling, valid for 30 days.
    :param path: path of the stored file; ``None`` without ``output_path``.
    :param stem: name of the stored file without its extension.
    :param seconds: duration of a video or audio; ``None`` if Kling does not return it.
    :param sha256: hash of the stored file.
    """

    key: str
    media: str
    url: str | None
    path: str | None
    stem: str
    seconds: float | None
    sha256: str | None


def as_result(value: Any) -> dict[str, Any] | None:
    """Return a task's return value if it is the result of a job.

    :param value: JSON value.
    :return: the result; ``None`` for any other value.
    """
    return dict(value) if isinstance(value, Mapping) and "task_id" in value and "endpoint" in value else None


def result_items(result: Mapping[str, Any]) -> list[ResultItem]:
    """Return the viewable files of a result.

    :param result: return value of a task.
    :return: images, videos and audio files.
    """
    return list(_items(result))


def stored_paths(result: Mapping[str, Any]) -> list[str]:
    """Return the paths of the stored files of a result.

    :param result: return value of a task.
    :return: paths of viewable files, then of others such as subtitles; without watermarked copies.
    """
    arrays = result_arrays(result)
    others = [
        _text(arrays[file.array][file.index].get(file.url_key.replace("url", "path")))
        for file in list_result_files(arrays)
        if not _media_of(file.array) and file.url_key != "watermark_url"
    ]
    return [path for path in (*(item.path for item in result_items(result)), *others) if path]


def first_url(value: Any) -> str | None:
    """Return the URL at Kling of the first file in a return value.

    :param value: JSON value.
    :return: the URL; ``None`` if there is none.
    """
    return next((item.url for item in result_items(as_result(value) or {}) if item.url), None)


def _items(result: Mapping[str, Any]) -> Iterator[ResultItem]:
    arrays = result_arrays(result)
    seen: set[tuple[str, int, str]] = set()
    for file in list_result_files(arrays):
        identity = (file.array, file.index, file.kind)
        if identity in seen or file.url_key == "watermark_url" or not _media_of(file.array):
            continue
        seen.add(identity)
        entry = arrays[file.array][file.index]
        digest = entry.get(file.url_key.replace("url", "sha256"))
        yield ResultItem(
            key=file.key,
            media=_media_of(file.array),
            url=_web_url(file.url(arrays)),
            path=_text(entry.get(file.url_key.replace("url", "path"))),
            stem=file.name(None).rpartition(".")[0],
            seconds=_seconds(entry),
            sha256=digest if is_sha256(digest) else None,
        )


def result_arrays(result: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the arrays of a result, in which the path of a file replaces a missing URL.

    :param result: return value of a task; re-used results and those of data URLs have paths only.
    :return: the arrays by name.
    """
    return {
        name: [_stored(item) if isinstance(item, Mapping) else item for item in value]
        for name, value in result.items()
        if isinstance(value, list)
    }


def _stored(item: Mapping[str, Any]) -> dict[str, Any]:
    paths = {
        name: item.get(name.replace("url", "path"))
        for name, value in item.items()
        if value is None and "url" in name
    }
    return {**item, **{name: path for name, path in paths.items() if isinstance(path, str)}}


def _media_of(array: str) -> str:
    """Return the kind of media of a result array; empty for files that cannot be viewed."""
    words = {"video": "video", "image": "image", "audio": "audio", "voice": "audio"}
    return _MEDIA.get(array) or next((media for word, media in words.items() if word in array), "")


def _web_url(value: str | None) -> str | None:
    # Only http and https URLs may become the target of a link.
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

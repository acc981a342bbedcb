# SPDX-License-Identifier: Apache-2.0
"""Which files a finished task has, and what they are called. Pure: no I/O."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..api.readable import readable
from ..api.sniff import sniff

MANIFEST = "manifest.json"
"""Name of the file that is written when all others of a task are."""

HEAD_BYTES = 4096
"""Bytes from the beginning that tell what a file is."""

_ARRAYS = {
    "videos": "video",
    "images": "image",
    "series_images": "series-image",
    "audios": "audio",
    "voices": "voice",
}
_ADDRESSES = (
    "url",
    *("url_mp3", "url_wav", "mp3_url", "wav_url"),
    *("url_1", "url_2", "url_3"),
    "trial_url",
    "watermark_url",
)
_FAMILIES = {
    "video": ("video/",),
    "image": ("image/",),
    "series-image": ("image/",),
    "audio": ("audio/", "video/mp4"),
    "voice": ("audio/", "video/mp4"),
}
_ENDINGS = {
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/mp4": "m4a",
    "audio/aac": "aac",
    "audio/ogg": "ogg",
    "audio/flac": "flac",
}
_LONGEST_NAME = 100
_LONGEST_TYPE = 100
_SHA256 = re.compile(r"[0-9a-f]{64}")


class NotTheResult(ValueError):
    """What came is no file of the kind that was asked for, such as an error page."""


@dataclass(frozen=True, slots=True)
class ResultFile:
    """One file of a task's result.

    :param array: result array, such as ``videos``.
    :param index: place in that array, from 0.
    :param address: key of the item that holds the file's URL, such as ``url`` or ``watermark_url``.
    :param kind: what it is, part of its name: ``video``, ``video-watermark``, ``image-2``.
    """

    array: str
    index: int
    address: str
    kind: str

    @property
    def key(self) -> str:
        """What tells the file from others of the task, in manifests and error texts."""
        return f"{self.array}[{self.index}].{self.address}"

    def url(self, task: Mapping[str, Any]) -> str | None:
        """Return the file's address in a task, ``None`` where the task does not hold it."""
        items = task.get(self.array) or ()
        value = items[self.index].get(self.address) if self.index < len(items) else None
        return value if isinstance(value, str) and value else None

    def name(self, mime: str | None) -> str:
        """Return the file's name within the task's folder."""
        return f"{self.index}-{self.kind}.{_ENDINGS.get(mime or '', 'bin')}"

    def facts(self, path: str, size: int, sha256: str) -> dict[str, Any]:
        """Return what is added to the item: ``path`` beside ``url``, ``watermark_path`` beside its own."""
        values = {"path": path, "bytes": size, "sha256": sha256}
        return {self.address.replace("url", name): value for name, value in values.items()}


def files_of(task: Mapping[str, Any]) -> list[ResultFile]:
    """List the files of a task's result, in its order; copies with a watermark come after the clean file."""
    return [
        ResultFile(array, index, address, _kind(noun, address))
        for array, noun in _ARRAYS.items()
        for index, item in enumerate(task.get(array) or ())
        for address in _ADDRESSES
        if isinstance(item, Mapping) and item.get(address)
    ]


def _kind(noun: str, address: str) -> str:
    # Sounds of two formats differ by their ending already.
    mark = re.sub(r"_?(url|mp3|wav)_?", "", address)
    return f"{noun}-{mark}" if mark else noun


def media_type(file: ResultFile, head: bytes, content_type: str) -> str | None:
    """Tell what came, and refuse what is not a result.

    :param head: first bytes of the file.
    :param content_type: what the server calls it.
    :raises NotTheResult: for an error page and the like.
    """
    noun = next(noun for noun in _FAMILIES if file.kind == noun or file.kind.startswith(f"{noun}-"))
    found = sniff(head)
    claimed = readable(content_type.partition(";")[0].lower(), _LONGEST_TYPE)
    if found is None and claimed.startswith(_FAMILIES[noun]):
        return claimed
    if found is None or not found.startswith(_FAMILIES[noun]):
        what = found or claimed or "of no known type"
        raise NotTheResult(f"it should be {_article(noun)}, but its content is {what}")
    return "audio/mp4" if noun in ("audio", "voice") and found == "video/mp4" else found


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def folder_of(task: Mapping[str, Any]) -> str:
    """Return the name of a task's folder: its id, which is data from outside and may not lead elsewhere."""
    known = str(task.get("task_id") or task.get("external_task_id") or "")
    safe = re.sub(r"[^A-Za-z0-9._=-]", "_", known).lstrip(".")
    if safe == known and 0 < len(safe) <= _LONGEST_NAME:
        return safe
    # Two ids that differ must not meet in one folder.
    seed = known or repr([file.url(task) for file in files_of(task)])
    return f"{safe[:_LONGEST_NAME] or 'task'}-{hashlib.sha256(seed.encode()).hexdigest()[:12]}"


def with_files(task: Mapping[str, Any], kept: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the task with ``path``, ``bytes`` and ``sha256`` in each item.

    :param kept: facts of each file by :attr:`ResultFile.key`: its ``path``, ``bytes`` and ``sha256``.
    """
    landed = {
        name: [dict(item) if isinstance(item, Mapping) else item for item in value]
        if name in _ARRAYS and isinstance(value, list)
        else value
        for name, value in task.items()
    }
    for file, facts in _kept_files(task, kept):
        item = landed[file.array][file.index]
        item.update(file.facts(**facts))
        # Whatever an item holds, its main file is found under the same name.
        for name, value in ResultFile(file.array, file.index, "url", file.kind).facts(**facts).items():
            item.setdefault(name, value)
    return landed


def landed_before(file: ResultFile, entry: Any) -> dict[str, Any] | None:
    """Return what a manifest says of a file, if landing can have written it.

    Others may write to the storage, too: a name is never believed, and nothing else that does not fit.

    :param entry: JSON value of the manifest's list of files.
    """
    if not isinstance(entry, Mapping) or entry.get("key") != file.key:
        return None
    facts = {name: entry.get(name) for name in ("key", "name", "type", "bytes", "sha256")}
    mime, size, digest = facts["type"], facts["bytes"], facts["sha256"]
    usable = (
        (mime is None or isinstance(mime, str))
        and facts["name"] == file.name(mime)
        and type(size) is int
        and is_sha256(digest)
    )
    return facts if usable else None


def is_sha256(value: Any) -> bool:
    """Whether a JSON value is a hash as landing writes it."""
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _kept_files(
    task: Mapping[str, Any], kept: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[ResultFile, dict[str, Any]]]:
    for file in files_of(task):
        if entry := kept.get(file.key):
            yield file, {"path": entry["path"], "size": entry["bytes"], "sha256": entry["sha256"]}

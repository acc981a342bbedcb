# SPDX-License-Identifier: Apache-2.0
"""List the files of a finished task and name them. Pure: no I/O."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..utils.media_types import detect_media_type
from ..utils.redaction import sanitize_text

MANIFEST = "manifest.json"
"""Name of the manifest, which is written after all files of a task."""

PARTIAL_MANIFEST = "manifest.partial.json"
"""Name of the list of files that are stored while others of the task could not be."""

SNIFF_BYTES = 4096
"""Number of leading bytes that identify the type of a file."""

_ARRAYS = {
    "videos": "video",
    "images": "image",
    "series_images": "series-image",
    "audios": "audio",
    "voices": "voice",
    "subtitles": "subtitle",
    "files": "file",
}
URL_KEYS = (
    "url",
    *("url_mp3", "url_wav", "mp3_url", "wav_url"),
    *("url_1", "url_2", "url_3"),
    "trial_url",
    "watermark_url",
)
"""Keys of an item that hold the URLs of its files."""

_MEDIA_PREFIXES = {
    "video": ("video/",),
    "image": ("image/",),
    "series-image": ("image/",),
    "audio": ("audio/", "video/mp4"),
    "voice": ("audio/", "video/mp4"),
}
_EXTENSIONS = {
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
    "audio/amr": "amr",
    "audio/aiff": "aiff",
    "video/mp2t": "ts",
    "video/mpeg": "mpg",
    "video/x-flv": "flv",
    "image/jxl": "jxl",
    "text/x-ssa": "ass",
    "application/x-subrip": "srt",
}
_TEXTS = ("srt", "ass", "vtt", "txt")
_PAGES = ("text/html", "text/xml", "image/svg+xml")
_MAX_NOUN_LENGTH = 40
_ERROR_STARTS = (b"{", b"[{", b'["', b"<Error>", b"<error>")
_BLANK = b"\xef\xbb\xbf \t\r\n"
_RAW_AUDIO = frozenset(("audio/pcm", "audio/l16", "audio/basic", "audio/x-pcm"))
_MAX_NAME_LENGTH = 100
_MAX_TYPE_LENGTH = 100
_SHA256 = re.compile(r"[0-9a-f]{64}")


class UnexpectedContentError(ValueError):
    """The content is not of the expected kind, such as an error page instead of a video."""


@dataclass(frozen=True, slots=True)
class ResultFile:
    """A file of a task's result.

    :param array: result array, such as ``videos``.
    :param index: position in that array, from 0.
    :param url_key: key of the item that holds the URL, such as ``url`` or ``watermark_url``.
    :param kind: kind that is part of the file name: ``video``, ``video-watermark``, ``image-2``.
    """

    array: str
    index: int
    url_key: str
    kind: str

    @property
    def key(self) -> str:
        """Return the key that identifies the file within its task, in manifests and messages."""
        return f"{self.array}[{self.index}].{self.url_key}"

    def url(self, task: Mapping[str, Any]) -> str | None:
        """Return the URL of the file.

        :param task: the task as JSON.
        :return: the URL; ``None`` if the task does not hold it.
        """
        items = task.get(self.array) or ()
        value = items[self.index].get(self.url_key) if self.index < len(items) else None
        return value if isinstance(value, str) and value else None

    def name(self, mime: str | None) -> str:
        """Return the name of the file within the task's folder.

        :param mime: media type, which decides the extension; ``None`` if it is unknown.
        :return: the name, such as ``0-video.mp4``.
        """
        text = self.kind if self.kind in _TEXTS else "bin"
        return f"{self.index}-{self.kind}.{_EXTENSIONS.get(mime or '', text)}"

    def item_fields(self, path: str, size: int, sha256: str) -> dict[str, Any]:
        """Return the fields that are added to the item of a stored file.

        :param path: URI of the stored file.
        :param size: bytes.
        :param sha256: hash, hexadecimal.
        :return: ``path``, ``bytes`` and ``sha256``; with a prefix or suffix for a further URL of the item,
            such as ``watermark_path`` for ``watermark_url``.
        """
        values = {"path": path, "bytes": size, "sha256": sha256}
        return {self.url_key.replace("url", name): value for name, value in values.items()}


def list_result_files(task: Mapping[str, Any]) -> list[ResultFile]:
    """List the files of a task's result.

    Known arrays come first, others (``product_videos``, ``srts``) follow in the order of the task. A copy
    with a watermark follows the file without.

    :param task: a task as JSON.
    :return: the files that have a URL; null and blank URLs are skipped.
    """
    others = {name: _noun(name) for name, value in task.items() if isinstance(value, list)}
    return [
        ResultFile(array, index, url_key, _kind(noun, url_key))
        for array, noun in {
            **_ARRAYS,
            **{name: n for name, n in others.items() if name not in _ARRAYS},
        }.items()
        for index, item in enumerate(_list(task.get(array)))
        for url_key in URL_KEYS
        if isinstance(item, Mapping) and isinstance(url := item.get(url_key), str) and url.strip()
    ]


def holds_files_of(task: Mapping[str, Any], folder: Mapping[str, int]) -> bool:
    """Return whether a folder holds every file of a task's result.

    :param task: a task as JSON; of one that names no files, any file counts.
    :param folder: how many files the folder holds of each name, without the extensions.
    :return: ``True`` if none is missing. Extensions follow from the content, so they are not compared.
    """
    names = Counter(file.name(None).rpartition(".")[0] for file in list_result_files(task))
    return all(folder.get(name, 0) >= count for name, count in names.items()) if names else bool(folder)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _noun(array: str) -> str:
    singular = array.removesuffix("s") if not array.endswith("ss") and array != "ass" else array
    return re.sub(r"[^a-z0-9]+", "-", singular.lower()).strip("-")[:_MAX_NOUN_LENGTH] or "file"


def _families(kind: str) -> tuple[str, ...] | None:
    """Return the media types that a kind allows; ``None`` for a kind that is not media, such as ``srt``."""
    noun = next((noun for noun in _MEDIA_PREFIXES if kind == noun or kind.startswith(f"{noun}-")), None)
    noun = noun or next((word for word in ("video", "image", "audio", "voice") if word in kind), None)
    return _MEDIA_PREFIXES[noun] if noun else None


def _kind(noun: str, url_key: str) -> str:
    # Audio files of two formats differ by their extension.
    mark = re.sub(r"_?(url|mp3|wav)_?", "", url_key)
    return f"{noun}-{mark}" if mark else noun


def media_type(file: ResultFile, head: bytes, content_type: str) -> str | None:
    """Detect the media type of a downloaded file and check that it is of the expected kind.

    :param file: the file.
    :param head: first bytes of its content.
    :param content_type: ``Content-Type`` of the response.
    :return: the media type; ``None`` if it is unknown and not checked.
    :raises UnexpectedContentError: the content is of another kind, such as an error page.
    """
    noun, families = file.kind, _families(file.kind)
    found = detect_media_type(head)
    declared = sanitize_text(content_type.partition(";")[0].strip().lower(), _MAX_TYPE_LENGTH)
    if families is None:
        if noun in _TEXTS and _is_utf_16(head):
            # Its mark looks like the header of an audio frame.
            found = "text/plain"
        is_error = found == "text/plain" and head.lstrip(_BLANK).startswith(_ERROR_STARTS)
        if noun in _TEXTS and found is None:
            # Compressed content that is not marked as such, or another file.
            found = declared if declared and not declared.startswith("text/") else "no text"
            raise UnexpectedContentError(f"it should be {_article(noun)}, but its content is {found}")
        if found in _PAGES or is_error:
            raise UnexpectedContentError(f"it should be {_article(noun)}, but its content is {found}")
        return _text_type(head) if found == "text/plain" else found or declared or None
    # Raw samples have no header; every other type is detected by content, whatever the server sends.
    if found is None and declared in _RAW_AUDIO and declared.startswith(families):
        return declared
    if found is None or not found.startswith(families):
        what = found or declared or "of no known type"
        raise UnexpectedContentError(f"it should be {_article(noun)}, but its content is {what}")
    return "audio/mp4" if families[0] == "audio/" and found == "video/mp4" else found


def _is_utf_16(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    return b"\0" in head and detect_media_type(head.replace(b"\0", b"")) == "text/plain"


def _text_type(head: bytes) -> str:
    """Return the media type of a text file; subtitles are detected by content."""
    text = head.lstrip(_BLANK)
    if text[:13].lower() == b"[script info]":
        return "text/x-ssa"
    return "application/x-subrip" if b"-->" in text and not text.startswith(b"WEBVTT") else "text/plain"


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def task_folder(task: Mapping[str, Any], *, host: str | None = None, unique: bool = False) -> str:
    """Return the name of a task's folder: its id, sanitized, because ids are untrusted data.

    :param task: the task as operators return it.
    :param host: host that made the job, ``None`` if it is unknown.
    :param unique: append a hash that distinguishes jobs with the same id.
    :return: a name without a separator.
    """
    if unique:
        identity = repr([task.get(name) for name in ("task_id", "endpoint", "created_at")] + [host])
        return f"{task_folder(task)}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"
    known = str(task.get("task_id") or task.get("external_task_id") or "")
    safe = re.sub(r"[^A-Za-z0-9._=-]", "_", known).lstrip(".")
    if safe == known and 0 < len(safe) <= _MAX_NAME_LENGTH:
        return safe
    # Different ids must not share a folder.
    seed = known or repr([file.url(task) for file in list_result_files(task)])
    return f"{safe[:_MAX_NAME_LENGTH] or 'task'}-{hashlib.sha256(seed.encode()).hexdigest()[:12]}"


def attach_paths(task: Mapping[str, Any], stored: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return a copy of the task with ``path``, ``bytes`` and ``sha256`` in each item.

    :param task: the task as operators return it.
    :param stored: ``path``, ``bytes`` and ``sha256`` of each stored file by :attr:`ResultFile.key`.
    :return: the copy.
    """
    result = {
        name: [dict(item) if isinstance(item, Mapping) else item for item in value]
        if isinstance(value, list)
        else value
        for name, value in task.items()
    }
    for file, entry_fields in _stored_files(task, stored):
        item = result[file.array][file.index]
        item.update(file.item_fields(**entry_fields))
        # The main file of an item always has the same field names.
        for name, value in (
            ResultFile(file.array, file.index, "url", file.kind).item_fields(**entry_fields).items()
        ):
            item.setdefault(name, value)
    return result


def drop_data_urls(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a stored result without data URLs: an XCom must not hold the file a second time.

    :param result: the task with the paths of its files.
    :return: the copy, with ``None`` for the data URL of each file that has a path.
    """
    copy = dict(result)
    for file in list_result_files(result):
        item, url = copy[file.array][file.index], file.url(result) or ""
        if item.get(file.url_key.replace("url", "path")) and url.lstrip()[:5].lower() == "data:":
            items = list(copy[file.array])
            # A gateway's own name for the URL may be another key of the item.
            items[file.index] = _without(url.strip(), item)
            copy[file.array] = items
    return copy


def _without(text: str, value: Any) -> Any:
    """Return a JSON value with ``None`` for each occurrence of a text."""
    if isinstance(value, Mapping):
        return {name: _without(text, inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without(text, inner) for inner in value]
    return None if isinstance(value, str) and value.strip() == text else value


def match_manifest_entry(file: ResultFile, entry: Any) -> dict[str, Any] | None:
    """Return a file's entry of a manifest if it is valid.

    A manifest is untrusted data, because others may write to the storage: the name must be the expected one.

    :param file: the file.
    :param entry: JSON value of the manifest's ``files``.
    :return: ``key``, ``name``, ``type``, ``bytes`` and ``sha256``; ``None`` for another file or an invalid
        entry.
    """
    if not isinstance(entry, Mapping) or entry.get("key") != file.key:
        return None
    entry_fields = {name: entry.get(name) for name in ("key", "name", "type", "bytes", "sha256")}
    mime, size, digest = entry_fields["type"], entry_fields["bytes"], entry_fields["sha256"]
    usable = (
        (mime is None or isinstance(mime, str))
        and entry_fields["name"] == file.name(mime)
        and type(size) is int
        and is_sha256(digest)
    )
    return entry_fields if usable else None


def is_sha256(value: Any) -> bool:
    """Return whether a JSON value is a SHA-256 hash.

    :param value: JSON value.
    :return: ``True`` for 64 lower-case hexadecimal digits.
    """
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _stored_files(
    task: Mapping[str, Any], stored: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[ResultFile, dict[str, Any]]]:
    for file in list_result_files(task):
        if entry := stored.get(file.key):
            yield file, {"path": entry["path"], "size": entry["bytes"], "sha256": entry["sha256"]}

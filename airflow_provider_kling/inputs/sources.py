# SPDX-License-Identifier: Apache-2.0
"""Classify media values and read the files that they name."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import unquote

from ..api.requests.field_types import MediaConstraints
from ..utils.media_types import detect_media_type
from ..utils.storage import (
    StoragePath,
    StoragePermanentError,
    check_unchanged,
    file_version,
    open_to_read,
    resolve_path,
    translate_storage_errors,
)
from ..utils.urls import is_url, normalize_url, strip_data_uri
from .media_header import UNREADABLE, read_video_info, video_warnings
from .media_inspection import InvalidMediaError, check_size, check_type

_SNIFF_BYTES = 4096
_MAX_PATH_LENGTH = 4096
_MAX_NAME_LENGTH = 255


class InputSource(StrEnum):
    """Kind of a media value."""

    URL = "url"
    BASE64 = "base64"
    LOCAL = "local path"
    STORAGE = "object storage"


def classify_input(value: str) -> InputSource:
    """Classify a media value, by content if its form is ambiguous.

    Base64 of a JPEG begins with ``/9j/``, as a path could, and ``clip`` is a file name as well as base64.

    :param value: URL, path, storage URI or base64.
    :return: the kind.
    """
    value = normalize_input(value)
    if is_url(value):
        return InputSource.URL
    if value[:5].lower() == "data:" or len(value) > _MAX_PATH_LENGTH:
        return InputSource.BASE64
    if "://" in value:
        return InputSource.STORAGE
    if os.path.exists(value):
        return InputSource.LOCAL
    data = _decode_base64(value)
    if data is not None and (
        len(value) > _MAX_NAME_LENGTH or detect_media_type(data) not in (None, "text/plain")
    ):
        return InputSource.BASE64
    return InputSource.LOCAL


def normalize_input(value: str) -> str:
    """Normalize a media value to the form in which it is opened and sent.

    :param value: URL, path, storage URI or base64.
    :return: a URL or storage URI stripped of blanks and with a lower-case scheme; a local path with ``~`` and
        percent escapes resolved.
    """
    value = normalize_url(value)
    if value.startswith("file://"):
        path = value.removeprefix("file://").removeprefix("localhost")
        if path.startswith("/") and not os.path.exists(path) and os.path.exists(unquote(path)):
            return f"file://{unquote(path)}"
    return os.path.expanduser(value) if value.startswith("~") and len(value) <= _MAX_PATH_LENGTH else value


def decode(value: str, rules: MediaConstraints) -> bytes:
    """Decode a base64 value, which may contain line breaks.

    :param value: base64, with or without a ``data:`` prefix.
    :param rules: constraints of the field.
    :return: the content.
    :raises InvalidMediaError: the value is not base64, or above the limit of the field.
    """
    if rules.max_bytes is not None and len(value) > (rules.max_bytes + _SNIFF_BYTES) * 3 // 2:
        check_size(rules.max_bytes + 1, rules)
    data = _decode_base64(value)
    if data is None:
        raise InvalidMediaError("is neither a URL, nor a path, nor readable base64")
    return data


def _decode_base64(value: str) -> bytes | None:
    bare = strip_data_uri(value).strip()
    lengths = {len(line) for line in bare.split(" ")[:-1]}
    if " " in bare and len(lengths) > 1:
        # Form or query decoding turned each plus into a blank; folded lines would have equal lengths.
        bare = bare.replace(" ", "+")
    try:
        return base64.b64decode("".join(bare.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


class MissingFileError(StoragePermanentError):
    """A local path that does not exist, or text that is no URL, storage URI or base64 either."""


def read(value: str, rules: MediaConstraints) -> bytes:
    """Read a local or object-storage file, at most one byte above the limit.

    :param value: path or storage URI.
    :param rules: constraints of the field.
    :return: the content.
    :raises MissingFileError: there is no such local file.
    :raises StoragePermanentError: the file is missing or forbidden.
    :raises StorageTransientError: the storage does not respond as expected.
    """
    value = normalize_input(value)
    if "://" not in value and not os.path.exists(value):
        raise MissingFileError(
            "No such file on this worker; use a path that all workers have, a URL or object storage"
        )
    path = resolve_path(value)
    with translate_storage_errors():
        _file_info(path)
        with open_to_read(path) as file:
            version = file_version(file)
            content: bytes = file.read(-1 if rules.max_bytes is None else rules.max_bytes + 1)
            check_unchanged(file, version)
            return content


def presign(
    value: str, rules: MediaConstraints, seconds: int, warnings: list[str] | None = None
) -> tuple[str, str, Mapping[str, Any]]:
    """Make a presigned URL by which Kling's servers can read an object-storage file.

    :param value: storage URI.
    :param rules: constraints of the field.
    :param seconds: validity of the URL in seconds.
    :param warnings: gets a phrase for each property of a video that is not as documented.
    :return: the URL; an identifier of the content, which does not depend on the signature; size and type.
    :raises StoragePermanentError: the file is missing or forbidden, or the storage cannot sign URLs.
    :raises StorageTransientError: the storage does not respond as expected.
    :raises InvalidMediaError: the field does not accept the file.
    """
    path = resolve_path(normalize_input(value))
    # The checks are outside: their errors are no errors of the storage.
    with translate_storage_errors():
        info = _file_info(path)
    check_size(int(info.get("size") or 0), rules)
    with translate_storage_errors(), open_to_read(path) as file:
        head = file.read(_SNIFF_BYTES)
        video = read_video_info(file) if rules.kind == "video" else None
    mime = check_type(head, rules)
    if warnings is not None and rules.kind == "video":
        warnings += video_warnings(video, rules) if video and any(video) else [UNREADABLE]
    with translate_storage_errors():
        try:
            url = str(path.fs.sign(path.path, expiration=seconds))
        except NotImplementedError:
            raise StoragePermanentError("its storage cannot sign URLs") from None
    return url, f"{path.uri}#{_content_version(info)}", {"mime": mime, "size": int(info["size"])}


def _file_info(path: StoragePath) -> Mapping[str, Any]:
    # A cached listing may be older than the file.
    path.fs.invalidate_cache()
    info: Mapping[str, Any] = path.fs.info(path.path)
    if info.get("type") == "directory":
        raise StoragePermanentError("it is a folder")
    return info


def _content_version(info: Mapping[str, Any]) -> str:
    for name in ("ETag", "etag", "md5Hash", "generation"):
        if info.get(name):
            return str(info[name]).strip('"')
    modified = (
        info.get("mtime") or info.get("LastModified") or info.get("last_modified") or info.get("created")
    )
    return f"{info.get('size')}-{modified}"

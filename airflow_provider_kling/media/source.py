# SPDX-License-Identifier: Apache-2.0
"""Where a media value points to, and reading what is there."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from ..api.fields import Media, is_url, strip_data_uri
from ..api.sniff import sniff
from ..storage import Location, StorageRefused, explained, locate, open_to_read
from .content import ContentRefused, check_size, check_type

_HEAD_BYTES = 4096
_LONGEST_PATH = 4096
_LONGEST_NAME = 255


class Source(StrEnum):
    """What a media value is."""

    URL = "url"
    BASE64 = "base64"
    LOCAL = "local path"
    STORAGE = "object storage"


def source_of(value: str) -> Source:
    """Tell what a media value is, by content where its looks could mislead.

    Base64 of a JPEG begins with ``/9j/``, as a path could, and "clip" is a good file name as well as base64.
    """
    if is_url(value):
        return Source.URL
    if value[:5].lower() == "data:" or len(value) > _LONGEST_PATH:
        return Source.BASE64
    if "://" in value:
        return Source.STORAGE
    if os.path.exists(value):
        return Source.LOCAL
    data = _decoded(value)
    if data is not None and (len(value) > _LONGEST_NAME or sniff(data) not in (None, "text/plain")):
        return Source.BASE64
    return Source.LOCAL


def decode(value: str, rules: Media) -> bytes:
    """Decode a base64 value; line breaks in it are allowed.

    :raises ContentRefused: when it is no base64, or longer than the field takes.
    """
    if rules.max_bytes is not None and len(value) > (rules.max_bytes + _HEAD_BYTES) * 3 // 2:
        check_size(rules.max_bytes + 1, rules)
    data = _decoded(value)
    if data is None:
        raise ContentRefused("is neither a URL, nor a path, nor readable base64")
    return data


def _decoded(value: str) -> bytes | None:
    try:
        return base64.b64decode("".join(strip_data_uri(value).split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def read(value: str, rules: Media) -> bytes:
    """Read a local or object-storage file once, and never more of it than one byte above the limit.

    :raises StorageRefused: when it is not there or may not be read.
    :raises StorageDown: when the storage does not answer.
    """
    if "://" not in value and not os.path.exists(value):
        raise StorageRefused(
            "there is no such file on this worker, and it is no URL, object-storage address or base64 either"
        )
    where = locate(value)
    with explained():
        _info(where)
        with open_to_read(where) as file:
            content: bytes = file.read(-1 if rules.max_bytes is None else rules.max_bytes + 1)
            return content


def sign(value: str, rules: Media, seconds: int) -> tuple[str, str, Mapping[str, Any]]:
    """Make an address that Kling's servers can read an object-storage file by.

    :param seconds: how long the address is valid.
    :return: the address; what identifies the content, the same however often it is signed; size and type.
    :raises StorageRefused: also when the storage cannot sign addresses.
    :raises ContentRefused: when Kling would not take the file.
    """
    where = locate(value)
    with explained():
        info = _info(where)
        check_size(int(info.get("size") or 0), rules)
        with open_to_read(where) as file:
            mime = check_type(file.read(_HEAD_BYTES), rules)
        try:
            url = str(where.fs.sign(where.path, expiration=seconds))
        except NotImplementedError:
            raise StorageRefused("its storage cannot sign addresses") from None
    return url, f"{where.uri}#{_version(info)}", {"mime": mime, "size": int(info["size"])}


def _info(where: Location) -> Mapping[str, Any]:
    # A listing from earlier in the process may be older than the file.
    where.fs.invalidate_cache()
    info: Mapping[str, Any] = where.fs.info(where.path)
    if info.get("type") == "directory":
        raise StorageRefused("it is a folder")
    return info


def _version(info: Mapping[str, Any]) -> str:
    for name in ("ETag", "etag", "md5Hash", "generation"):
        if info.get(name):
            return str(info[name]).strip('"')
    changed = (
        info.get("mtime") or info.get("LastModified") or info.get("last_modified") or info.get("created")
    )
    return f"{info.get('size')}-{changed}"

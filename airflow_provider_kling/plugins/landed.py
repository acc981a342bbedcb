# SPDX-License-Identifier: Apache-2.0
"""Files that a task landed, opened for the preview, and nothing else.

A path comes from an XCom, and more people may write XComs than may read what the api-server can: so only
what landing itself would have written is opened, by its place, its name and its content.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import unquote

from ..api.sniff import sniff
from ..result_items import Item
from ..results.plan import HEAD_BYTES, folder_of
from ..storage import StorageRefused, explained, locate, open_to_read

CHUNK = 256 * 1024

_SHOWN = ("image/", "video/", "audio/")
_NEVER = ("image/svg+xml",)
_NO_STORAGE = ("http://", "https://", "ftp://")
_MASKED = "***"


@dataclass(frozen=True, slots=True)
class LandedFile:
    """An open file.

    :param file: at its beginning; whoever reads it closes it.
    :param size: bytes.
    :param mime: media type, by content.
    """

    file: BinaryIO
    size: int
    mime: str

    def chunks(self, first: int, length: int) -> Iterator[bytes]:
        """Read a part and close the file, however the reading ends.

        :param first: position of the first byte.
        :param length: number of bytes.
        """
        with self.file as file:
            file.seek(first)
            while length > 0 and (chunk := file.read(min(CHUNK, length))):
                length -= len(chunk)
                yield chunk


def open_landed(result: Mapping[str, Any], item: Item, output_path: str | None) -> LandedFile:
    """Open the file of an item.

    :param result: the result that the item belongs to.
    :param output_path: where its task was to land files; ``None`` where nobody knows any more.
    :raises StorageRefused: it is not there, may not be read, or is no file that landing would have written.
    :raises StorageDown: its storage does not answer.
    """
    expected = item.path and _landed_here(item.path, folder_of(result), item.stem)
    if not item.path or not expected or not _is_below(item.path, output_path):
        raise StorageRefused("it is not where the files of this job are landed")
    where = locate(item.path)
    with explained():
        size = int(where.fs.info(where.path)["size"])
        file = open_to_read(where)
        try:
            mime = _media_type(file.read(HEAD_BYTES))
        except BaseException:
            file.close()
            raise
    return LandedFile(file, size, mime)


def _landed_here(path: str, folder: str, stem: str) -> bool:
    """Whether a path is one that landing gives: ``.../{folder of the task}/{stem}.{ending}``."""
    if path.lower().startswith(_NO_STORAGE):
        return False
    parts = unquote(path).replace("\\", "/").split("/")
    if any(part in ("..", ".") for part in parts) or "?" in path or "#" in path or "::" in path:
        return False
    name, dot, ending = parts[-1].partition(".")
    return len(parts) > 1 and parts[-2] == folder and name == stem and bool(dot) and ending.isalnum()


def _is_below(path: str, output_path: str | None) -> bool:
    """Whether a path lies in a folder, as far as that can be told."""
    if output_path is None or _MASKED in output_path:
        return True
    top, folder = _place(output_path), os.path.dirname(os.path.dirname(_place(path)))
    if not output_path or "://" in top or top.startswith("/"):
        return f"{folder}/".startswith(f"{top}/")
    # From wherever the worker ran.
    return top.startswith(".") or folder.endswith(f"/{top}")


def _place(uri: str) -> str:
    """Return an address in one form for all ways to write it, without the connection."""
    scheme, separator, rest = uri.removeprefix("file://").partition("://")
    if not separator:
        return os.path.normpath(scheme)
    host, slash, key = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{key}".rstrip("/")


def _media_type(head: bytes) -> str:
    mime = sniff(head)
    if mime is None or not mime.startswith(_SHOWN) or mime in _NEVER:
        raise StorageRefused("it is no picture, video or sound")
    return mime

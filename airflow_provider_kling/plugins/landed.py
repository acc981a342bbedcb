# SPDX-License-Identifier: Apache-2.0
"""Files that a task landed, opened for the preview, and nothing else.

A path comes from an XCom, and more people may write XComs than may read what the api-server can: so only
what landing itself would have written is opened, by its place, its name and its content.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import unquote

from ..api.sniff import sniff
from ..result_items import Item
from ..results.plan import HEAD_BYTES, folder_of
from ..storage import StorageRefused, explained, locate

CHUNK = 256 * 1024

_SHOWN = ("image/", "video/", "audio/")
_NEVER = ("image/svg+xml",)
_NO_STORAGE = ("http://", "https://", "ftp://")


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


def open_landed(result: Mapping[str, Any], item: Item) -> LandedFile:
    """Open the file of an item.

    :param result: the result that the item belongs to.
    :raises StorageRefused: it is not there, may not be read, or is no file that landing would have written.
    :raises StorageDown: its storage does not answer.
    """
    if not item.path or not _landed_here(item.path, folder_of(result), item.stem):
        raise StorageRefused("it is not where the files of this job are landed")
    where = locate(item.path)
    with explained():
        size = int(where.fs.info(where.path)["size"])
        file = where.fs.open(where.path, "rb")
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


def _media_type(head: bytes) -> str:
    mime = sniff(head)
    if mime is None or not mime.startswith(_SHOWN) or mime in _NEVER:
        raise StorageRefused("it is no picture, video or sound")
    return mime

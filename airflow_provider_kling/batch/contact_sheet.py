# SPDX-License-Identifier: Apache-2.0
"""One image of all results: their first frames in the input's order, each with its row's number."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ..utils.atomic_file import AtomicFile
from .ledger_entry import LedgerEntry

if TYPE_CHECKING:
    from ..utils.storage import StoragePath

CONTACT_SHEET = "contact-sheet.jpg"
MAX_IMAGES = 100
_COLUMNS = 10
_SIDE = 160
_CAPTION = 14
_BORDER = 2
_PARALLEL = 2
# An image of 8K has 33 million; a few kilobytes can unpack to thousands of millions.
_MOST_PIXELS = 40_000_000
_VIDEOS = (".mp4", ".mov", ".webm")
_IMAGES = (".jpg", ".png", ".webp", ".gif")

log = logging.getLogger(__name__)


def write_contact_sheet(folder: StoragePath, numbered: Iterable[tuple[int, LedgerEntry]]) -> str | None:
    """Write a sheet of the first frames of stored videos and images.

    :param folder: folder of the sheet.
    :param numbered: rows that are done, with their numbers; a hundred of them, evenly spread, are shown.
    :return: path of the sheet; ``None`` when there is nothing to show, or Pillow or PyAV is missing
        (the extra ``media`` brings both).
    """
    try:
        from PIL import Image
    except ImportError:
        log.info("No contact sheet: install airflow-provider-kling[media], which brings Pillow")
        return None
    shown = [(number, path) for number, entry in numbered if (path := _path_of(entry))]
    shown = shown[:: -(-len(shown) // MAX_IMAGES)] if shown else []
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="kling-sheet") as pool:
        frames = pool.map(_first_frame, (path for _, path in shown))
        found = [(number, frame) for (number, _), frame in zip(shown, frames, strict=True) if frame]
    if not found:
        return None
    data = io.BytesIO()
    _layout(Image, found).save(data, "JPEG", quality=80)
    with AtomicFile(folder.child(CONTACT_SHEET)) as file:
        file.write(data.getvalue())
    return folder.child(CONTACT_SHEET).uri


def _layout(image: Any, numbered: Sequence[tuple[int, Any]]) -> Any:
    from PIL import ImageDraw

    rows = -(-len(numbered) // _COLUMNS)
    height = _SIDE + _CAPTION
    sheet = image.new("RGB", (min(len(numbered), _COLUMNS) * _SIDE, rows * height), "white")
    pen = ImageDraw.Draw(sheet)
    for index, (number, frame) in enumerate(numbered):
        x, y = index % _COLUMNS * _SIDE, index // _COLUMNS * height
        sheet.paste(frame, (x + (_SIDE - frame.width) // 2, y + (_SIDE - frame.height) // 2))
        pen.text((x + _SIDE // 2, y + _SIDE + _CAPTION // 2), str(number), fill="black", anchor="mm")
    return sheet


def _path_of(entry: LedgerEntry) -> str | None:
    """Return the path of a row's first result that can be shown."""
    return next((path for path in _paths(entry) if path.lower().endswith(_VIDEOS + _IMAGES)), None)


def _paths(entry: LedgerEntry) -> Iterator[str]:
    arrays: Iterable[Any] = (entry.result or {}).values()
    for items in (each for each in arrays if isinstance(each, list)):
        # A poster is small and fast to decode.
        yield from (str(item.get("poster") or item["path"]) for item in items if "path" in item)


def _first_frame(path: str) -> Any:
    """Return a small image, so that a hundred of them are not held at full size."""
    from ..utils.storage import open_to_read, resolve_path

    try:
        with open_to_read(resolve_path(path)) as file:
            frame = _decoded(file, path)
            frame.thumbnail((_SIDE - 2 * _BORDER, _SIDE - 2 * _BORDER))
            return frame
    except Exception as error:
        # The sheet is optional: files that cannot be shown are left out.
        log.debug("Not on the contact sheet: %s: %s", path, type(error).__name__)
        return None


def _decoded(file: Any, path: str) -> Any:
    if path.lower().endswith(_VIDEOS):
        import av

        from ..media.frames import upright

        with av.open(file) as video:
            stream = video.streams.video[0]
            _check_size(stream.codec_context.width, stream.codec_context.height)
            return upright(next(video.decode(stream))).to_image()
    from PIL import Image

    found = Image.open(file)
    # A JPEG is decoded at a fraction of its size then.
    found.draft("RGB", (_SIDE, _SIDE))
    _check_size(*found.size)
    return found.convert("RGB")


def _check_size(width: int, height: int) -> None:
    if width * height > _MOST_PIXELS:
        raise ValueError(f"{width}x{height} pixels are too many")

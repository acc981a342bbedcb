# SPDX-License-Identifier: Apache-2.0
"""One picture of all results: their first frames, row by row."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..storage import Location

CONTACT_SHEET = "contact-sheet.jpg"
MAX_PICTURES = 100
_COLUMNS = 10
_SIDE = 160

log = logging.getLogger(__name__)


def write_contact_sheet(folder: Location, paths: Sequence[str]) -> str | None:
    """Write a sheet of the first frames of landed videos and pictures.

    :param folder: the batch's output path.
    :param paths: addresses of result files; the first hundred are shown.
    :return: address of the sheet; ``None`` when there is nothing to show, or Pillow or PyAV is missing
        (``pip install airflow-provider-kling[emulator]`` brings both).
    """
    try:
        from PIL import Image
    except ImportError:
        log.info("No contact sheet: Pillow is not installed")
        return None
    pictures = [picture for path in paths[:MAX_PICTURES] if (picture := _first_frame(path))]
    if not pictures:
        return None
    rows = -(-len(pictures) // _COLUMNS)
    sheet = Image.new("RGB", (min(len(pictures), _COLUMNS) * _SIDE, rows * _SIDE), "white")
    for place, picture in enumerate(pictures):
        picture.thumbnail((_SIDE - 4, _SIDE - 4))
        x, y = place % _COLUMNS * _SIDE, place // _COLUMNS * _SIDE
        sheet.paste(picture, (x + (_SIDE - picture.width) // 2, y + (_SIDE - picture.height) // 2))
    data = io.BytesIO()
    sheet.save(data, "JPEG", quality=80)
    target = folder.child(CONTACT_SHEET)
    target.fs.pipe_file(target.path, data.getvalue())
    return target.uri


def _first_frame(path: str) -> Any:
    from PIL import Image

    from ..storage import locate

    try:
        place = locate(path)
        with place.fs.open(place.path, "rb") as file:
            if path.endswith((".mp4", ".mov", ".webm")):
                import av

                with av.open(file) as video:
                    return next(video.decode(video=0)).to_image()
            return Image.open(file).convert("RGB")
    except Exception as error:
        # A sheet is a convenience; a sound or a strange file has no place on it.
        log.debug("Not on the contact sheet: %s: %s", path, type(error).__name__)
        return None

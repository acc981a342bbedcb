# SPDX-License-Identifier: Apache-2.0
"""A sheet of small images, however large the sources are."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from airflow_provider_kling.batch import contact_sheet
from airflow_provider_kling.batch.contact_sheet import write_contact_sheet
from airflow_provider_kling.utils.storage import resolve_path


class Row:
    """A row that is done."""

    def __init__(self, path: Path) -> None:
        self.result = {"images": [{"path": str(path)}]}


def one_bit_png(path: Path, side: int) -> Path:
    """An empty square image: a few kilobytes that decode to ``side`` times ``side`` pixels."""

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    line = bytes(1 + (side + 7) // 8)
    data = b"".join(packer.compress(line) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", data) + part(b"IEND", b""))
    return path


def film(path: Path, side: int) -> Path:
    with av.open(str(path), "w") as video:
        stream: Any = video.add_stream("mpeg4", rate=1)
        stream.width = stream.height = side
        stream.pix_fmt = "yuv420p"
        for packet in [*stream.encode(av.VideoFrame(side, side, "yuv420p")), *stream.encode(None)]:
            video.mux(packet)
    return path


def size_of_sheet(folder: Path, *paths: Path) -> tuple[int, int] | None:
    rows: Any = [(number, Row(path)) for number, path in enumerate(paths)]
    if not (sheet := write_contact_sheet(resolve_path(str(folder)), rows)):
        return None
    with Image.open(sheet) as image:
        return image.size


@pytest.mark.parametrize("make", [one_bit_png, film])
def test_an_image_with_too_many_pixels_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Any
) -> None:
    monkeypatch.setattr(contact_sheet, "_MOST_PIXELS", 1_000_000)
    ending = "png" if make is one_bit_png else "mp4"
    small, large = make(tmp_path / f"small.{ending}", 640), make(tmp_path / f"large.{ending}", 1040)
    assert size_of_sheet(tmp_path, small, large) == size_of_sheet(tmp_path, small)
    assert size_of_sheet(tmp_path, large) is None


def test_an_image_with_too_many_pixels_is_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of these took a worker to 1.6 GB."""
    monkeypatch.setattr(Image.Image, "convert", lambda *_, **__: pytest.fail("it was decoded"))
    assert size_of_sheet(tmp_path, one_bit_png(tmp_path / "bomb.png", 13_000)) is None


def test_a_large_jpeg_is_decoded_at_reduced_size(tmp_path: Path) -> None:
    Image.new("RGB", (8000, 6000)).save(tmp_path / "photo.jpg")
    assert size_of_sheet(tmp_path, tmp_path / "photo.jpg") is not None

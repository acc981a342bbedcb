# SPDX-License-Identifier: Apache-2.0
"""Length and sides of a video, from its header."""

from __future__ import annotations

import io
from typing import Any

import av
import numpy as np
import pytest

from airflow_provider_kling.api.requests.field_types import MediaConstraints
from airflow_provider_kling.inputs.media_header import VideoInfo, read_video_info, video_warnings
from airflow_provider_kling.inputs.sources import presign

RULES = MediaConstraints(
    kind="video",
    formats=("mp4", "mov"),
    inline=False,
    min_side=340,
    max_side=3850,
    ratio=(0.4, 6),
    seconds=(3, 30),
    max_area=3_000_000,
    fps=(24, 60),
)


def film(width: int, height: int, seconds: int, form: str = "mp4", rate: int = 10) -> io.BytesIO:
    out = io.BytesIO()
    with av.open(out, "w", format=form) as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        image = np.zeros((height, width, 3), "uint8")
        for _ in range(seconds * rate):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return io.BytesIO(out.getvalue())


@pytest.mark.parametrize("form", ["mp4", "mov"])
def test_length_and_sides_are_read_from_the_header(form: str) -> None:
    info = read_video_info(film(640, 360, 4, form))
    assert info is not None
    assert (info.width, info.height) == (640, 360)
    assert info.seconds == pytest.approx(4, abs=0.11)
    assert info.fps == pytest.approx(10, abs=0.01)


def test_a_header_of_any_bytes_raises_nothing() -> None:
    whole = film(320, 240, 1).getvalue()
    at = whole.index(b"moov")
    for location in range(at, len(whole), 7):
        for value in (0, 255):
            damaged = whole[:location] + bytes([value]) + whole[location + 1 :]
            info = read_video_info(io.BytesIO(damaged))
            assert info is None or (info.fps >= 0 and info.seconds >= 0)


def test_frames_that_are_turned_have_their_sides_turned() -> None:
    whole = film(640, 360, 1).getvalue()
    # The matrix of the track, from (1, 0; 0, 1) to a quarter turn.
    at = whole.index(b"tkhd") + 4 + 40
    one = (1 << 16).to_bytes(4, "big")
    assert whole[at : at + 4] == one
    turned = whole[:at] + b"\0" * 4 + one + whole[at + 8 :]
    info = read_video_info(io.BytesIO(turned))
    assert info is not None
    assert (info.width, info.height) == (360, 640)


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 50, b"\0\0\0\x08moov", b"\0\0\0\x10ftypisomisom", b"\x1aE\xdf\xa3"]
)
def test_a_file_without_header_has_no_properties(data: bytes) -> None:
    assert read_video_info(io.BytesIO(data)) in (None, VideoInfo(0, 0, 0))


@pytest.mark.parametrize(
    ("info", "expected_text"),
    [
        (VideoInfo(5, 640, 360), []),
        (VideoInfo(0, 0, 0), []),
        (VideoInfo(2, 640, 360), ["lasts 2.0 s; 3 to 30 s are documented"]),
        (VideoInfo(31, 640, 360), ["lasts 31.0 s; 3 to 30 s are documented"]),
        (VideoInfo(5, 320, 360), ["is 320 x 360 pixels; sides of at least 340 are documented"]),
        (VideoInfo(5, 3900, 700, 24), ["is 3900 x 700 pixels; sides of at most 3850 are documented"]),
        (VideoInfo(5, 2800, 400), ["is 2800 x 400 pixels; a ratio of 0.4 to 6 is documented"]),
        (VideoInfo(5, 2400, 1400), ["is 2400 x 1400 pixels; at most 3,000,000 pixels in all are documented"]),
        (VideoInfo(5, 640, 360, 23.976), []),
        (VideoInfo(5, 640, 360, 15), ["has 15 frames a second; 24 to 60 are documented"]),
        (VideoInfo(5, 0, 0, 120.5), ["has 120.5 frames a second; 24 to 60 are documented"]),
    ],
)
def test_undocumented_properties_are_warnings(info: VideoInfo, expected_text: list[str]) -> None:
    assert video_warnings(info, RULES) == expected_text


def test_a_video_in_object_storage_is_described(s3: Any) -> None:
    advice: list[str] = []
    presign(s3.put("v.mp4", film(640, 360, 2).getvalue()), RULES, 60, advice)
    assert advice == [
        "lasts 2.0 s; 3 to 30 s are documented",
        "has 10 frames a second; 24 to 60 are documented",
    ]
    advice.clear()
    presign(s3.put("cut.mp4", b"\0\0\0\x18ftypisom" + b"\0" * 40), RULES, 60, advice)
    assert advice == ["its header cannot be read, so Kling checks its length, sides and frame rate"]

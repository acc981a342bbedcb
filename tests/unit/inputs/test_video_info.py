# SPDX-License-Identifier: Apache-2.0
"""Length and sides of a video, from its header."""

from __future__ import annotations

import io
from typing import Any

import av
import numpy as np
import pytest

from airflow_provider_kling.api.requests.field_types import MediaConstraints
from airflow_provider_kling.inputs.sources import presign
from airflow_provider_kling.inputs.video_info import VideoInfo, read_video_info, video_advice

RULES = MediaConstraints(
    kind="video",
    formats=("mp4", "mov"),
    inline=False,
    min_side=340,
    max_side=3850,
    ratio=(0.4, 2.5),
    seconds=(3, 30),
)


def film(width: int, height: int, seconds: int, form: str = "mp4") -> io.BytesIO:
    out = io.BytesIO()
    with av.open(out, "w", format=form) as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        picture = np.zeros((height, width, 3), "uint8")
        for _ in range(seconds * 10):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return io.BytesIO(out.getvalue())


@pytest.mark.parametrize("form", ["mp4", "mov"])
def test_a_header_tells_length_and_sides(form: str) -> None:
    info = read_video_info(film(640, 360, 4, form))
    assert info is not None
    assert (info.width, info.height) == (640, 360)
    assert info.seconds == pytest.approx(4, abs=0.11)


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 50, b"\0\0\0\x08moov", b"\0\0\0\x10ftypisomisom", b"\x1aE\xdf\xa3"]
)
def test_what_has_no_header_tells_nothing(data: bytes) -> None:
    assert read_video_info(io.BytesIO(data)) in (None, VideoInfo(0, 0, 0))


@pytest.mark.parametrize(
    ("info", "words"),
    [
        (VideoInfo(5, 640, 360), []),
        (VideoInfo(0, 0, 0), []),
        (VideoInfo(2, 640, 360), ["lasts 2.0 s; 3 to 30 s are documented"]),
        (VideoInfo(31, 640, 360), ["lasts 31.0 s; 3 to 30 s are documented"]),
        (VideoInfo(5, 320, 360), ["is 320 x 360 pixels; sides of at least 340 are documented"]),
        (VideoInfo(5, 4000, 2000), ["is 4000 x 2000 pixels; sides of at most 3850 are documented"]),
        (VideoInfo(5, 1800, 600), ["is 1800 x 600 pixels; a ratio of 0.4 to 2.5 is documented"]),
    ],
)
def test_what_is_not_as_documented_is_told(info: VideoInfo, words: list[str]) -> None:
    assert video_advice(info, RULES) == words


def test_a_video_on_object_storage_is_told_of(s3: Any) -> None:
    advice: list[str] = []
    presign(s3.put("v.mp4", film(640, 360, 2).getvalue()), RULES, 60, advice)
    assert advice == ["lasts 2.0 s; 3 to 30 s are documented"]

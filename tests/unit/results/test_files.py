# SPDX-License-Identifier: Apache-2.0
"""Files of every type name are listed and named, and what has no URL is no file."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_kling.results.files import UnexpectedContentError, list_result_files, media_type

ITEM = {"url": "https://cdn.example/1"}
MP4 = b"\0\0\0\x18ftypisom"


@pytest.mark.parametrize(
    ("array", "head", "name"),
    [
        ("product_videos", MP4, "0-product-video.mp4"),
        ("model_images", b"\xff\xd8\xff", "0-model-image.jpg"),
        ("subbed_videos", MP4, "0-subbed-video.mp4"),
        ("srts", b"1\n00:00:01,000 --> 00:00:02,000\nHello", "0-srt.srt"),
        ("ass", b"[Script Info]\n", "0-ass.ass"),
        ("files", b"\x01\x02", "0-file.bin"),
    ],
)
def test_files_of_every_type_name(array: str, head: bytes, name: str) -> None:
    (file,) = list_result_files({"charges": [{"amount": "1"}], array: [ITEM]})
    assert file.name(media_type(file, head, "application/octet-stream")) == name
    with pytest.raises(UnexpectedContentError):
        media_type(file, b"<html><body>502", "video/mp4")


@pytest.mark.parametrize("url", [None, "", "  ", 5, {}])
def test_what_has_no_url_is_no_file(url: Any) -> None:
    assert list_result_files({"videos": [{"url": url}], "srts": [{"url": url}]}) == []

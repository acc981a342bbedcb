# SPDX-License-Identifier: Apache-2.0
"""Result files: they play, show what was sent, and come the way a content network sends them."""

from __future__ import annotations

import base64
import io
import time

import numpy as np
import pytest
import requests
from PIL import Image, ImageDraw

from tests.unit.emulator.conftest import png
from tests.unit.emulator.decoded_media import decode


def _disc() -> str:
    """A white disc on blue."""
    image = Image.new("RGB", (900, 600), "blue")
    ImageDraw.Draw(image).ellipse((350, 200, 550, 400), fill="white")
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def _url(kling, **body) -> str:
    return str(kling.finish(kling.create(**body))["task_result"]["videos"][0]["url"])


def _white(image: np.ndarray) -> float:
    return float((image.min(axis=2) > 200).mean())


class TestVideo:
    def test_a_video_has_the_requested_length_and_the_ratio_of_the_image(self, kling):
        seen = decode(requests.get(_url(kling, image=_disc(), duration="5"), timeout=60).content)
        assert seen.video == "h264"
        assert seen.audio is None
        assert seen.fps == 24
        assert seen.frames == 120
        assert seen.seconds == pytest.approx(5, abs=0.05)
        assert seen.size == (540, 360)

    def test_a_video_shows_the_image_and_zooms_in(self, kling):
        seen = decode(requests.get(_url(kling, image=_disc(), duration="5"), timeout=60).content)
        assert seen.first is not None
        assert seen.last is not None
        corner, middle = seen.first[5, 5], seen.first[180, 270]
        assert corner[2] > 150 > corner[0]
        assert middle.min() > 200
        assert _white(seen.last) > _white(seen.first) * 1.1

    @pytest.mark.parametrize(
        ("mode", "scale", "size"),
        [
            ("std", 0.25, (270, 180)),
            ("pro", 0.25, (404, 270)),
            ("4k", 0.25, (810, 540)),
            ("std", 1, (1080, 720)),
        ],
    )
    def test_the_size_of_a_video_follows_mode_and_scale(self, start, mode, scale, size):
        kling = start(scale=scale)
        assert decode(requests.get(_url(kling, mode=mode, duration="3"), timeout=300).content).size == size

    def test_the_same_input_gives_the_same_bytes(self, start):
        one, two = start(scale=0.2), start(scale=0.2)
        first, again, other = (
            requests.get(_url(kling, image=png(colour=colour), duration="3"), timeout=60).content
            for kling, colour in ((one, "red"), (two, "red"), (two, "green"))
        )
        assert first == again
        assert first != other

    def test_a_watermarked_copy_is_made_on_request(self, start):
        kling = start(scale=0.25)
        task = kling.finish(kling.create(duration="3", watermark_info={"enabled": True}))
        video = task["task_result"]["videos"][0]
        plain, marked = (requests.get(video[key], timeout=60).content for key in ("url", "watermark_url"))
        assert _white(decode(marked).first) > _white(decode(plain).first)
        assert "watermark_url" not in kling.finish(kling.create())["task_result"]["videos"][0]


class TestHttp:
    def test_byte_ranges_are_served(self, kling):
        url = _url(kling)
        whole = requests.get(url, timeout=60)
        assert whole.headers["Accept-Ranges"] == "bytes"
        assert whole.headers["Content-Type"] == "video/mp4"
        size = len(whole.content)
        for asked, start, end in (
            ("0-9", 0, 10),
            ("10-", 10, size),
            ("-7", size - 7, size),
            ("5-999999999", 5, size),
        ):
            part = requests.get(url, headers={"Range": f"bytes={asked}"}, timeout=60)
            assert part.status_code == 206
            assert part.headers["Content-Range"] == f"bytes {start}-{end - 1}/{size}"
            assert part.content == whole.content[start:end]

    def test_a_range_outside_the_file_is_refused(self, kling):
        response = requests.get(_url(kling), headers={"Range": "bytes=999999999-"}, timeout=60)
        assert response.status_code == 416
        assert response.headers["Content-Range"].startswith("bytes */")

    def test_head_returns_the_size(self, kling):
        url = _url(kling)
        head = requests.head(url, timeout=60)
        assert head.content == b""
        assert int(head.headers["Content-Length"]) == len(requests.get(url, timeout=60).content)

    def test_a_download_needs_only_the_signature(self, kling):
        url = _url(kling)
        assert requests.get(url, timeout=60).status_code == 200
        assert requests.get(url[:-1] + ("0" if url[-1] != "0" else "1"), timeout=60).status_code == 403
        assert requests.get(url.split("?")[0], timeout=60).status_code == 403
        assert requests.get(url.replace("0.mp4", "1.mp4"), timeout=60).status_code == 403

    def test_result_urls_have_the_host_of_the_request(self, kling):
        task_id = kling.create()
        kling.emulator.advance(60)
        assert kling.task(task_id)["task_result"]["videos"][0]["url"].startswith(kling.emulator.url)
        by_name = kling.emulator.url.replace("127.0.0.1", "localhost")
        response = requests.get(
            f"{by_name}/v1/videos/image2video/{task_id}", headers=dict(kling.session.headers), timeout=60
        ).json()
        assert response["data"]["task_result"]["videos"][0]["url"].startswith(by_name + "/results/")

    def test_a_query_returns_a_new_url_after_expiry(self, start):
        kling = start(url_seconds=60)
        task_id = kling.create()
        old = kling.finish(task_id)["task_result"]["videos"][0]["url"]
        kling.emulator.advance(61)
        expired = requests.get(old, timeout=60)
        assert expired.status_code == 403
        assert b"Request has expired" in expired.content
        assert requests.get(kling.task(task_id)["task_result"]["videos"][0]["url"], timeout=60).ok

    def test_results_expire_after_30_days(self, start):
        kling = start(url_seconds=60)
        task_id = kling.create()
        kling.emulator.advance(31 * 24 * 3600)
        url = kling.task(task_id)["task_result"]["videos"][0]["url"]
        assert requests.get(url, timeout=60).status_code == 403


def test_results_that_are_not_downloaded_are_not_rendered(start):
    kling = start(slots=0)
    started = time.process_time()
    for _ in range(60):
        kling.create()
    kling.emulator.advance(60)
    assert len(kling.get("/v1/videos/image2video", pageSize=500).json()["data"]) == 60
    # Rendering them all would take some 20 s.
    assert time.process_time() - started < 10
    assert list((kling.emulator.folder / "rendered").iterdir()) == []

# SPDX-License-Identifier: Apache-2.0
"""What the vendor's pages say of size, shape and frame rate, with files that break one limit each."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from tests.unit.emulator.conftest import png
from tests.unit.emulator.sample_bodies import URL, body

NTSC_FILM, NTSC = Fraction(24_000, 1001), Fraction(30_000, 1001)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder and the URL under which this machine serves it."""
    folder = tmp_path_factory.mktemp("site")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def film(site: tuple[Path, str]) -> Callable[..., str]:
    """Write a grey video of five seconds, which all endpoints take, and return its URL."""

    def write(width: int, height: int, fps: Fraction | int) -> str:
        folder, url = site
        path = folder / f"{width}x{height}-{float(fps):.2f}.mp4"
        if not path.exists():
            frame = av.VideoFrame.from_ndarray(np.full((height, width), 128, np.uint8), format="gray")
            with av.open(str(path), "w", format="mp4") as container:
                stream: Any = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast"})
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                frame.pts, frame.time_base = 0, 1 / Fraction(fps)
                # All frames are the same, so one is encoded and written again and again.
                (encoded,) = [*stream.encode(frame), *stream.encode(None)]
                step = round(1 / Fraction(fps) / encoded.time_base)
                for number in range(round(5 * fps)):
                    packet: Any = av.Packet(bytes(encoded))
                    packet.stream, packet.time_base, packet.is_keyframe = stream, encoded.time_base, True
                    packet.pts = packet.dts = number * step
                    packet.duration = step
                    container.mux(packet)
        return f"{url}/{path.name}"

    return write


@pytest.fixture
def still(site: tuple[Path, str]) -> Callable[..., str]:
    """Write an image and return its URL."""

    def write(width: int, height: int, kind: str = "PNG", *, noise: bool = False) -> str:
        folder, url = site
        path = folder / f"{width}x{height}-{noise}.{kind.lower()}"
        pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
        Image.fromarray(pixels if noise else pixels // 255).save(path, kind)
        return f"{url}/{path.name}"

    return write


def omni(url: str) -> tuple[str, dict[str, Any]]:
    return "/v1/videos/omni-video", {"prompt": "a cat", "video_list": [{"video_url": url}]}


def omni_v2(url: str) -> tuple[str, dict[str, Any]]:
    contents = [{"type": "prompt", "text": "a cat"}, {"type": "base_video", "url": url}]
    return "/omni-video/kling-3.0-omni", {"contents": contents}


def clothes(url: str) -> tuple[str, dict[str, Any]]:
    contents = [
        {"type": "product_info", "text": "A light shirt"},
        {"type": "source_video", "url": url},
        {"type": "product_image", "url": URL},
    ]
    return "/solutions/e-commerce/clothing_dupe", {"contents": contents}


def motion(url: str) -> tuple[str, dict[str, Any]]:
    return "/v1/videos/motion-control", {
        "image_url": png(),
        "video_url": url,
        "character_orientation": "video",
        "mode": "std",
    }


def selection(url: str) -> tuple[str, dict[str, Any]]:
    return "/v1/videos/multi-elements/init-selection", {"video_url": url}


def element(url: str) -> tuple[str, dict[str, Any]]:
    return "/v1/general/advanced-custom-elements", {
        "element_name": "fox",
        "element_description": "a red fox",
        "reference_type": "video_refer",
        "element_video_list": {"refer_videos": [{"video_url": url}]},
    }


def try_on(url: str) -> tuple[str, dict[str, Any]]:
    contents = [{"type": "product_image", "url": URL}, {"type": "person_image", "url": url}]
    return "/solutions/virtual_try_on", {"contents": contents}


@pytest.mark.parametrize(
    ("request_of", "shape", "words"),
    [
        pytest.param(omni, (720, 720, 15), "fps must be in [24, 60], got 15", id="omni-slow"),
        pytest.param(omni, (720, 720, 72), "fps must be in [24, 60], got 72", id="omni-fast"),
        pytest.param(omni, (4000, 2160, 1), "width by height cannot exceed 8294400", id="omni-area"),
        pytest.param(omni, (600, 720, 24), "width and height must be in [700px, 4553px]", id="omni-side"),
        pytest.param(omni_v2, (720, 720, 15), "fps must be in [24, 60]", id="omni-v2-slow"),
        pytest.param(omni_v2, (4000, 2160, 1), "cannot exceed 8294400", id="omni-v2-area"),
        pytest.param(omni_v2, (1600, 704, 24), "must be between 1:2.5 and 2:1", id="omni-v2-ratio"),
        pytest.param(clothes, (720, 720, 15), "fps must be in [24, 60], got 15", id="clothes-slow"),
        pytest.param(clothes, (4000, 2160, 2), "cannot exceed 8294400, got 4000x2160", id="clothes-area"),
        pytest.param(clothes, (1600, 704, 24), "between 1:2.5 and 2:1, got 1600x704", id="clothes-ratio"),
        pytest.param(selection, (720, 720, 25), "fps must be one of 24, 30, 60, got 25", id="selection-fps"),
        pytest.param(element, (1440, 1080, 24), "must be 16:9 or 9:16, got 1440x1080", id="element-ratio"),
    ],
)
def test_a_video_outside_the_limits_is_refused(kling, film, request_of, shape, words):
    response = kling.post(*request_of(film(*shape)))
    assert (response.status_code, response.json()["code"]) == (400, 1201)
    assert words in response.json()["message"]


@pytest.mark.parametrize(
    ("request_of", "shape"),
    [
        pytest.param(omni, (720, 720, NTSC_FILM), id="omni-23.976"),
        pytest.param(omni, (720, 720, 60), id="omni-60"),
        pytest.param(omni, (1600, 704, 24), id="omni-v1-names-no-ratio"),
        pytest.param(omni_v2, (1408, 704, 24), id="omni-v2-widest"),
        pytest.param(clothes, (1408, 704, 24), id="clothes-widest"),
        pytest.param(motion, (720, 720, 15), id="motion-names-no-fps"),
        pytest.param(selection, (720, 720, NTSC), id="selection-29.97"),
        pytest.param(element, (1920, 1080, 24), id="element-16:9"),
    ],
)
def test_a_video_within_the_limits_is_accepted(kling, film, request_of, shape):
    response = kling.post(*request_of(film(*shape)))
    assert response.status_code == 200, response.text


@pytest.mark.parametrize(
    ("image", "words"),
    [
        pytest.param(lambda _: png(), "must be a url", id="base64"),
        pytest.param(lambda still: still(300, 400), "[301px, 2048px], got 300x400", id="short"),
        pytest.param(lambda still: still(400, 2049), "[301px, 2048px], got 400x2049", id="long"),
        pytest.param(lambda still: still(2040, 2040, noise=True), "cannot exceed 10MB", id="large"),
        pytest.param(
            lambda still: still(400, 400, "GIF"), "only jpg, jpeg, png and webp are supported", id="gif"
        ),
    ],
)
def test_an_invalid_try_on_image_is_refused(kling, still, image, words):
    response = kling.post(*try_on(image(still)))
    assert (response.status_code, response.json()["code"]) == (400, 1201)
    assert words in response.json()["message"]


@pytest.mark.parametrize(
    ("width", "height", "kind"),
    [(301, 1800, "PNG"), (2048, 2048, "JPEG"), (600, 400, "WEBP")],
    ids=["any-ratio", "longest", "webp"],
)
def test_a_valid_try_on_image_is_accepted(kling, still, width, height, kind):
    response = kling.post(*try_on(still(width, height, kind)))
    assert response.status_code == 200, response.text


def test_webp_is_accepted_only_where_it_is_documented(kling):
    """The content is known from the first call, which takes it."""
    webp = png(640, 480, kind="WEBP")
    goods = {
        "contents": [
            {"type": "ref_image", "url": webp},
            {"type": "goods_title", "text": "Umbrella"},
        ],
        "settings": {"resolution": "720p", "aspect_ratio": "1:1", "duration": 15},
    }
    assert kling.post("/solutions/e-commerce/goods_studio", goods).status_code == 200
    refused = kling.post("/v1/videos/image2video", {"model_name": "kling-v3", "image": webp})
    assert "only jpg, jpeg and png are supported" in refused.json()["message"]


def test_a_jpeg_with_several_images_is_accepted(kling):
    """Some phones write such files, which Pillow calls MPO."""
    stream = io.BytesIO()
    first, second = (Image.new("RGB", (640, 480), colour) for colour in ("red", "blue"))
    first.save(stream, "MPO", save_all=True, append_images=[second])
    content = base64.b64encode(stream.getvalue()).decode()
    response = kling.post("/v1/videos/image2video", {"model_name": "kling-v3", "image": content})
    assert response.status_code == 200, response.text


def test_videos_of_the_emulator_are_measured_at_real_size(start):
    """A result of a quarter of the size is taken where the vendor's own result would be."""
    kling = start(scale=0.25, speed=1000)
    made = kling.result("/v1/videos/image2video", **body("videos/image2video", kling), mode="pro")
    response = kling.post(*omni(made["videos"][0]["url"]))
    assert response.status_code == 200, response.text


_OTHER_RATIO = "The aspect ratio of the mask is not that of the image"


def _masked(still: Callable[..., str], static: tuple[int, int], dynamic: tuple[int, int]) -> dict[str, Any]:
    path = [{"x": 1, "y": 1}, {"x": 9, "y": 9}]
    return {
        "model_name": "kling-v1",
        "image": still(600, 400),
        "static_mask": still(*static),
        "dynamic_masks": [{"mask": still(*dynamic), "trajectories": path}],
    }


@pytest.mark.parametrize(
    ("static", "dynamic", "failure"),
    [
        pytest.param((600, 400), (600, 400), "", id="like-the-image"),
        pytest.param((900, 600), (900, 600), "", id="larger"),
        pytest.param((600, 401), (600, 401), "", id="a-pixel-off"),
        pytest.param(
            (400, 600), (400, 600), "The aspect ratio of the mask is not that of the image", id="ratio"
        ),
        pytest.param((600, 400), (900, 600), "The masks have different resolutions", id="resolutions"),
    ],
)
def test_a_job_with_masks_of_another_size_fails(start, still, static, dynamic, failure):
    """The vendor takes such a request; the job fails."""
    kling = start(models=("kling-v1",), speed=1000)
    task = kling.finish(kling.create(**_masked(still, static, dynamic)))
    assert (task["task_status"], task["task_status_msg"]) == ("failed" if failure else "succeed", failure)

# SPDX-License-Identifier: Apache-2.0
"""Ogg, MP3 and WebM files are whole only if their last part is there."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import av
import numpy as np
import pytest

from airflow_provider_kling.exceptions import KlingResultNotKept
from airflow_provider_kling.results.download import DownloadOptions
from airflow_provider_kling.results.file_completeness import container_of
from airflow_provider_kling.results.store import store_result
from airflow_provider_kling.utils.media_types import detect_media_type
from tests.unit.results.web import unmeasured, whole

ONCE = DownloadOptions(allow_private=True, attempts=1)


class Pipe(io.RawIOBase):
    """A sink in which nothing that was written can be changed."""

    def __init__(self) -> None:
        self.content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.content += data
        return len(data)


@cache
def audio(form: str, codec: str, **options: str) -> bytes:
    """Encode 1.5 s of noise."""
    out = io.BytesIO()
    with av.open(out, "w", format=form, options=options) as container:
        stream = container.add_stream(codec, rate=48_000)
        stream.layout = "mono"
        for number in range(60):
            noise = np.random.default_rng(number).standard_normal((1, 1152)).astype("float32") * 0.3
            frame = av.AudioFrame.from_ndarray(noise, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 48_000, number * 1152
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


@cache
def webm(*, live: bool = False) -> bytes:
    """Encode a film of 2 s; a live one has no lengths of segment and clusters."""
    sink: Any = Pipe() if live else io.BytesIO()
    with av.open(sink, "w", format="webm", options={"live": str(int(live))}) as container:
        stream = container.add_stream("libvpx", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for shade in range(20):
            image = np.full((64, 64, 3), shade * 9, "uint8")
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return bytes(sink.content) if live else bytes(sink.getvalue())


OPUS = audio("ogg", "libopus")
MP3 = audio("mp3", "libmp3lame")
PLAIN_MP3 = audio("mp3", "libmp3lame", write_xing="0", id3v2_version="0")
WEBM, LIVE = webm(), webm(live=True)
FLIPPED = OPUS[:200] + bytes([OPUS[200] ^ 1]) + OPUS[201:]
UNMARKED_END = OPUS[: OPUS.rindex(b"OggS")]

# name: content, the fault, whether its end is proven
FILES: dict[str, tuple[bytes, str | None, bool]] = {
    "ogg": (OPUS, None, True),
    "ogg, two joined": (OPUS + OPUS, None, True),
    "ogg without its last page": (UNMARKED_END, None, False),
    "ogg without its last byte": (OPUS[:-1], "cut off", False),
    "half an ogg": (OPUS[: len(OPUS) // 2], "cut off", False),
    "ogg with a wrong bit": (FLIPPED, "no part of its container", False),
    "ogg and an error page": (OPUS + b"<html>502 Bad Gateway, try again later</html>", "no part of", False),
    "mp3": (MP3, None, True),
    "mp3 without a description": (PLAIN_MP3, None, True),
    "mp3 with a tag behind": (PLAIN_MP3 + b"TAG" + bytes(125), None, True),
    "mp3, two joined": (MP3 + PLAIN_MP3, None, True),
    "mp3 without its last byte": (MP3[:-1], "cut off", False),
    "half an mp3": (PLAIN_MP3[: len(PLAIN_MP3) // 2], "cut off", False),
    "half an mp3 of whole frames": (MP3[: MP3.index(b"\xff\xfb", len(MP3) // 2)], "cut off", False),
    "mp3 without its last frame": (MP3[: MP3.rindex(b"\xff\xfb")], None, False),
    "mp3 with two bytes of a frame": (PLAIN_MP3 + PLAIN_MP3[:2], "cut off", False),
    "mp3, two joined and cut": (MP3 + PLAIN_MP3[:-5], "cut off", False),
    "mp3 with a cut tag behind": (PLAIN_MP3 + b"TAG" + bytes(60), None, False),
    "mp3 and an error page": (PLAIN_MP3 + b"<html>502 Bad Gateway</html>", None, False),
    "mp3 of one sync word": (b"\xff\xfb" + bytes(5000), "no audio frames", False),
    "webm": (WEBM, None, True),
    "webm without lengths": (LIVE, None, True),
    "webm without its last byte": (WEBM[:-1], "cut off", False),
    "half a webm": (WEBM[: len(WEBM) // 2], "cut off", False),
    "half a webm without lengths": (LIVE[: len(LIVE) // 2], "cut off", False),
    "webm and an error page": (WEBM + b"<html>502 Bad Gateway</html>", "no part of its container", False),
    "webm of its header": (WEBM[: WEBM.index(b"\x18\x53\x80\x67")], "holds its media is missing", False),
}


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
@pytest.mark.parametrize("name", FILES)
def test_the_end_is_known_in_pieces_of_any_size(name: str, step: int) -> None:
    data, defect, closed = FILES[name]
    container = container_of(detect_media_type(data))
    for at in range(0, len(data), step):
        container.feed(data[at : at + step])
    found = container.defect()
    assert (defect in (found or "")) if defect else found is None
    assert container.closed is closed


@pytest.mark.parametrize(
    ("array", "data", "name"),
    [
        ("audios", OPUS, "0-audio.ogg"),
        ("audios", MP3, "0-audio.mp3"),
        ("audios", PLAIN_MP3, "0-audio.mp3"),
        ("videos", WEBM, "0-video.webm"),
        ("videos", LIVE, "0-video.webm"),
    ],
)
def test_a_whole_file_needs_no_length(web: Any, tmp_path: Any, array: str, data: bytes, name: str) -> None:
    task = {"task_id": "5", array: [{"url": web.serve("/f", unmeasured(data))}]}
    store_result(task, str(tmp_path), options=ONCE)
    assert (tmp_path / "5" / name).read_bytes() == data


@pytest.mark.parametrize("name", [name for name, (_, _, closed) in FILES.items() if not closed])
def test_a_file_without_its_end_needs_a_length(web: Any, tmp_path: Any, name: str) -> None:
    data, defect, _ = FILES[name]
    array = "videos" if "webm" in name else "audios"
    task = {"task_id": "5", array: [{"url": web.serve("/f", unmeasured(data))}]}
    with pytest.raises(KlingResultNotKept, match=defect or "whether it is complete"):
        store_result(task, str(tmp_path), options=ONCE)
    if defect is None:
        web.serve("/f", whole(data, "application/octet-stream"))
        store_result(task, str(tmp_path), options=ONCE)
        assert (tmp_path / "5" / "manifest.json").is_file()

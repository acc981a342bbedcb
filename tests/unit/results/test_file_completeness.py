# SPDX-License-Identifier: Apache-2.0
"""A file is whole only if its own container says so."""

from __future__ import annotations

import gzip
import io
import os
import struct
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from airflow_provider_kling.exceptions import KlingResultNotKept
from airflow_provider_kling.results.download import DownloadOptions
from airflow_provider_kling.results.file_completeness import container_of
from airflow_provider_kling.results.store import store_result
from tests.unit.results.conftest import FTYP, MP4, PNG, RULES, VIDEO, box, movie, video_task
from tests.unit.results.web import redirect, status, unmeasured, whole

ONCE = DownloadOptions(allow_private=True, attempts=1)
RANDOM = bytes(range(256)) * 20


def image(form: str) -> bytes:
    """Make a real image."""
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, form)
    return out.getvalue()


def wav(size: int | None = None) -> bytes:
    """A second of sound; ``size`` is what its header says of the bytes that follow."""
    form = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16_000, 2, 16)
    body = form + b"data" + struct.pack("<I", 16_000) + b"\1\2" * 8000
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


FRAGMENTED = (
    box(b"styp", b"msdh") + box(b"sidx", bytes(24)) + box(b"moof", bytes(40)) + box(b"mdat", bytes(90))
)
TO_THE_END = FTYP + box(b"moov", bytes(9)) + box(b"mdat", bytes(99), size=0)
LARGE = FTYP + box(b"moov") + b"\0\0\0\1mdat" + (116).to_bytes(8, "big") + bytes(100)

WHOLE = {
    "mp4": ("video/mp4", MP4, True),
    "mp4 with moov last": ("video/mp4", FTYP + box(b"mdat", b"x" * 50) + box(b"moov"), True),
    "mp4 with a 64-bit size": ("video/mp4", LARGE, True),
    "mp4 in fragments": ("video/mp4", FRAGMENTED, True),
    "mp4 whose media goes on to the end": ("video/mp4", TO_THE_END, False),
    "png": ("image/png", image("PNG"), True),
    "png with bytes behind its end": ("image/png", PNG + b"more of it", True),
    "jpeg": ("image/jpeg", image("JPEG"), True),
    "jpeg that is filled up": ("image/jpeg", image("JPEG") + bytes(700), True),
    "gif": ("image/gif", image("GIF"), True),
    "webp": ("image/webp", image("WEBP"), True),
    "wav": ("audio/wav", wav(), True),
    "wav, streamed": ("audio/wav", wav(0xFFFFFFFF), False),
    "wav, streamed with 0": ("audio/wav", wav(0), False),
    "wav, streamed with a large number": ("audio/wav", wav(0x7FFFF000), False),
    "wav without its last filling byte": ("audio/wav", wav(16_037), False),
    "unknown": (None, RANDOM, False),
}
NOT_WHOLE = {
    "mp4 without its last byte": ("video/mp4", MP4[:-1]),
    "mp4 cut in a head": ("video/mp4", MP4 + b"\0\0"),
    "mp4 of ftyp only": ("video/mp4", FTYP),
    "mp4 without moov": ("video/mp4", FTYP + box(b"mdat", bytes(50))),
    "mp4 and an error page": ("video/mp4", MP4 + b"<html>502 Bad Gateway</html>"),
    "mp4 and zeros": ("video/mp4", FTYP + bytes(4000)),
    "fragment without media": ("video/mp4", FRAGMENTED + box(b"moof", bytes(40))),
    "random": ("video/mp4", RANDOM),
    "half a png": ("image/png", image("PNG")[:-12]),
    "half a jpeg": ("image/jpeg", image("JPEG")[:-2]),
    "half a gif": ("image/gif", image("GIF")[:-1]),
    "half a webp": ("image/webp", image("WEBP")[:-1]),
    "half a wav": ("audio/wav", wav()[:8000]),
    "wav of its header only": ("audio/wav", wav()[:44]),
}


def _range(length: int) -> str:
    return f"bytes 0-{length - 1}/{length}"


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
@pytest.mark.parametrize("name", [*WHOLE, *NOT_WHOLE])
def test_whole_means_whole_in_pieces_of_any_size(name: str, step: int) -> None:
    mime, data, closed = WHOLE.get(name) or (*NOT_WHOLE[name], False)
    container = container_of(mime)
    for at in range(0, len(data), step):
        container.feed(data[at : at + step])
    assert (container.defect() is None, container.closed) == (name in WHOLE, closed)


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        (RANDOM, {}),
        (FTYP, {}),
        (b"\0" * 5000, {}),
        (gzip.compress(b"<html>502</html>"), {}),
        (gzip.compress(VIDEO)[:-9], {"Content_Encoding": "gzip"}),
        (gzip.compress(VIDEO[:-9]), {"Content_Encoding": "gzip"}),
    ],
    ids=["random", "ftyp", "zeros", "undeclared gzip", "cut gzip", "gzip of a cut file"],
)
def test_what_is_no_whole_video_is_not_stored(
    web: Any, shelf: Any, data: bytes, headers: dict[str, str]
) -> None:
    with pytest.raises(KlingResultNotKept):
        store_result(video_task(web.serve("/v.mp4", whole(data, **headers))), shelf.uri, options=ONCE)
    assert shelf.files() == {}


@pytest.mark.parametrize(
    ("response", "stored"),
    [
        (whole(gzip.compress(VIDEO), Content_Encoding="gzip"), VIDEO),
        (whole(VIDEO, Content_Encoding="gzip"), VIDEO),
        (unmeasured(VIDEO), VIDEO),
        (whole(FRAGMENTED), FRAGMENTED),
        (whole(VIDEO, code=203), VIDEO),
        (whole(VIDEO, code=206, Content_Range=_range(len(VIDEO))), VIDEO),
    ],
    ids=["gzip", "called gzip only", "no length", "fragments", "203 of a proxy", "a range of all"],
)
def test_what_is_whole_is_stored(web: Any, tmp_path: Any, response: Any, stored: bytes) -> None:
    store_result(video_task(web.serve("/v.mp4", response)), str(tmp_path), options=ONCE)
    assert (tmp_path / "8150001" / "0-video.mp4").read_bytes() == stored


@pytest.mark.parametrize(
    ("data", "text", "defect"),
    [
        (VIDEO, f"bytes 0-{len(VIDEO) - 1}/*", "HTTP 206"),
        (VIDEO, f"bytes 0-{len(VIDEO) - 1}/{len(VIDEO) + 1}", "HTTP 206"),
        (VIDEO, f"bytes 1-{len(VIDEO)}/{len(VIDEO)}", "HTTP 206"),
        (VIDEO, "", "HTTP 206"),
        (VIDEO, "pages 0-4/5", "HTTP 206"),
        (VIDEO[:-1], _range(len(VIDEO)), "received"),
        (VIDEO[:-1], _range(len(VIDEO) - 1), "cut off"),
        (TO_THE_END, _range(len(TO_THE_END)), "whether it is complete"),
    ],
    ids=["unknown", "a part", "another part", "none", "no bytes", "short", "cut", "no end"],
)
def test_a_range_that_is_not_known_to_be_all_is_not_stored(
    web: Any, shelf: Any, data: bytes, text: str, defect: str
) -> None:
    url = web.serve("/v.mp4", whole(data, code=206, Content_Range=text))
    with pytest.raises(KlingResultNotKept, match=defect):
        store_result(video_task(url), shelf.uri, options=ONCE)
    assert shelf.files() == {}


def test_a_file_that_cannot_prove_its_end_needs_a_length(web: Any, tmp_path: Any) -> None:
    with pytest.raises(KlingResultNotKept, match="the server sends no reliable length"):
        store_result(video_task(web.serve("/v.mp4", unmeasured(TO_THE_END))), str(tmp_path), options=ONCE)


def test_a_compressed_file_is_limited_by_its_content(web: Any, tmp_path: Any) -> None:
    packed = gzip.compress(movie(bytes(3_000_000)))
    url = web.serve("/v.mp4", whole(packed, Content_Encoding="gzip"))
    with pytest.raises(KlingResultNotKept, match="larger than the limit of 1000000 bytes"):
        store_result(video_task(url), str(tmp_path), options=replace(ONCE, max_bytes=1_000_000))


@pytest.mark.parametrize(
    ("content", "ending"),
    [(b"1\n00:00:01,000 --> 00:00:02,000\nHi\n", "srt"), (b"[Script Info]\nTitle: x\n", "ass")],
)
def test_subtitles_are_text(web: Any, tmp_path: Any, content: bytes, ending: str) -> None:
    task = {"task_id": "5", "subtitles": [{"url": web.serve("/s", whole(content, "text/plain"))}]}
    store_result(task, str(tmp_path), options=ONCE)
    assert (tmp_path / "5" / f"0-subtitle.{ending}").read_bytes() == content


@pytest.mark.parametrize("content", [b"<html>no</html>", b'{"code": 1}', b"<?xml version='1.0'?><Error/>"])
def test_an_error_is_no_subtitle(web: Any, tmp_path: Any, content: bytes) -> None:
    task = {"task_id": "5", "subtitles": [{"url": web.serve("/s", whole(content, "text/plain"))}]}
    with pytest.raises(KlingResultNotKept, match="it should be a subtitle"):
        store_result(task, str(tmp_path), options=ONCE)


def test_a_relative_url_is_the_connections_and_only_its_origin_sees_the_key(web: Any, tmp_path: Any) -> None:
    elsewhere = web.serve("/cdn.mp4", whole(VIDEO)).replace("127.0.0.1", "localhost")
    web.serve("/file.mp4", redirect(elsewhere))
    rules = replace(ONCE, base_url=f"{web.base}/kling", token=lambda: "k-1")
    store_result(video_task("/file.mp4"), str(tmp_path), options=rules)
    sent = {path: headers.get("Authorization") for path, headers in web.requests}
    assert sent == {"/file.mp4": "Bearer k-1", "/cdn.mp4": None}


def test_a_redirect_in_utf8_is_followed(web: Any, tmp_path: Any) -> None:
    web.serve("/f%C3%BC%E5%BD%B1.mp4", whole(VIDEO))
    # A header holds one byte a character.
    web.serve("/v.mp4", redirect("/fü影.mp4".encode().decode("latin-1")))
    store_result(video_task(web.url("/v.mp4")), str(tmp_path), options=ONCE)
    assert (tmp_path / "8150001" / "0-video.mp4").read_bytes() == VIDEO


@pytest.mark.parametrize(
    "case",
    [(429, "7", 7), (503, "7", 7), (503, "86400", 30), (503, "-5", 0), (503, "soon", 0), (500, "7", 0)],
)
def test_retry_after_is_honoured_up_to_the_longest_pause(
    web: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, case: tuple[int, str, float]
) -> None:
    from airflow_provider_kling.results.store import _ResultStore

    code, requested, elapsed = case
    pauses: list[float] = []
    monkeypatch.setattr(_ResultStore, "_sleep_or_stop", lambda self, seconds: pauses.append(seconds))

    def busy(request: Any) -> None:
        request.send_response(code)
        request.send_header("Retry-After", requested)
        request.send_header("Content-Length", "0")
        request.end_headers()

    url = web.serve("/v.mp4", busy, whole(VIDEO))
    store_result(video_task(url), str(tmp_path), options=replace(RULES, max_retry_delay=30.0))
    assert elapsed <= pauses[0] <= max(elapsed, 1)


@pytest.mark.parametrize("kind", ["folder", "file", "manifest"])
def test_a_planted_link_does_not_lead_outside(web: Any, tmp_path: Any, kind: str) -> None:
    victim, out = tmp_path / "victim", tmp_path / "out"
    victim.mkdir()
    (victim / "0-video.mp4").write_bytes(VIDEO[:-1] + b"!")
    (victim / "manifest.json").write_text("{}")
    before = {path.name: path.read_bytes() for path in victim.iterdir()}
    task = video_task(web.serve("/v.mp4", whole(VIDEO)))
    if kind == "folder":
        out.mkdir()
        os.symlink(victim, out / "8150001")
        with pytest.raises(KlingResultNotKept, match="8150001 in it is a link; remove the link"):
            store_result(task, str(out), options=ONCE)
    else:
        (out / "8150001").mkdir(parents=True)
        name = "0-video.mp4" if kind == "file" else "manifest.json"
        os.symlink(victim / name, out / "8150001" / name)
        store_result(task, str(out), options=ONCE)
        assert not (out / "8150001" / name).is_symlink()
        assert (out / "8150001" / "0-video.mp4").read_bytes() == VIDEO
    assert {path.name: path.read_bytes() for path in victim.iterdir()} == before


@pytest.mark.parametrize(
    ("more", "host"),
    [
        ({"endpoint": "videos/text2video"}, "a"),
        ({"created_at": 1_790_000_000_001}, "a"),
        ({}, "b"),
    ],
    ids=["endpoint", "creation time", "host"],
)
def test_a_job_with_the_same_id_has_files_of_its_own(
    web: Any, shelf: Any, more: dict[str, Any], host: str
) -> None:
    other = movie(b"other")
    first = video_task(web.serve("/1", whole(VIDEO)))
    second = {**video_task(web.serve("/2", whole(other))), **more}
    store_result(first, shelf.uri, options=replace(ONCE, base_url="https://a"))
    rules = replace(ONCE, base_url=f"https://{host}")
    stored = store_result(second, shelf.uri, options=rules)
    assert store_result(second, shelf.uri, options=rules) == stored
    assert (web.request_count("/1"), web.request_count("/2")) == (1, 1)
    assert shelf.files()["8150001/0-video.mp4"] == VIDEO
    assert other in shelf.files().values()


@pytest.mark.parametrize("code", [429, 503])
def test_a_busy_server_is_queried_again(web: Any, tmp_path: Any, code: int) -> None:
    url = web.serve("/v.mp4", status(code), whole(VIDEO))
    assert store_result(video_task(url), str(tmp_path), options=RULES)["videos"][0]["bytes"] == len(VIDEO)

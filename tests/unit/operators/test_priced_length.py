# SPDX-License-Identifier: Apache-2.0
"""The length of a file at a URL or on object storage, by a few of its bytes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

import pytest

from airflow_provider_kling.inputs.media_header import media_length
from airflow_provider_kling.operators import _priced_length
from airflow_provider_kling.operators._priced_length import stored_length, url_length
from airflow_provider_kling.operators.video2 import KlingMotionControl2Operator
from tests.unit.inputs.samples import audio_of, video
from tests.unit.operators.conftest import IMAGE_URL
from tests.unit.results.conftest import Shelf, shelf

__all__ = ["shelf"]

LENGTHS = {"mp3": 3.0, "wav": 3.0, "m4a": 3.0}


def fast_start(data: bytes) -> bytes:
    """Move the index of an MP4 before its media."""
    parts, at = {}, 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        parts[data[at + 4 : at + 8]] = data[at : at + size]
        at += size
    order = (b"ftyp", b"moov", b"free", b"mdat")
    return b"".join(parts[kind] for kind in order if kind in parts)


FILES = {
    "/a.mp4": video(2.0),
    "/b.mp4": fast_start(video(2.0)),
    **{f"/a.{kind}": audio_of(kind, 3.0) for kind in LENGTHS},
    "/a.aac": audio_of("aac", 3.0),
    "/text": b"hello" * 100,
    "/empty": b"",
}


class Server:
    """A file server that counts the bytes that it sends."""

    def __init__(self) -> None:
        self.sent = 0
        self.ranges = True
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.startswith("/to"):
                    self.send_response(302)
                    self.send_header("Location", self.path.removeprefix("/to"))
                    self.end_headers()
                    return
                data = FILES.get(self.path)
                if data is None:
                    self.send_error(404)
                    return
                first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
                part = data[int(first) : int(last) + 1] if outer.ranges and last else data
                self.send_response(206 if outer.ranges else 200)
                self.send_header("Content-Length", str(len(part)))
                if outer.ranges:
                    end = int(first) + len(part) - 1
                    self.send_header("Content-Range", f"bytes {first}-{end}/{len(data)}")
                self.end_headers()
                outer.sent += len(part)
                self.wfile.write(part)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on this machine."""
    running = Server()
    yield running
    running.close()


@pytest.mark.parametrize(
    ("path", "seconds"),
    [("/a.mp4", 2.0), ("/b.mp4", 2.0), ("/to/b.mp4", 2.0), *((f"/a.{kind}", 3.0) for kind in LENGTHS)],
)
def test_the_length_is_read_from_headers(path: str, seconds: float, server: Server) -> None:
    assert url_length(f"{server.url}{path}", allow_private=True) == pytest.approx(seconds, abs=0.1)


@pytest.mark.parametrize(
    "path", ["/a.aac", "/text", "/empty", "/nothing", "/to/to/to/to/to/a.mp4", "/tohttp://["]
)
def test_a_missing_length_is_unknown(path: str, server: Server) -> None:
    assert url_length(f"{server.url}{path}", allow_private=True) is None


def test_private_hosts_are_never_queried(server: Server) -> None:
    assert url_length(f"{server.url}/a.mp4") is None
    assert url_length("http://169.254.169.254/a.mp4", allow_private=True) is None
    assert url_length("file:///etc/passwd", allow_private=True) is None
    assert server.sent == 0


def test_an_operator_asks_no_private_host(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    requested: list[str] = []

    def asks(url: str, **_: Any) -> None:
        requested.append(url)

    monkeypatch.setattr(_priced_length, "url_length", asks)
    operator = KlingMotionControl2Operator(
        task_id="film", image=IMAGE_URL, video=f"{server.url}/a.mp4", character_orientation="video"
    )
    request = operator.endpoint.request.model_validate(
        {name: value for name, value in operator.request_values().items() if value is not None}
    )
    assert _priced_length.find_seconds(operator, None, request, read_files=True) is None
    assert not requested


def test_no_more_is_read_than_allowed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    big = b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isommp42" + b"".join(
        (1_000_000).to_bytes(4, "big") + b"free" + b"\x00" * 999_992 for _ in range(20)
    )
    monkeypatch.setitem(FILES, "/big.mp4", big)
    assert url_length(f"{server.url}/big.mp4", allow_private=True) is None
    assert 0 < server.sent <= _priced_length.MAX_BYTES
    monkeypatch.setattr(server, "ranges", False)
    # A server without ranges shows the beginning only.
    assert url_length(f"{server.url}/b.mp4", allow_private=True) == pytest.approx(2.0, abs=0.1)
    assert url_length(f"{server.url}/big.mp4", allow_private=True) is None


def test_the_length_is_read_from_object_storage_too(shelf: Shelf) -> None:
    from airflow_provider_kling.utils.storage import resolve_path

    location = resolve_path(f"{shelf.uri}/a.mp4")
    location.fs.makedirs(location.path.rpartition("/")[0], exist_ok=True)
    location.fs.pipe_file(location.path, FILES["/a.mp4"])
    assert stored_length(f"{shelf.uri}/a.mp4") == pytest.approx(2.0, abs=0.1)
    assert stored_length(f"{shelf.uri}/none.mp4") is None


@pytest.mark.parametrize("cut", [0, 7, 40, 200])
def test_half_a_file_has_no_wrong_length(cut: int) -> None:
    for data in FILES.values():
        file = BytesIO(data[:cut])

        def read(at: int, length: int, file: BytesIO = file) -> bytes:
            file.seek(at)
            return file.read(length)

        seconds = media_length(read, cut)
        assert seconds is None or seconds <= 3.1

# SPDX-License-Identifier: Apache-2.0
"""Where results come from and where they go."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import pytest

from airflow_provider_kling.results.download import DownloadOptions
from airflow_provider_kling.utils.storage import resolve_path
from tests.support.processes import USES_S3
from tests.unit.results.web import Web, running

FTYP = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2"


def box(kind: bytes, content: bytes = b"", size: int | None = None) -> bytes:
    """Make a box of an MP4 file, or its head where its content is sent by other means."""
    return (8 + len(content) if size is None else size).to_bytes(4, "big") + kind + content


def movie(media: bytes = b"") -> bytes:
    """Make a file whose container is whole."""
    return FTYP + box(b"moov", bytes(100)) + box(b"mdat", media)


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    """Make a chunk of a PNG file."""
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


MP4 = movie()
VIDEO = movie(random.Random(1).randbytes(700_000))
PNG = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13)) + chunk(b"IDAT", bytes(900)) + chunk(b"IEND")
RULES = DownloadOptions(allow_private=True, max_retry_delay=0.01)


@dataclass(frozen=True)
class Shelf:
    """An empty folder of some storage."""

    uri: str

    def files(self) -> dict[str, bytes]:
        location = resolve_path(self.uri)
        location.fs.invalidate_cache()
        try:
            found = location.fs.find(location.path)
        except FileNotFoundError:
            return {}
        root = location.path.rstrip("/") + "/"
        return {str(path).removeprefix(root): location.fs.cat_file(path) for path in found}


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a download that fails be tried again at once."""
    of_host = DownloadOptions.for_host

    def quick(*args: Any, **kwargs: Any) -> DownloadOptions:
        return replace(of_host(*args, **kwargs), max_retry_delay=0.01)

    monkeypatch.setattr(DownloadOptions, "for_host", quick)


@pytest.fixture
def web() -> Iterator[Web]:
    with running() as server:
        yield server


@pytest.fixture(params=["local", "memory", pytest.param("s3", marks=USES_S3)])
def shelf(request: pytest.FixtureRequest, tmp_path: Any) -> Shelf:
    if request.param == "local":
        return Shelf(str(tmp_path / "out"))
    if request.param == "memory":
        return Shelf(f"memory://results-{uuid4().hex}")
    return Shelf(request.getfixturevalue("s3").uri(f"out/{uuid4().hex}"))


def video_task(url: str, **more: Any) -> dict[str, Any]:
    return {
        "task_id": "8150001",
        "external_task_id": "af-1",
        "endpoint": "videos/image2video",
        "status": "succeed",
        "created_at": 1_790_000_000_000,
        "updated_at": 1_790_000_060_000,
        "expires_at": 1_790_000_060_000 + 30 * 86_400_000,
        "units": "2.4",
        "videos": [{"id": "v-1", "url": url, "duration": "5.1"}],
        **more,
    }

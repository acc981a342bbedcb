# SPDX-License-Identifier: Apache-2.0
"""One file of a result that cannot be stored: the others are, and a retry stores what is missing."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.exceptions import KlingResultExpired, KlingResultNotKept
from airflow_provider_kling.results.files import MANIFEST, PARTIAL_MANIFEST
from airflow_provider_kling.results.manifest import stored_folders
from airflow_provider_kling.results.store import store_result
from airflow_provider_kling.utils.atomic_file import AtomicFile
from airflow_provider_kling.utils.storage import StorageTransientError
from tests.unit.results.conftest import RULES, VIDEO, Shelf, video_task
from tests.unit.results.web import Web, cut, status, whole

FOLDER = "8150001"


def two_files(web: Web) -> dict[str, Any]:
    item = {"id": "v-1", "url": web.url("/v.mp4"), "watermark_url": web.url("/w.mp4")}
    return video_task("", videos=[item], expires_at=None)


def slow(data: bytes) -> Any:
    """Serve a file that ends long after another one has failed."""

    def reply(request: Any) -> None:
        time.sleep(0.5)
        whole(data)(request)

    return reply


@pytest.mark.parametrize(
    "fault", [status(404), status(500), cut(VIDEO, 1000)], ids=["missing", "server error", "cut off"]
)
def test_a_broken_copy_does_not_prevent_the_video(web: Web, shelf: Shelf, fault: Any) -> None:
    web.serve("/v.mp4", slow(VIDEO))
    web.serve("/w.mp4", fault)
    task = two_files(web)
    with pytest.raises(KlingResultNotKept, match=r"videos\[0\]\.watermark_url: .*; 1 of 2 files are stored"):
        store_result(task, shelf.uri, options=RULES, metadata={"prompt": "a boat"})
    assert shelf.files()[f"{FOLDER}/0-video.mp4"] == VIDEO
    assert f"{FOLDER}/{MANIFEST}" not in shelf.files(), "a manifest says that all files are stored"
    web.serve("/w.mp4", whole(VIDEO))
    result = store_result(task, shelf.uri, options=RULES, metadata={"prompt": "a boat"})
    assert web.request_count("/v.mp4") == 1, "a retry stores only what is missing"
    files = shelf.files()
    assert sorted(files) == [
        f"{FOLDER}/{name}" for name in ("0-video-watermark.mp4", "0-video.mp4", MANIFEST)
    ]
    manifest = json.loads(files[f"{FOLDER}/{MANIFEST}"])
    assert [entry["key"] for entry in manifest["files"]] == ["videos[0].url", "videos[0].watermark_url"]
    assert manifest["request"] == {"prompt": "a boat"}
    assert {result["videos"][0][name] for name in ("sha256", "watermark_sha256")} == {
        entry["sha256"] for entry in manifest["files"]
    }


def test_a_storage_that_refuses_one_file_gets_the_others(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ("/v.mp4", "/w.mp4"):
        web.serve(path, whole(VIDEO))
    real = AtomicFile.__enter__

    def refuse(file: AtomicFile) -> AtomicFile:
        if "watermark" in str(vars(file._strategy)):
            raise StorageTransientError("503 Slow Down")
        return real(file)

    monkeypatch.setattr(AtomicFile, "__enter__", refuse)
    with pytest.raises(KlingResultNotKept, match="503 Slow Down"):
        store_result(two_files(web), str(tmp_path), options=RULES)
    assert (tmp_path / FOLDER / "0-video.mp4").read_bytes() == VIDEO
    monkeypatch.setattr(AtomicFile, "__enter__", real)
    store_result(two_files(web), str(tmp_path), options=RULES)
    assert web.request_count("/v.mp4") == 1


@pytest.mark.parametrize("change", ["another job", "another size", "no JSON"])
def test_a_partial_list_is_not_believed(web: Web, tmp_path: Path, change: str) -> None:
    web.serve("/v.mp4", whole(VIDEO))
    web.serve("/w.mp4", status(404))
    with pytest.raises(KlingResultNotKept):
        store_result(two_files(web), str(tmp_path), options=RULES)
    partial = tmp_path / FOLDER / PARTIAL_MANIFEST
    assert stored_folders(str(tmp_path)) == {}, "a sweep counts it as not stored"
    if change == "another job":
        partial.write_text(json.dumps({**json.loads(partial.read_text()), "created_at": 5}))
    elif change == "another size":
        (tmp_path / FOLDER / "0-video.mp4").write_bytes(VIDEO[:-1])
    else:
        partial.write_text("{")
    web.serve("/w.mp4", whole(VIDEO))
    store_result(two_files(web), str(tmp_path), options=RULES)
    assert web.request_count("/v.mp4") == 2
    assert (tmp_path / FOLDER / "0-video.mp4").read_bytes() == VIDEO


def test_a_sweep_completes_a_partial_list(web: Web, tmp_path: Path) -> None:
    web.serve("/v.mp4", whole(VIDEO))
    web.serve("/w.mp4", status(404))
    with pytest.raises(KlingResultNotKept):
        store_result(two_files(web), str(tmp_path), options=RULES)
    without_copy = video_task(web.url("/v.mp4"), expires_at=None)
    store_result(without_copy, str(tmp_path), options=RULES)
    assert sorted(path.name for path in (tmp_path / FOLDER).iterdir()) == ["0-video.mp4", MANIFEST]
    assert web.request_count("/v.mp4") == 1


def test_of_an_expired_result_the_error_says_what_is_stored(web: Web, tmp_path: Path) -> None:
    web.serve("/v.mp4", whole(VIDEO))
    web.serve("/w.mp4", status(404))
    with pytest.raises(KlingResultExpired, match=r"8150001 1 of 2 files are stored\. Only a new job"):
        store_result({**two_files(web), "expires_at": 1_790_000_000_000}, str(tmp_path), options=RULES)
    assert (tmp_path / FOLDER / "0-video.mp4").read_bytes() == VIDEO

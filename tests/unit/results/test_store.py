# SPDX-License-Identifier: Apache-2.0
"""A paid result is stored, once, in any storage."""

from __future__ import annotations

import json
import os
import threading
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256

import pytest
import time_machine

from airflow_provider_kling.exceptions import KlingResultNotKept
from airflow_provider_kling.results.manifest import check_output_path, read_task_manifest, stored_task_ids
from airflow_provider_kling.results.store import store_result
from airflow_provider_kling.utils.storage import StoragePermanentError, StorageTransientError, resolve_path
from tests.unit.results.conftest import PNG, RULES, VIDEO, box, video_task
from tests.unit.results.web import whole

# Of the right form but for the request, and deeper than can be read.
ODD = [b'{"version": 1, "files": [], "request": "x"}', b"[" * 100_000]
MP3 = b"ID3\x04\x00\x00\x00\x00\x00\x00" + (b"\xff\xfb\x90\x64" + bytes(413)) * 3


def test_video_is_stored(web, shelf):
    task = video_task(web.serve("/v.mp4", whole(VIDEO)))
    stored_task = store_result(
        task, shelf.uri, options=RULES, metadata={"prompt": "a cat", "fingerprint": "f1"}
    )
    item = stored_task["videos"][0]
    assert (item["bytes"], item["sha256"]) == (len(VIDEO), sha256(VIDEO).hexdigest())
    assert item["path"] == f"{shelf.uri}/8150001/0-video.mp4"
    assert (item["id"], item["url"], item["duration"]) == ("v-1", task["videos"][0]["url"], "5.1")
    assert "path" not in task["videos"][0]
    files = shelf.files()
    assert files.pop("8150001/manifest.json")
    assert files == {"8150001/0-video.mp4": VIDEO}
    location = resolve_path(item["path"])
    assert location.fs.cat_file(location.path) == VIDEO


def test_manifest_has_a_format_and_version(web, shelf):
    signed = web.serve("/v.mp4", whole(VIDEO)) + "?Signature=geheim"
    facts = {"model_name": "kling-v3", "prompt": "a cat", "inputs": [{"value": "https://h/p.png?sig=geheim"}]}
    with time_machine.travel(1_790_000_100, tick=False):
        store_result(video_task(signed), shelf.uri, options=RULES, metadata=facts)
    manifest = json.loads(shelf.files()["8150001/manifest.json"])
    assert manifest == {
        "version": 1,
        "task_id": "8150001",
        "external_task_id": "af-1",
        "endpoint": "videos/image2video",
        "status": "succeed",
        "created_at": 1_790_000_000_000,
        "updated_at": 1_790_000_060_000,
        "expires_at": 1_792_592_060_000,
        "units": "2.4",
        "charges": None,
        "final_balance_deduction": None,
        "landed_at": 1_790_000_100_000,
        "request": {"model_name": "kling-v3", "prompt": "a cat", "inputs": [{"value": "https://h/p.png"}]},
        "files": [
            {
                "key": "videos[0].url",
                "name": "0-video.mp4",
                "type": "video/mp4",
                "bytes": len(VIDEO),
                "sha256": sha256(VIDEO).hexdigest(),
                "id": "v-1",
                "duration": "5.1",
            }
        ],
    }
    assert read_task_manifest(shelf.uri, "8150001") == manifest


@pytest.mark.parametrize(
    "prefix", ["data:image/png;base64,", "DATA:image/png;charset=x;base64,", " data:;base64,"]
)
def test_an_image_in_a_data_url_is_stored(prefix, shelf):
    image = {"index": 0, "url": prefix + b64encode(PNG).decode()}
    task = {"task_id": "7", "endpoint": "images/generations", "status": "succeed", "images": [image]}
    (stored,) = store_result(task, shelf.uri, options=RULES)["images"]
    assert shelf.files()[f"7/{stored['path'].rpartition('/')[2]}"] == PNG
    assert b64encode(PNG) not in shelf.files()["7/manifest.json"]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("data:image/png;base64,!!", "its data URL holds no base64"),
        ("data:image/png;base64,", "the file is empty"),
        ("data:image/png;base64," + b64encode(PNG[:-9]).decode(), "image"),
        ("data:image/png;base64," + b64encode(b"<html>").decode(), "image"),
    ],
    ids=["no base64", "empty", "cut", "a page"],
)
def test_a_data_url_without_an_image_is_not_stored(url, reason, tmp_path):
    task = {"task_id": "7", "endpoint": "images/generations", "images": [{"index": 0, "url": url}]}
    with pytest.raises(KlingResultNotKept, match=reason):
        store_result(task, str(tmp_path), options=replace(RULES, attempts=1))


def test_second_store_downloads_nothing(web, shelf):
    task = video_task(web.serve("/v.mp4", whole(VIDEO)))
    first = store_result(task, shelf.uri, options=RULES)
    assert store_result(task, shelf.uri, options=RULES) == first
    assert web.request_count("/v.mp4") == 1


def test_lost_file_is_fetched_again(web, shelf):
    task = video_task(web.serve("/v.mp4", whole(VIDEO)))
    first = store_result(task, shelf.uri, options=RULES)
    location = resolve_path(first["videos"][0]["path"])
    location.fs.rm(location.path)
    assert store_result(task, shelf.uri, options=RULES) == first
    location.fs.pipe_file(location.path, VIDEO[:-1])
    assert store_result(task, shelf.uri, options=RULES) == first
    assert web.request_count("/v.mp4") == 3
    assert shelf.files()["8150001/0-video.mp4"] == VIDEO


def test_all_files_of_a_task_have_their_own_names(web, shelf):
    task = {
        "task_id": "7",
        "videos": [
            {
                "url": web.serve("/v", whole(VIDEO)),
                "watermark_url": web.serve("/w", whole(VIDEO + box(b"free"))),
            }
        ],
        "images": [
            {"index": n, "url": web.serve(f"/{n}", whole(PNG + bytes([n]), "image/png"))} for n in range(3)
        ],
        "audios": [
            {
                "id": "a",
                "url_mp3": web.serve("/mp3", whole(MP3, "audio/mpeg")),
                "url_wav": web.serve("/wav", whole(b"RIFF1234WAVE" + bytes(50), "audio/wav")),
            }
        ],
    }
    stored_task = store_result(task, shelf.uri, options=RULES)
    assert set(shelf.files()) == {
        "7/manifest.json",
        "7/0-video.mp4",
        "7/0-video-watermark.mp4",
        "7/0-image.png",
        "7/1-image.png",
        "7/2-image.png",
        "7/0-audio.mp3",
        "7/0-audio.wav",
    }
    video, audio = stored_task["videos"][0], stored_task["audios"][0]
    assert video["path"].endswith("/0-video.mp4")
    assert video["watermark_path"].endswith("/0-video-watermark.mp4")
    assert video["watermark_bytes"] == video["bytes"] + 8
    assert audio["path"] == audio["path_mp3"]
    assert audio["path_wav"].endswith("/0-audio.wav")
    assert [item["path"].rpartition("/")[2] for item in stored_task["images"]] == [
        f"{n}-image.png" for n in range(3)
    ]


def test_several_files_are_fetched_at_once(web, tmp_path):
    gate = threading.Barrier(3, timeout=60)

    def together(request):
        gate.wait()
        whole(PNG, "image/png")(request)

    task = {
        "task_id": "7",
        "images": [
            {
                "url_1": web.serve("/1", together),
                "url_2": web.serve("/2", together),
                "url_3": web.serve("/3", together),
            }
        ],
    }
    stored_task = store_result(task, str(tmp_path), options=RULES)
    assert stored_task["images"][0]["path_3"].endswith("/0-image-3.png")
    assert not gate.broken


def test_stored_tasks_are_listed(web, shelf):
    url = web.serve("/v.mp4", whole(VIDEO))
    for task_id in ("1", "2"):
        store_result({**video_task(url), "task_id": task_id}, f"{shelf.uri}/2026-11-20", options=RULES)
    store_result({**video_task(url), "task_id": "3"}, shelf.uri, options=RULES)
    location = resolve_path(f"{shelf.uri}/4/0-video.mp4")
    location.fs.makedirs(location.path.rpartition("/")[0], exist_ok=True)
    location.fs.pipe_file(location.path, VIDEO)  # a store that did not end
    assert stored_task_ids(shelf.uri) == {"1", "2", "3"}
    emptied = resolve_path(f"{shelf.uri}/3/0-video.mp4")
    emptied.fs.pipe_file(emptied.path, b"")
    assert stored_task_ids(shelf.uri) == {"1", "2"}
    assert stored_task_ids(f"{shelf.uri}/nothing-here") == set()
    assert read_task_manifest(shelf.uri, "4") is None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"version": 99, "files": []}', b'{"version": 1}', *ODD]
)
def test_unreadable_manifest_counts_as_none(web, shelf, content):
    location = resolve_path(f"{shelf.uri}/8150001/manifest.json")
    location.fs.makedirs(location.path.rpartition("/")[0], exist_ok=True)
    location.fs.pipe_file(location.path, content)
    store_result(video_task(web.serve("/v.mp4", whole(VIDEO))), shelf.uri, options=RULES)
    assert read_task_manifest(shelf.uri, "8150001")["files"][0]["bytes"] == len(VIDEO)


STORED_BEFORE = {
    "key": "videos[0].url",
    "name": "0-video.mp4",
    "type": "video/mp4",
    "bytes": len(VIDEO),
    "sha256": sha256(VIDEO).hexdigest(),
}


@pytest.mark.parametrize(
    "entry",
    [
        {},
        "text",
        None,
        {**STORED_BEFORE, "name": "../secret.mp4"},
        {**STORED_BEFORE, "name": "../../etc/hostname", "bytes": 7},
        {**STORED_BEFORE, "name": None},
        {**STORED_BEFORE, "name": "0-video.bin"},
        {**STORED_BEFORE, "key": ["videos[0].url"]},
        {**STORED_BEFORE, "key": "videos[1].url"},
        {**STORED_BEFORE, "type": []},
        {**STORED_BEFORE, "bytes": str(len(VIDEO))},
        {**STORED_BEFORE, "bytes": None},
        {**STORED_BEFORE, "bytes": float(len(VIDEO))},
        {**STORED_BEFORE, "sha256": "0"},
        {name: value for name, value in STORED_BEFORE.items() if name != "sha256"},
    ],
)
def test_unexpected_entries_of_a_manifest_are_ignored(web, tmp_path, entry):
    """Others may write to a bucket, too; and no manifest may make every retry of a paid job fail."""
    (tmp_path / "8150001").mkdir()
    (tmp_path / "secret.mp4").write_bytes(VIDEO)
    (tmp_path / "8150001" / "0-video.mp4").write_bytes(VIDEO)
    content = {"version": 1, "request": {}, "files": [entry]}
    (tmp_path / "8150001" / "manifest.json").write_text(json.dumps(content))
    stored_task = store_result(video_task(web.serve("/v.mp4", whole(VIDEO))), str(tmp_path), options=RULES)
    assert stored_task["videos"][0]["path"] == str(tmp_path / "8150001" / "0-video.mp4")
    assert web.request_count("/v.mp4") == 1
    assert read_task_manifest(str(tmp_path), "8150001")["files"][0]["sha256"] == STORED_BEFORE["sha256"]


def test_unknown_keys_of_a_manifest_are_dropped(web, tmp_path):
    (tmp_path / "8150001").mkdir()
    (tmp_path / "8150001" / "0-video.mp4").write_bytes(VIDEO)
    content = {"version": 1, "request": {}, "files": [{**STORED_BEFORE, "path": "/etc/passwd", "more": 1}]}
    (tmp_path / "8150001" / "manifest.json").write_text(json.dumps(content))
    stored_task = store_result(
        video_task(web.serve("/v.mp4", whole(VIDEO))), str(tmp_path), options=RULES, metadata={"a": 1}
    )
    assert stored_task["videos"][0]["path"] == str(tmp_path / "8150001" / "0-video.mp4")
    assert web.request_count("/v.mp4") == 0
    assert not {"path", "more"} & set(read_task_manifest(str(tmp_path), "8150001")["files"][0])


@pytest.mark.parametrize("invalid", ["s3", "local", "unknown"])
def test_storage_that_cannot_take_the_files(web, s3, tmp_path, invalid):
    (tmp_path / "file").touch()
    output, expected = {
        "s3": ("s3://kling_test_s3@no-such-bucket/out", "it does not exist"),
        "local": (str(tmp_path / "file" / "out"), "a part of its path is a file"),
        "unknown": ("zzz://bucket/out", "'zzz' is not a supported storage scheme"),
    }[invalid]
    with pytest.raises(KlingResultNotKept, match=f"cannot be stored in {output}: {expected}"):
        store_result(video_task(web.serve("/v.mp4", whole(VIDEO))), output, options=RULES)


def test_storage_that_is_down(web, s3):
    task = video_task(web.serve("/v.mp4", whole(VIDEO)))
    with pytest.raises(KlingResultNotKept, match="A retry of this task fetches it again without a new job"):
        store_result(task, s3.uri("out", "kling_test_s3_down"), options=RULES)


def test_output_path_is_checked_before_anything_is_paid(s3, tmp_path):
    check_output_path(s3.uri("out"))
    check_output_path(str(tmp_path / "new"))
    check_output_path("memory://anything/out")
    for invalid in ("zzz://bucket/out", "gs-typo://b/out", "s3://kling_test_s3@no-such-bucket/out"):
        with pytest.raises(StoragePermanentError):
            check_output_path(invalid)
    with pytest.raises(StorageTransientError):
        check_output_path(s3.uri("out", "kling_test_s3_down"))


@pytest.mark.parametrize("path", ["s3://", "s3://kling_test_s3@/"])
def test_a_path_without_a_bucket_is_refused_for_good(s3, path):
    with pytest.raises(StoragePermanentError, match="it names no bucket"):
        check_output_path(path)


def test_an_empty_bucket_that_older_s3fs_do_not_see_is_one(s3, monkeypatch):
    import s3fs

    def removed(self, path, **kwargs):
        raise FileNotFoundError(path)

    monkeypatch.setattr(s3fs.S3FileSystem, "info", removed)
    check_output_path(s3.uri("out"))
    with pytest.raises(StoragePermanentError, match="no-such-bucket does not exist"):
        check_output_path("s3://kling_test_s3@no-such-bucket/out")


def test_names_from_outside_lead_nowhere_else(web, tmp_path):
    url = web.serve("/v.mp4", whole(VIDEO))
    for task_id in ("../../evil", "/etc/evil", "..", "a/b", "x" * 300, "", "ö\0"):
        stored_task = store_result(
            {**video_task(url), "task_id": task_id, "external_task_id": None}, str(tmp_path), options=RULES
        )
        location = resolve_path(stored_task["videos"][0]["path"]).path
        assert os.path.dirname(os.path.dirname(os.path.realpath(location))) == str(tmp_path)
    assert len(os.listdir(tmp_path)) == 7


def test_task_without_files_is_returned_as_it_is(tmp_path):
    task = {
        "task_id": "1",
        "elements": [{"element_id": 5}],
        "videos": [],
        "faces": [{"face_image": "https://h/f"}],
    }
    assert store_result(task, str(tmp_path), options=RULES) == task
    assert os.listdir(tmp_path) == []


def test_known_input_metadata_stays_in_the_manifest(web, shelf):
    """The first worker that stores a job's files, with or without knowing the request."""
    task = video_task(web.serve("/v.mp4", whole(VIDEO)))
    facts = {"model_name": "kling-v3", "prompt": "a cat"}

    def request():
        return json.loads(shelf.files()["8150001/manifest.json"])["request"]

    store_result(task, shelf.uri, options=RULES)
    assert request() == {}
    store_result(task, shelf.uri, options=RULES, metadata=facts)
    assert request() == facts
    location = resolve_path(f"{shelf.uri}/8150001/0-video.mp4")
    location.fs.rm(location.path)
    store_result(task, shelf.uri, options=RULES)
    assert request() == facts
    assert web.request_count("/v.mp4") == 2
    assert store_result({"task_id": "9", "videos": []}, shelf.uri, options=RULES, metadata=facts)
    assert "9/manifest.json" not in shelf.files()

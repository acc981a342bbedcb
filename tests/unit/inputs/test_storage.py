# SPDX-License-Identifier: Apache-2.0
"""URIs of files, on every version of Airflow."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_kling.api.requests.field_types import MediaConstraints
from airflow_provider_kling.inputs.sources import presign
from airflow_provider_kling.plugins.serializers import TaskInstanceRow
from airflow_provider_kling.plugins.stored_files import open_stored_file
from airflow_provider_kling.results.viewable_files import result_items
from airflow_provider_kling.utils.storage import (
    StoragePermanentError,
    StorageTransientError,
    path_to_uri,
    resolve_path,
    translate_storage_errors,
)


def test_connection_stays_in_the_uri(s3):
    path = ObjectStoragePath("s3://kling_test_s3@studio/me@home/a.png")
    assert path_to_uri(path) == "s3://kling_test_s3@studio/me@home/a.png"
    assert path_to_uri(ObjectStoragePath("s3://studio/a.png")) == "s3://studio/a.png"
    assert resolve_path(path).uri == path_to_uri(path)
    assert resolve_path(path / "b").path == "studio/me@home/a.png/b"


def test_path_and_text_lead_to_the_same_file(s3):
    data = b"x"
    uri = s3.put("in/a b?c#d.png", data)
    for location in (uri, ObjectStoragePath(uri)):
        found = resolve_path(location)
        assert found.fs.cat_file(found.path) == data


def test_a_path_object_equals_its_text(tmp_path):
    assert resolve_path(tmp_path / "a b.png") == resolve_path(str(tmp_path / "a b.png"))


@pytest.mark.parametrize("location", [5, None, ["/tmp"], {"path": "/tmp"}])
def test_what_is_no_path_is_refused_without_a_retry(location):
    with pytest.raises(
        StoragePermanentError, match=f"expected a path or a URI, got {type(location).__name__}"
    ):
        resolve_path(location)


def test_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolve_path("in/a.png").path == str(tmp_path / "in/a.png")
    assert resolve_path("in").child("a.png").path == str(tmp_path / "in/a.png")


@pytest.mark.parametrize(
    "error", [FileNotFoundError("x"), PermissionError("x"), ImportError("x"), ValueError("x")]
)
def test_errors_that_a_retry_cannot_fix(error):
    with pytest.raises(StoragePermanentError), translate_storage_errors():
        raise error


@pytest.mark.parametrize("error", [OSError("x"), TimeoutError("x"), RuntimeError("https://h/a?sig=1")])
def test_errors_that_a_retry_can_fix(error):
    with pytest.raises(StorageTransientError) as caught, translate_storage_errors():
        raise error
    assert "sig" not in str(caught.value)


def _sign(uri: str) -> None:
    presign(uri, MediaConstraints(kind="video", formats=("mp4", "mov"), inline=False), 60, [])


def _show(uri: str) -> None:
    videos = [{"url": "https://h/v.mp4", "path": uri}]
    result = {"task_id": "842", "endpoint": "videos/text2video", "status": "succeed", "videos": videos}
    instance = TaskInstanceRow("films", "r1", "make", -1, xcoms={"return_value": result})
    manifest = {
        "version": 1,
        "task_id": "842",
        "airflow": {"dag_id": "films", "run_id": "r1", "task_id": "make", "map_index": -1},
        "request": {},
        "files": [{"key": "videos[0].url", "name": "0-video.mp4"}],
    }
    ObjectStoragePath(uri.replace("0-video.mp4", "manifest.json")).write_text(json.dumps(manifest))
    open_stored_file(instance, result_items(result)[0]).file.close()


@pytest.mark.parametrize("check", [_sign, _show])
def test_a_look_at_the_beginning_of_a_large_file_reads_little_of_it(s3, monkeypatch, check):
    """By default s3fs reads 50 MB ahead, for each page of a gallery and each video of a request."""
    import s3fs

    uri = s3.put("842/0-video.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(8 << 20))
    fetched: list[int] = []
    fetch: Any = s3fs.core.S3File._fetch_range

    def note(self, start, end):
        fetched.append(end - start)
        return fetch(self, start, end)

    monkeypatch.setattr(s3fs.core.S3File, "_fetch_range", note)
    check(uri)
    assert 0 < sum(fetched) < 2 << 20

# SPDX-License-Identifier: Apache-2.0
"""Addresses of files, on every version of Airflow."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_kling.api.fields import Media
from airflow_provider_kling.media.source import sign
from airflow_provider_kling.plugins.landed import open_landed
from airflow_provider_kling.result_items import items_of
from airflow_provider_kling.storage import StorageDown, StorageRefused, explained, locate, uri_of


def test_connection_stays_in_the_address(s3):
    path = ObjectStoragePath("s3://kling_test_s3@studio/me@home/a.png")
    assert uri_of(path) == "s3://kling_test_s3@studio/me@home/a.png"
    assert uri_of(ObjectStoragePath("s3://studio/a.png")) == "s3://studio/a.png"
    assert locate(path).uri == uri_of(path)
    assert locate(path / "b").path == "studio/me@home/a.png/b"


def test_path_and_text_lead_to_the_same_file(s3):
    data = b"x"
    uri = s3.put("in/a b?c#d.png", data)
    for where in (uri, ObjectStoragePath(uri)):
        found = locate(where)
        assert found.fs.cat_file(found.path) == data


def test_a_plain_path_is_one_too(tmp_path):
    assert locate(tmp_path / "a b.png") == locate(str(tmp_path / "a b.png"))


@pytest.mark.parametrize("where", [5, None, ["/tmp"], {"path": "/tmp"}])
def test_what_is_no_path_is_refused_for_good(where):
    with pytest.raises(StorageRefused, match=f"a {type(where).__name__}, and must be a path or an address"):
        locate(where)


def test_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert locate("in/a.png").path == str(tmp_path / "in/a.png")
    assert locate("in").child("a.png").path == str(tmp_path / "in/a.png")


@pytest.mark.parametrize(
    "error", [FileNotFoundError("x"), PermissionError("x"), ImportError("x"), ValueError("x")]
)
def test_what_a_retry_cannot_mend(error):
    with pytest.raises(StorageRefused), explained():
        raise error


@pytest.mark.parametrize("error", [OSError("x"), TimeoutError("x"), RuntimeError("https://h/a?sig=1")])
def test_what_a_retry_can_mend(error):
    with pytest.raises(StorageDown) as caught, explained():
        raise error
    assert "sig" not in str(caught.value)


def _sign(uri: str) -> None:
    sign(uri, Media(kind="video", formats=("mp4", "mov"), inline=False), 60)


def _show(uri: str) -> None:
    result = {"task_id": "842", "videos": [{"url": "https://h/v.mp4", "path": uri}]}
    open_landed(result, items_of(result)[0], None).file.close()


@pytest.mark.parametrize("look", [_sign, _show])
def test_a_look_at_the_beginning_of_a_large_file_reads_little_of_it(s3, monkeypatch, look):
    """By default s3fs reads 50 MB ahead, for each page of a gallery and each video of a request."""
    import s3fs

    uri = s3.put("842/0-video.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(8 << 20))
    fetched: list[int] = []
    fetch: Any = s3fs.core.S3File._fetch_range

    def note(self, start, end):
        fetched.append(end - start)
        return fetch(self, start, end)

    monkeypatch.setattr(s3fs.core.S3File, "_fetch_range", note)
    look(uri)
    assert 0 < sum(fetched) < 2 << 20

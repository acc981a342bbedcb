# SPDX-License-Identifier: Apache-2.0
"""Addresses of files, on every version of Airflow."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

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

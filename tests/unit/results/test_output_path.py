# SPDX-License-Identifier: Apache-2.0
"""An output path that cannot be written to is found before a job is paid for."""

from __future__ import annotations

import errno
import importlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_kling.exceptions import JobState, KlingRequestInvalid, KlingServerError
from airflow_provider_kling.operators.results import KlingFetchResultOperator
from airflow_provider_kling.operators.video import KlingTextToVideoOperator
from airflow_provider_kling.results.files import task_folder
from airflow_provider_kling.results.job_origin import RequestIdentity
from airflow_provider_kling.results.output_path import PROBE, check_writable, validate_output_path
from airflow_provider_kling.results.reuse_index import ResultIndex
from airflow_provider_kling.results.store import store_result
from airflow_provider_kling.sensors.kling import KlingTaskSensor
from airflow_provider_kling.utils import storage
from airflow_provider_kling.utils.storage import (
    StorageForbidden,
    StorageNotInstalled,
    check_installed,
    translate_storage_errors,
)
from tests.support.refusing_store import Refuse, RefusingStore
from tests.support.storages import S3Server
from tests.unit.results.conftest import RULES, VIDEO, video_task
from tests.unit.results.web import Web, whole


@pytest.fixture
def store_that(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Refuse], RefusingStore]]:
    stores: list[RefusingStore] = []

    def make(refuse: Refuse) -> RefusingStore:
        store = RefusingStore(refuse)
        stores.append(store)
        # Airflow holds on to the filesystem of a connection, so each store has one of its own.
        monkeypatch.setenv(f"AIRFLOW_CONN_{store.conn_id.upper()}", store.connection)
        return store

    yield make
    for store in stores:
        store.__exit__()


@pytest.mark.parametrize("methods", [("GET", "PUT", "HEAD", "DELETE", "POST"), ("PUT", "POST")])
def test_a_store_that_refuses_writes_is_found_before_payment(
    store_that: Callable[[Refuse], RefusingStore], methods: tuple[str, ...]
) -> None:
    store = store_that(lambda method, _path: 403 if method in methods else None)
    with pytest.raises(KlingRequestInvalid) as caught:
        validate_output_path(store.path)
    text = str(caught.value)
    assert text.startswith(
        "No write permission for output_path (403): give it to connection 'kling_test_store_"
    )
    assert len(text.partition(". ")[0]) < 90
    assert caught.value.job is JobState.NOT_CREATED


def test_a_role_that_may_only_write_is_enough(store_that: Callable[[Refuse], RefusingStore]) -> None:
    store = store_that(lambda method, _path: None if method == "PUT" else 403)
    validate_output_path(store.path)
    assert store.written() == [f"/studio/out/{PROBE}"]


def test_a_role_that_may_only_write_can_store_a_result(
    store_that: Callable[[Refuse], RefusingStore], web: Web
) -> None:
    store = store_that(lambda method, _path: None if method == "PUT" else 403)
    task = video_task(web.serve("/v.mp4", whole(VIDEO)))
    first = store_result(task, store.path, options=RULES, metadata={"prompt": "a cat"})
    # The longer name: whether another job has the usual one cannot be read.
    folder = f"/studio/out/{task_folder(task, unique=True)}"
    assert set(store.objects) == {f"{folder}/0-video.mp4", f"{folder}/manifest.json"}
    assert VIDEO in store.objects[f"{folder}/0-video.mp4"]
    assert store_result(task, store.path, options=RULES) == first


def test_a_role_that_may_not_list_stores_and_finds_a_result(
    store_that: Callable[[Refuse], RefusingStore], web: Web
) -> None:
    """Without the permission to list, S3 denies to know of a missing object."""
    store = store_that(
        lambda method, path: (
            403 if method == "DELETE" or (method != "PUT" and path not in store.objects) else None
        )
    )
    task = video_task(web.serve("/v.mp4", whole(VIDEO)))
    identity = RequestIdentity("a" * 64, "")
    metadata = {"fingerprint": identity.fingerprint, "take": ""}
    index = ResultIndex(store.path, task["endpoint"], None)
    assert index.find(identity) is None
    first = store_result(task, store.path, options=RULES, metadata=metadata)
    index.record(first, identity)
    assert index.find(identity)["videos"][0]["path"] == first["videos"][0]["path"]
    assert store_result(task, store.path, options=RULES, metadata=metadata) == first
    assert web.request_count("/v.mp4") == 1, "the manifest can be read, so nothing is downloaded again"


def test_objects_that_cannot_be_replaced_are_no_obstacle(
    store_that: Callable[[Refuse], RefusingStore],
) -> None:
    store = store_that(lambda method, path: 403 if method == "DELETE" or path.endswith(PROBE) else None)
    validate_output_path(store.path)
    first, second = store.written()[0], store.written()[-1]
    assert first == f"/studio/out/{PROBE}"
    assert second.startswith(f"{first}-")


def test_a_try_that_may_have_paid_does_not_write(store_that: Callable[[Refuse], RefusingStore]) -> None:
    store = store_that(lambda method, _path: 403 if method == "PUT" else None)
    validate_output_path(store.path, is_retry=True)
    validate_output_path(store.path, write=False)
    assert store.written() == []


def test_a_store_that_is_down_can_be_tried_again(s3: S3Server) -> None:
    with pytest.raises(KlingServerError) as caught:
        validate_output_path(s3.uri("out", "kling_test_s3_down"))
    assert str(caught.value).startswith(
        "The storage of output_path does not respond; check host and network."
    )


def test_nothing_is_left_behind(s3: S3Server, tmp_path: Any) -> None:
    validate_output_path(s3.uri("out"))
    validate_output_path(str(tmp_path / "new" / "folder"))
    assert s3.stored() == s3.open_uploads() == []
    assert os.listdir(tmp_path) == []


def test_a_local_folder_without_the_right_to_write(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, _mode: str(path) != str(tmp_path))
    with pytest.raises(StorageForbidden, match="may not write to"):
        check_writable(str(tmp_path / "a" / "b"))
    with pytest.raises(KlingRequestInvalid, match=r"^No write permission for output_path: give"):
        validate_output_path(str(tmp_path / "a"))


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("file", "file is not a folder"),
        ("file/a/b", "a part of its path is a file"),
        ("dangling", "dangling is a link to a folder that does not exist"),
        ("dangling/a", "dangling is a link to a folder that does not exist"),
        ("loop/a", "Too many levels of symbolic links"),
        ("new/" + "n-" * 150, "a part of its path is longer than 255 bytes"),
        ("n-" * 150, "File name too long"),
        ("a\0b", "null byte"),
        ("a\ud800b", "surrogates not allowed"),
    ],
)
def test_a_local_path_that_cannot_be_created(tmp_path: Any, path: str, reason: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    before = set(os.listdir(tmp_path))
    with pytest.raises(KlingRequestInvalid, match=reason) as caught:
        validate_output_path(f"{tmp_path}/{path}")
    assert caught.value.job is JobState.NOT_CREATED
    assert set(os.listdir(tmp_path)) == before


def test_a_link_to_a_folder_is_an_output_path(tmp_path: Any) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    validate_output_path(str(tmp_path / "link" / "new"))


def test_a_read_only_file_system_denies_access() -> None:
    with pytest.raises(StorageForbidden, match="read-only"), translate_storage_errors():
        raise OSError(errno.EROFS, "Read-only file system", "/mnt/a")


MISSING = [
    ("s3://bucket/out", "s3", "s3fs"),
    ("s3a://aws_default@bucket/out", "s3", "s3fs"),
    ("gs://bucket/out", "gs", "gcsfs"),
    ("gcs://google@bucket/out", "gs", "gcsfs"),
    ("abfs://container/out", "abfs", "adlfs"),
    ("abfss://azure@container/out", "abfs", "adlfs"),
    ("az://container/out", "abfs", "adlfs"),
]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No package of any storage is installed."""
    monkeypatch.setattr(storage, "_is_importable", lambda _module: False)
    monkeypatch.setattr(importlib.import_module("fsspec.registry"), "registry", {})


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(("path", "extra", "module"), MISSING)
def test_a_missing_package_names_the_extra(path: str, extra: str, module: str) -> None:
    with pytest.raises(StorageNotInstalled, match=rf"install airflow-provider-kling\[{extra}\].*{module}"):
        check_installed(path)
    with pytest.raises(KlingRequestInvalid) as caught:
        validate_output_path(path)
    assert f"airflow-provider-kling[{extra}]" in str(caught.value)[:90]
    makers = (
        lambda: KlingTextToVideoOperator(task_id="make", prompt="A boat", output_path=path),
        lambda: KlingFetchResultOperator(
            task_id="fetch", endpoint="videos/text2video", kling_task_id="1", output_path=path
        ),
        lambda: KlingTaskSensor(
            task_id="wait", endpoint="videos/text2video", kling_task_id="1", output_path=path
        ),
    )
    for make in makers:
        with pytest.raises(KlingRequestInvalid) as caught:
            make()
        assert f"airflow-provider-kling[{extra}]" in str(caught.value)[:90]


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    "path", ["s3://{{ var.value.bucket }}/out", "/tmp/out", None, "memory://x", "zzz://b/o"]
)
def test_what_is_not_known_yet_is_not_refused_at_parse_time(path: Any) -> None:
    KlingTextToVideoOperator(task_id="make", prompt="A boat", output_path=path)


def test_the_extras_exist() -> None:
    from importlib.metadata import metadata

    extras = {extra for extra, *_ in storage._PACKAGES.values()}
    assert extras == {"s3", "gs", "abfs"}
    assert "s3" in metadata("airflow-provider-kling").get_all("Provides-Extra")

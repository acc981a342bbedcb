# SPDX-License-Identifier: Apache-2.0
"""Stored results are found by what they were made of, and only if they are there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_kling.results.job_origin import RequestIdentity, as_reused, identity_in, scope_facts
from airflow_provider_kling.results.reuse_index import ResultIndex
from airflow_provider_kling.results.store import store_result
from airflow_provider_kling.results.viewable_files import result_items, stored_paths
from airflow_provider_kling.utils.storage import StorageTransientError, resolve_path
from tests.unit.results.conftest import MP4, RULES, Shelf, video_task
from tests.unit.results.web import Web, whole

SLUG = "videos/image2video"
IDENTITY = RequestIdentity("a" * 64)
WHO = {"dag_id": "shop", "run_id": "monday", "task_id": "film", "map_index": 3, "try_number": 1}


def put(shelf: Shelf, name: str, content: bytes) -> None:
    location = resolve_path(shelf.uri).child(name)
    location.fs.pipe_file(location.path, content)


def index_of(shelf: Shelf, host: str | None = None, endpoint: str = SLUG) -> ResultIndex:
    return ResultIndex(shelf.uri, endpoint, host)


def entry_name(identity: RequestIdentity = IDENTITY) -> str:
    return f"_index/{identity.file_name}"


@pytest.fixture
def store(shelf: Shelf, web: Web) -> Callable[..., dict[str, Any]]:
    """Store a result as an operator does, and write its entry."""

    def run(requested: RequestIdentity = IDENTITY, **more: Any) -> dict[str, Any]:
        facts = {"fingerprint": requested.fingerprint, **scope_facts("inputs", requested.take)}
        stored = store_result(
            video_task(web.serve("/clean.mp4", whole(MP4)), **more),
            shelf.uri,
            metadata=facts,
            airflow=WHO,
            options=RULES,
        )
        index_of(shelf).record(stored, requested)
        return stored

    return run


def test_a_stored_result_is_the_ordinary_one_for_no_charge(
    shelf: Shelf, store: Callable[..., dict[str, Any]]
) -> None:
    stored = store(charges=[{"type": "units", "amount": "2.4"}])
    found = index_of(shelf).find(IDENTITY)
    assert found == {
        **{name: value for name, value in stored.items() if name != "videos"},
        "units": "0",
        "charges": [],
        "videos": [{**stored["videos"][0], "url": None}],
        "reused_from": {
            "kling_task_id": "8150001",
            "dag_id": "shop",
            "run_id": "monday",
            "task_id": "film",
            "map_index": 3,
        },
    }
    json.dumps(found)
    assert stored_paths(found) == stored_paths(stored), "links and lineage find its files"
    assert [item.url for item in result_items(found)] == [None]
    listing = index_of(shelf).list_files()
    assert index_of(shelf).find_all([IDENTITY, RequestIdentity("b" * 64)], listing) == {
        IDENTITY.file_name: found
    }


def test_takes_are_distinguished(shelf: Shelf, store: Callable[..., dict[str, Any]]) -> None:
    second = RequestIdentity(IDENTITY.fingerprint, "2")
    store(task_id="1")
    assert index_of(shelf).find(second) is None
    store(second, task_id="2")
    found = [index_of(shelf).find(each) for each in (IDENTITY, second)]
    assert [each and each["task_id"] for each in found] == ["1", "2"]
    # An entry that leads to the files of another take.
    put(shelf, entry_name(), shelf.files()[entry_name(second)].replace(b'"take": "2"', b'"take": ""'))
    assert index_of(shelf).find(IDENTITY) is None


Damage = Callable[[dict[str, Any]], Mapping[str, Any]]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b"[" * 100_000],
    ids=["empty", "torn", "list", "text", "bytes", "deep"],
)
def test_an_entry_that_cannot_be_read_is_no_result(
    content: bytes, shelf: Shelf, store: Callable[..., dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    store()
    put(shelf, entry_name(), content)
    assert index_of(shelf).find(IDENTITY) is None
    assert index_of(shelf).find_all([IDENTITY], index_of(shelf).list_files()) == {}
    assert "is not used" in caplog.text


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry: {"version": 2},
        lambda entry: {"fingerprint": "b" * 64},
        lambda entry: {"take": "9"},
        lambda entry: {"endpoint": "videos/text2video"},
        lambda entry: {"host": "other.example"},
        lambda entry: {"task_id": "8150002"},
        lambda entry: {"task_id": "../8150001"},
        lambda entry: {"task_id": 8150001},
        lambda entry: {"task_id": None},
        lambda entry: {"external_task_id": ["x"]},
        lambda entry: {"created_at": entry["created_at"] + 1},
        lambda entry: {"created_at": "today"},
    ],
)
def test_an_entry_of_something_else_is_no_result(
    damage: Damage, shelf: Shelf, store: Callable[..., dict[str, Any]]
) -> None:
    store()
    entry = json.loads(shelf.files()[entry_name()])
    assert index_of(shelf).find(IDENTITY)
    put(shelf, entry_name(), json.dumps({**entry, **damage(entry)}).encode())
    assert index_of(shelf).find(IDENTITY) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda manifest: {"endpoint": "videos/text2video"},
        lambda manifest: {"host": "other.example"},
        lambda manifest: {"status": "failed"},
        lambda manifest: {"created_at": None},
        lambda manifest: {"request": {}},
        lambda manifest: {"request": {"fingerprint": "b" * 64}},
        lambda manifest: {"files": []},
        lambda manifest: {"files": [None, 3, {"key": "videos[0].url"}]},
        lambda manifest: {"files": [{**manifest["files"][0], "name": "../8150001/0-video.mp4"}]},
        lambda manifest: {"files": [{**manifest["files"][0], "bytes": 1}]},
        lambda manifest: {"files": [{**manifest["files"][0], "key": "task_id[0].url"}]},
        lambda manifest: {"files": [{**manifest["files"][0], "key": "videos[9999].url"}]},
    ],
)
def test_a_manifest_that_does_not_agree_is_no_result(
    damage: Damage, shelf: Shelf, store: Callable[..., dict[str, Any]]
) -> None:
    store()
    manifest = json.loads(shelf.files()["8150001/manifest.json"])
    put(shelf, "8150001/manifest.json", json.dumps({**manifest, **damage(manifest)}).encode())
    assert index_of(shelf).find(IDENTITY) is None
    assert index_of(shelf).find_all([IDENTITY], index_of(shelf).list_files()) == {}


@pytest.mark.parametrize("time", ["soon", [1], {}, -5])
def test_a_time_that_is_none_is_unknown(
    time: Any, shelf: Shelf, store: Callable[..., dict[str, Any]]
) -> None:
    store()
    manifest = json.loads(shelf.files()["8150001/manifest.json"])
    changed = {**manifest, "updated_at": time, "expires_at": time}
    put(shelf, "8150001/manifest.json", json.dumps(changed).encode())
    found = index_of(shelf).find(IDENTITY)
    assert found is not None
    assert (found["updated_at"], found["expires_at"]) == (None, None)


@pytest.mark.parametrize("name", ["8150001/0-video.mp4", "8150001/manifest.json"])
def test_a_result_whose_file_is_missing_is_none(
    name: str, shelf: Shelf, store: Callable[..., dict[str, Any]]
) -> None:
    store()
    location = resolve_path(shelf.uri).child(name)
    location.fs.rm_file(location.path)
    assert index_of(shelf).find(IDENTITY) is None
    assert index_of(shelf).find_all([IDENTITY], index_of(shelf).list_files()) == {}


def test_a_result_of_another_host_or_endpoint_is_none(
    shelf: Shelf, store: Callable[..., dict[str, Any]]
) -> None:
    store()
    assert index_of(shelf, "api.example").find(IDENTITY) is None
    assert index_of(shelf, endpoint="videos/text2video").find(IDENTITY) is None


def test_each_host_has_its_own_entry(shelf: Shelf, web: Web) -> None:
    hosts = ("api-singapore.klingai.com", "api-beijing.klingai.com", "gateway.example")
    for number, host in enumerate((*hosts, hosts[0])):
        stored = store_result(
            video_task(web.serve(f"/{number}.mp4", whole(MP4)), task_id=f"815000{number}"),
            shelf.uri,
            metadata={"fingerprint": IDENTITY.fingerprint, **scope_facts("inputs", "")},
            options=replace(RULES, base_url=f"https://{host}"),
        )
        index_of(shelf, host).record(stored, IDENTITY)
    for host, task_id in zip(hosts, ("8150003", "8150001", "8150002"), strict=True):
        index = index_of(shelf, host)
        found = index.find(IDENTITY)
        assert found
        assert found["task_id"] == task_id
        listing = index.list_files()
        assert index.find_all([IDENTITY], listing) == {IDENTITY.file_name: found}
        assert index.find_listed(IDENTITY, listing) == found
    assert index_of(shelf, "elsewhere.example").find(IDENTITY) is None


def test_two_jobs_of_one_id_have_folders_of_their_own(
    shelf: Shelf, store: Callable[..., dict[str, Any]]
) -> None:
    other = RequestIdentity("b" * 64)
    store()
    store(other, created_at=1_790_000_000_777)
    found = index_of(shelf).find(other)
    assert found
    assert found["created_at"] == 1_790_000_000_777
    assert "/8150001-" in found["videos"][0]["path"]


def test_without_an_index_nothing_is_listed(shelf: Shelf) -> None:
    listing = index_of(shelf).list_files()
    assert not listing.has_entries
    assert index_of(shelf).find(IDENTITY) is None


def test_a_link_is_never_followed(tmp_path: Any, web: Web) -> None:
    shelf = Shelf(str(tmp_path / "out"))
    facts = {"fingerprint": IDENTITY.fingerprint, **scope_facts("inputs", "")}
    stored = store_result(
        video_task(web.serve("/clean.mp4", whole(MP4))), shelf.uri, metadata=facts, options=RULES
    )
    index_of(shelf).record(stored, IDENTITY)
    (tmp_path / "out" / "8150001").rename(tmp_path / "elsewhere")
    (tmp_path / "out" / "8150001").symlink_to(tmp_path / "elsewhere")
    assert index_of(shelf).find(IDENTITY) is None


def test_an_index_that_cannot_be_written_loses_no_result(
    tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "_index").write_text("a file where a folder should be")
    index = ResultIndex(str(tmp_path), SLUG, None)
    index.record(video_task("https://x.example/a.mp4"), IDENTITY)
    assert "is stored, but not in the index" in caplog.text
    assert index.find(IDENTITY) is None


def test_a_storage_that_is_down_is_tried_again(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    index = ResultIndex(str(tmp_path), SLUG, None)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("connection reset")

    monkeypatch.setattr(index.root.fs, "cat_file", fail, raising=False)
    with pytest.raises(StorageTransientError, match="connection reset"):
        index.find(IDENTITY)


def test_facts_name_the_task_of_the_job() -> None:
    assert scope_facts("run", "") == {}
    assert scope_facts("run", "2") == {"take": "2"}
    facts = {"fingerprint": "a" * 64, **scope_facts("inputs", "2")}
    assert identity_in(facts) == RequestIdentity("a" * 64, "2")
    assert identity_in({"fingerprint": "a" * 64, "take": "2"}) is None
    assert identity_in(scope_facts("inputs", "")) is None


def test_a_job_that_another_paid_for_costs_nothing() -> None:
    values = video_task("https://x.example/a.mp4", final_balance_deduction={"amount": "1"})
    reused = as_reused(values, {"kling_task_id": "1"})
    assert (reused["units"], reused["charges"]) == ("0", [])
    assert "final_balance_deduction" not in reused
    assert reused["videos"] == values["videos"]

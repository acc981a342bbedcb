# SPDX-License-Identifier: Apache-2.0
"""A poster is stored next to each video; a task never fails without one."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingRequestInvalid
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.media import frames
from airflow_provider_kling.operators.batch import KlingBatchOperator
from airflow_provider_kling.operators.results import KlingFetchResultOperator, KlingResultSweepOperator
from airflow_provider_kling.operators.video import KlingTextToVideoOperator
from airflow_provider_kling.results.files import list_result_files
from airflow_provider_kling.results.manifest import read_task_manifest
from airflow_provider_kling.results.posters import poster_name
from airflow_provider_kling.utils.storage import StorageForbidden, resolve_path
from tests.unit.operators.conftest import TaskInstance, context_of, run, ti
from tests.unit.results.conftest import Shelf

__all__ = ["ti"]


@pytest.fixture
def kling_emulator_options() -> dict[str, Any]:
    return {"scale": 0.1}


def film(output_path: str, **arguments: Any) -> KlingTextToVideoOperator:
    return KlingTextToVideoOperator(
        task_id="film",
        prompt="A boat",
        duration="5",
        poll_interval=0.2,
        output_path=output_path,
        poster=True,
        **arguments,
    )


@pytest.mark.parametrize("deferrable", [False, True], ids=["in_place", "deferred"])
def test_a_video_has_a_poster(
    shelf: Shelf, kling_emulator: Emulator, ti: TaskInstance, deferrable: bool
) -> None:
    result = run(film(shelf.uri, deferrable=deferrable), ti)
    (item,) = result["videos"]
    assert item["poster"] == item["path"].replace("0-video.mp4", "0-poster.jpg")
    location = resolve_path(item["poster"])
    poster = Image.open(io.BytesIO(location.fs.cat_file(location.path)))
    assert poster.format == "JPEG"
    manifest = read_task_manifest(shelf.uri, result["task_id"])
    assert manifest
    assert manifest["files"][0]["poster"] == "0-poster.jpg"
    assert {name.rpartition("/")[2] for name in shelf.files()} == {
        "0-video.mp4",
        "0-poster.jpg",
        "manifest.json",
    }
    json.dumps(result)


def test_a_retry_makes_no_other_poster(
    tmp_path: Path, kling_emulator: Emulator, ti: TaskInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(film(str(tmp_path)), ti)
    monkeypatch.setattr(frames, "write_poster", None)
    assert run(film(str(tmp_path)), ti.retried())["videos"] == first["videos"]
    assert len(kling_emulator.jobs) == 1


def test_a_result_that_is_reused_has_its_poster(
    tmp_path: Path, kling_emulator: Emulator, ti: TaskInstance
) -> None:
    first = run(film(str(tmp_path), idempotency_scope="inputs"), ti)
    second = run(film(str(tmp_path), idempotency_scope="inputs"), replace(ti, run_id="another", xcoms={}))
    assert len(kling_emulator.jobs) == 1
    assert second["reused_from"]
    assert second["videos"][0]["poster"] == first["videos"][0]["poster"]


def test_a_poster_that_cannot_be_made_is_a_warning(
    tmp_path: Path,
    kling_emulator: Emulator,
    ti: TaskInstance,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_: object) -> None:
        raise StorageForbidden("read only")

    monkeypatch.setattr(frames, "write_poster", refuse)
    (item,) = run(film(str(tmp_path)), ti)["videos"]
    assert "poster" not in item
    assert Path(item["path"]).exists()
    assert "the video is stored: StorageForbidden: read only" in caplog.text


def test_a_result_that_is_fetched(tmp_path: Path, kling_emulator: Emulator, ti: TaskInstance) -> None:
    created = run(film(str(tmp_path / "one")), ti)
    fetch = KlingFetchResultOperator(
        task_id="fetch",
        endpoint="videos/text2video",
        kling_task_id=created["task_id"],
        output_path=str(tmp_path / "two"),
        poster="true",  # type: ignore[arg-type]
    )
    (item,) = fetch.execute(context_of(ti))["videos"]
    assert item["poster"] == str(tmp_path / "two" / created["task_id"] / "0-poster.jpg")
    assert Path(item["poster"]).exists()


def test_results_that_a_sweep_stores(shelf: Shelf, kling_emulator: Emulator, ti: TaskInstance) -> None:
    hook, body = KlingHook(), {"prompt": "A boat", "model_name": "kling-v3"}
    slugs = ("videos/text2video", "videos/text2video", "images/generations")
    created = [hook.submit(slug, body).task_id for slug in slugs]
    kling_emulator.advance(120)
    arguments: dict[str, Any] = {"task_id": "sweep", "output_path": shelf.uri, "poster": True}
    report = KlingResultSweepOperator(**arguments).execute(context_of(ti))
    assert (report["landed"], report["not_landed"]) == (len(created), 0)
    files = shelf.files()
    posters = {name for name in files if name.endswith("poster.jpg")}
    assert posters == {f"{task_id}/0-poster.jpg" for task_id in created[:2]}
    # Only files of jobs count as stored bytes.
    assert report["bytes"] == sum(
        len(data) for name, data in files.items() if not name.endswith((*posters, "manifest.json"))
    )
    for task_id in created[:2]:
        manifest = read_task_manifest(shelf.uri, task_id)
        assert manifest
        assert manifest["files"][0]["poster"] == "0-poster.jpg"
    second = KlingResultSweepOperator(**arguments).execute(context_of(ti))
    assert (second["landed"], second["landed_before"]) == (0, len(created))


def test_a_batch_stores_posters(tmp_path: Path, kling_emulator: Emulator, ti: TaskInstance) -> None:
    rows = [{"prompt": f"Boat {number}", "duration": "5"} for number in range(2)]
    batch = KlingBatchOperator(
        task_id="batch",
        endpoint="videos/text2video",
        requests=rows,
        output_path=str(tmp_path),
        poll_interval=0.2,
        poster=True,
    )
    batch.execute(context_of(ti))
    assert len(list(tmp_path.rglob("0-poster.jpg"))) == 2
    assert (tmp_path / "contact-sheet.jpg").exists()


MAKE: dict[str, Callable[[], object]] = {
    "job": lambda: film("/out"),
    "batch": lambda: KlingBatchOperator(
        task_id="t", endpoint="videos/text2video", requests=[], output_path="/out", poster=True
    ),
    "fetch": lambda: KlingFetchResultOperator(
        task_id="t", endpoint="videos/text2video", kling_task_id="1", output_path="/out", poster=True
    ),
    "sweep": lambda: KlingResultSweepOperator(task_id="t", output_path="/out", poster=True),
}


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_without_the_extra_a_poster_is_refused_at_parse(
    make: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_kling.media._MODULES", {"no_such_module": "PyAV"})
    with pytest.raises(KlingRequestInvalid, match=r"poster=True missing: install .*\[media\]"):
        make()


def test_names_differ_from_each_other() -> None:
    result = {
        "videos": [{"url": "http://h/1"}, {"url": "http://h/2", "watermark_url": "http://h/3"}],
        "product_videos": [{"url": "http://h/4"}],
    }
    names = [poster_name(file) for file in list_result_files(result) if file.url_key == "url"]
    assert names == ["0-poster.jpg", "1-poster.jpg", "0-product-poster.jpg"]

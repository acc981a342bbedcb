# SPDX-License-Identifier: Apache-2.0
"""The result of a job is stored by its id, or the task says why not."""

from __future__ import annotations

import json
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import time_machine
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.api.requests.video import TEXT_TO_VIDEO
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import (
    KlingAwaitedTaskFailed,
    KlingContentRefused,
    KlingError,
    KlingRequestInvalid,
    KlingResultExpired,
    KlingResultNotKept,
    KlingServerError,
    KlingTaskNotFound,
)
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.operators.results import KlingFetchResultOperator
from airflow_provider_kling.operators.video import KlingTextToVideoOperator
from airflow_provider_kling.utils.storage import resolve_path
from tests.support.storages import S3Server
from tests.unit.operators.conftest import run
from tests.unit.operators.results.conftest import DAY, Make, context
from tests.unit.results.conftest import Shelf

SLUG = "videos/text2video"
DOWNLOADS = "/results/{task_id}/{file}"


def fetch(task_id: str, output_path: Any, **arguments: Any) -> Any:
    values = {"endpoint": SLUG, "kling_task_id": task_id, "output_path": output_path, **arguments}
    return KlingFetchResultOperator(task_id="fetch", **values).execute(context())


def test_it_stores_and_returns_what_operators_return(make: Make, shelf: Shelf, kling_emulator: Emulator):
    (task_id,) = make(external_task_id="mine")
    task = KlingHook().get_task(SLUG, task_id).to_json(SLUG)
    film = requests.get(task["videos"][0]["url"], timeout=60).content
    stored_task = fetch(task_id, shelf.uri)
    (video,) = stored_task.pop("videos")
    assert stored_task == {name: value for name, value in task.items() if name != "videos"}
    assert video["path"] == f"{shelf.uri}/{task_id}/0-video.mp4"
    assert (video["bytes"], video["sha256"]) == (len(film), sha256(film).hexdigest())
    files = shelf.files()
    assert set(files) == {f"{task_id}/0-video.mp4", f"{task_id}/manifest.json"}
    assert files[f"{task_id}/0-video.mp4"] == film
    assert len(kling_emulator.jobs) == 1


def test_a_job_is_known_by_its_external_id_too(make: Make, shelf: Shelf):
    (task_id,) = make(external_task_id="mine")
    stored_task = fetch("mine", shelf.uri, endpoint=TEXT_TO_VIDEO)
    assert (stored_task["task_id"], stored_task["external_task_id"]) == (task_id, "mine")


def test_a_stored_result_is_not_downloaded_again(make: Make, shelf: Shelf, kling_emulator: Emulator):
    (task_id,) = make()
    first = fetch(task_id, shelf.uri)
    second = fetch(task_id, shelf.uri)
    assert first == second
    assert kling_emulator.count("GET", DOWNLOADS) == 1


def test_a_missing_file_is_stored_again_and_the_manifest_stays_as_rich(
    kling_emulator: Emulator, shelf: Shelf, ti: Any
):
    """The operator's metadata of the inputs cannot be found out again."""
    film = KlingTextToVideoOperator(
        task_id="film", prompt="A boat", poll_interval=0.2, wait_for_completion=False
    )
    task_id = run(film, ti)["task_id"]
    kling_emulator.advance(120)
    film.wait_for_completion, film.output_path = True, shelf.uri
    created = run(film, ti.retried())
    assert created["task_id"] == task_id
    location = resolve_path(created["videos"][0]["path"])
    location.fs.rm(location.path)
    fetch(task_id, shelf.uri)
    files = shelf.files()
    assert f"{task_id}/0-video.mp4" in files
    assert json.loads(files[f"{task_id}/manifest.json"])["request"]["prompt"] == "A boat"


def test_a_job_that_has_not_ended_is_not_waited_for(kling_emulator: Emulator, shelf: Shelf):
    task = KlingHook().submit(SLUG, {"prompt": "A boat", "model_name": "kling-v3"})
    with pytest.raises(KlingError, match="has not ended yet") as caught:
        fetch(task.task_id, shelf.uri)
    assert "Put a KlingTaskSensor before this task" in str(caught.value)
    assert not isinstance(caught.value, AirflowFailException), "a retry must look again"
    assert shelf.files() == {}


def test_a_job_is_stored_by_another_endpoint_of_its_list(kling_emulator: Emulator, shelf: Shelf):
    """A list of API 2.0 has the jobs of several endpoints, and an event can name but one of them."""
    body = {"source_video": "https://media.example/act.mp4", "target_cps": 15}
    task_id = KlingHook().submit("solutions/drama_subtitle", body).task_id
    kling_emulator.advance(600)
    stored = fetch(task_id, shelf.uri, endpoint="solutions/virtual_try_on")
    assert stored["task_id"] == task_id
    assert [file.rpartition(".")[2] for file in sorted(shelf.files()) if "manifest" not in file] != []
    assert all(name.startswith(task_id) for name in shelf.files())


@pytest.mark.parametrize(
    ("reason", "error"),
    [("Out of memory", KlingAwaitedTaskFailed), ("Failure to pass the risk control", KlingContentRefused)],
)
def test_a_failed_job_has_no_result(
    make: Make, shelf: Shelf, kling_emulator: Emulator, reason: str, error: type[KlingError]
):
    kling_emulator.faults.set({"failed_job": 1, "fail_reason": reason})
    (task_id,) = make()
    with pytest.raises(error, match=f"{task_id} as failed: {reason}") as caught:
        fetch(task_id, shelf.uri)
    assert isinstance(caught.value, AirflowFailException)


def test_after_30_days_the_result_has_expired(make: Make, shelf: Shelf, kling_emulator: Emulator):
    (task_id,) = make()
    with (
        time_machine.travel(kling_emulator.jobs[0].ended_at + 31 * DAY),
        pytest.raises(KlingResultExpired) as deleted,
    ):
        fetch(task_id, shelf.uri)
    assert isinstance(deleted.value, AirflowFailException)
    assert f"Kling has deleted the result of task {task_id}" in str(deleted.value)
    assert shelf.files() == {}


def test_an_unknown_job_is_reported_with_account_and_endpoint(make: Make, tmp_path: Any):
    (task_id,) = make()
    with pytest.raises(KlingTaskNotFound, match="Only the endpoint and the account that made a job know it"):
        fetch(task_id, str(tmp_path), endpoint="videos/image2video")
    with pytest.raises(KlingTaskNotFound, match="videos/lip-sync knows no external ids"):
        fetch("mine", str(tmp_path), endpoint="videos/lip-sync")


def test_a_failed_download_is_repeated_by_a_retry(make: Make, shelf: Shelf, kling_emulator: Emulator):
    (task_id,) = make()
    kling_emulator.faults.set({"cut_download": 3000})
    with pytest.raises(KlingResultNotKept, match="A retry of this task fetches it again without a new job"):
        fetch(task_id, shelf.uri)
    assert shelf.files() == {}
    kling_emulator.faults.clear()
    assert fetch(task_id, shelf.uri)["videos"][0]["bytes"] > 3000
    assert len(kling_emulator.jobs) == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (
            {"endpoint": "videos/nothing"},
            "'endpoint': 'videos/nothing'; expected a slug: videos/",
        ),
        (
            {"endpoint": "audio/tts"},
            "'endpoint': 'audio/tts'; expected another endpoint: audio/tts answers",
        ),
        ({"kling_task_id": ""}, "'kling_task_id': ''; pass the id as text"),
        ({"output_path": ""}, "'output_path': ''; expected a folder"),
        ({"output_path": "zzz://b/out"}, "output_path='zzz://b/out' is rejected"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_wrong_arguments_are_refused(
    kling_emulator: Emulator, tmp_path: Any, arguments: dict[str, Any], named: str
):
    with pytest.raises(KlingRequestInvalid, match=named):
        fetch("1", **{"output_path": str(tmp_path), **arguments})
    assert kling_emulator.requests == {}


def test_a_storage_that_is_down_is_tried_again(make: Make, s3: S3Server, kling_emulator: Emulator):
    (task_id,) = make()
    with pytest.raises(KlingServerError, match="does not respond"):
        fetch(task_id, s3.uri("out", "kling_test_s3_down"))
    assert kling_emulator.count("GET", DOWNLOADS) == 0


def test_templates_wait_for_rendering():
    operator = KlingFetchResultOperator(
        task_id="fetch",
        endpoint="{{ params.slug }}",
        kling_task_id="{{ ti.xcom_pull('make', key='task_id') }}",
        output_path="s3://bucket/{{ ds }}",
    )
    values = {"params": {"slug": SLUG}, "ti": SimpleNamespace(xcom_pull=lambda *_, **__: "8"), "ds": "1"}
    operator.render_template_fields(values)
    assert (operator.endpoint, operator.kling_task_id, operator.output_path) == (SLUG, "8", "s3://bucket/1")
    with pytest.raises(KlingRequestInvalid, match="Invalid value for 'endpoint': 'videos/x'"):
        KlingFetchResultOperator(task_id="fetch", endpoint="videos/x", kling_task_id="1", output_path="/o")

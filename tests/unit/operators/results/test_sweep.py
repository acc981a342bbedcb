# SPDX-License-Identifier: Apache-2.0
"""A sweep stores missing results once, and reports those that it could not store."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.api.task import KlingTask, TaskStatus
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import (
    KlingAccountError,
    KlingAuthError,
    KlingRequestInvalid,
    KlingResultNotKept,
    KlingServerError,
)
from airflow_provider_kling.hooks.client import KlingClient
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.operators import results
from airflow_provider_kling.operators.results import KlingFetchResultOperator, KlingResultSweepOperator
from airflow_provider_kling.results import sweep as results_sweep
from airflow_provider_kling.results.manifest import stored_task_ids
from airflow_provider_kling.results.sweep import (
    MAX_CONSECUTIVE_FAILURES,
    iter_tasks_since,
    sweepable_endpoints,
)
from airflow_provider_kling.utils.storage import resolve_path
from tests.support.storages import S3Server
from tests.unit.operators.conftest import TaskInstance
from tests.unit.operators.results.conftest import DAY, Make, context
from tests.unit.results.conftest import Shelf

DOWNLOADS = "/results/{task_id}/{file}"
SLUG = "videos/text2video"


@pytest.fixture
def here(tmp_path: Any) -> str:
    return str(tmp_path / "out")


def sweep(output_path: Any, ti: TaskInstance | None = None, **arguments: Any) -> dict[str, Any]:
    operator = KlingResultSweepOperator(task_id="sweep", output_path=output_path, **arguments)
    report: dict[str, Any] = operator.execute(context(ti))
    return report


def request_count(emulator: Emulator) -> int:
    return sum(emulator.requests.values())


def ids(jobs: list[dict[str, Any]]) -> list[str]:
    return [job["kling_task_id"] for job in jobs]


def test_missing_results_are_stored_and_the_next_sweep_is_cheap(
    make: Make, shelf: Shelf, kling_emulator: Emulator
):
    created = [
        *make(3),
        *make(2, "images/generations", n=2),
        *make(1, "audio/text-to-audio", duration=3),
    ]
    made_before = len(kling_emulator.jobs)
    report = sweep(shelf.uri)
    assert (report["jobs"], report["landed"], report["not_landed"]) == (6, 6, 0)
    assert set(ids(report["landed_jobs"])) == set(created) == stored_task_ids(shelf.uri)
    files = shelf.files()
    assert report["bytes"] == sum(len(data) for name, data in files.items() if "manifest" not in name)
    assert sum("image" in name for name in files) == 4

    downloads, requests = kling_emulator.count("GET", DOWNLOADS), request_count(kling_emulator)
    second = sweep(shelf.uri)
    assert (second["jobs"], second["landed_before"], second["landed"]) == (6, 6, 0)
    assert kling_emulator.count("GET", DOWNLOADS) == downloads
    # A page of each list, and one more where there are jobs, to be sure that it was the last: of three lists
    # of v1, and of API 2.0's, which holds the jobs of v1 too.
    assert request_count(kling_emulator) - requests == len(sweepable_endpoints()) + 4
    assert len(kling_emulator.jobs) == made_before
    assert shelf.files() == files


def test_results_stored_in_subfolders_count(make: Make, shelf: Shelf, kling_emulator: Emulator):
    first, second = make(2)
    KlingFetchResultOperator(
        task_id="fetch", endpoint=SLUG, kling_task_id=first, output_path=f"{shelf.uri}/2026/11"
    ).execute(context())
    assert ids(sweep(shelf.uri)["landed_jobs"]) == [second]


def test_a_killed_download_is_missing(make: Make, shelf: Shelf):
    (task_id,) = make()
    sweep(shelf.uri)
    location = resolve_path(f"{shelf.uri}/{task_id}/manifest.json")
    location.fs.rm(location.path)
    assert sweep(shelf.uri)["landed"] == 1


@pytest.mark.parametrize("lost", ["deleted", "empty"])
def test_a_manifest_without_its_files_is_no_stored_result(
    make: Make, shelf: Shelf, kling_emulator: Emulator, lost: str
):
    """Whatever deleted them, a paid result would be lost once Kling deletes its own."""
    (images,) = make(1, "images/generations", n=3)
    (video,) = make()
    sweep(shelf.uri)
    before = shelf.files()
    downloads = kling_emulator.count("GET", DOWNLOADS)
    for name in (f"{images}/1-image.png", f"{video}/0-video.mp4"):
        path = resolve_path(f"{shelf.uri}/{name}")
        path.fs.rm(path.path) if lost == "deleted" else path.fs.pipe_file(path.path, b"")
    report = sweep(shelf.uri)
    assert (report["landed"], report["landed_before"]) == (2, 0)
    assert shelf.files().keys() == before.keys()
    assert all(shelf.files()[name] == before[name] for name in before if "manifest" not in name)
    assert kling_emulator.count("GET", DOWNLOADS) - downloads == 2, "the other files are there"
    assert sweep(shelf.uri)["landed_before"] == 2


def test_a_result_in_a_second_folder_counts_where_the_first_lost_its_files(
    make: Make, shelf: Shelf, kling_emulator: Emulator
):
    (job,) = make()
    sweep(f"{shelf.uri}/2026/11")
    path = resolve_path(f"{shelf.uri}/2026/11/{job}/0-video.mp4")
    path.fs.rm(path.path)
    assert sweep(shelf.uri)["landed"] == 1
    assert sweep(shelf.uri)["landed_before"] == 1


def test_running_and_failed_jobs_are_skipped(make: Make, here: str, kling_emulator: Emulator):
    kling_emulator.faults.set({"failed_word": "storm"})
    make(prompt="A storm")
    KlingHook().submit(SLUG, {"prompt": "A boat", "model_name": "kling-v3"})
    report = sweep(here)
    assert (report["jobs"], report["unfinished"], report["no_files"], report["landed"]) == (2, 1, 1, 0)
    kling_emulator.advance(120)
    assert sweep(here)["landed"] == 1


def test_it_reads_page_after_page_and_stops_at_a_page_of_older_jobs(
    make: Make, here: str, kling_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(results, "MAX_PAGE_SIZE", 4)
    old = make(9)
    kling_emulator.advance(40 * DAY)
    young = make(6)
    with time_machine.travel(kling_emulator.jobs[-1].ended_at + 1, tick=True):
        # The emulator's clock is the machine's, moved ahead; now both are.
        kling_emulator.state.clock.reset()
        report = sweep(here, endpoints=[SLUG])
    assert set(ids(report["landed_jobs"])) == set(young)
    assert not set(old) & set(ids(report["gone_jobs"]))
    # Two with young jobs, and the first without; a fourth page would hold older ones only.
    assert kling_emulator.count("GET", "/v1/videos/text2video") == 3


def test_one_that_fails_does_not_stop_the_others(make: Make, shelf: Shelf, kling_emulator: Emulator):
    created = make(6)
    kling_emulator.faults.set({"download_error": 5})
    ti = TaskInstance()
    with pytest.raises(KlingResultNotKept, match="Retry to store 1 more results, which failed") as caught:
        sweep(shelf.uri, ti, parallel=1)
    assert not isinstance(caught.value, AirflowFailException), "a retry goes on"
    assert "5 are stored now" in str(caught.value)
    report = ti.xcoms["return_value"]
    (failed,) = report["not_landed_jobs"]
    assert "HTTP 503" in failed["error"]
    assert "Signature" not in json.dumps(report)
    assert stored_task_ids(shelf.uri) == set(created) - {failed["kling_task_id"]}

    retry = sweep(shelf.uri)
    assert ids(retry["landed_jobs"]) == [failed["kling_task_id"]]
    assert len(kling_emulator.jobs) == 6


def test_cut_downloads_leave_no_half_file(make: Make, shelf: Shelf, kling_emulator: Emulator):
    created = make(3)
    kling_emulator.faults.set({"cut_download": 4000})
    with pytest.raises(KlingResultNotKept, match="Retry to store 3 more results, which failed"):
        sweep(shelf.uri)
    assert shelf.files() == {}
    kling_emulator.faults.clear()
    sweep(shelf.uri)
    assert stored_task_ids(shelf.uri) == set(created)


def test_it_stops_after_repeated_failures(make: Make, here: str, kling_emulator: Emulator):
    make(MAX_CONSECUTIVE_FAILURES + 10)
    kling_emulator.faults.set({"cut_download": 10})
    ti = TaskInstance()
    with pytest.raises(KlingResultNotKept):
        sweep(here, ti, parallel=1)
    report = ti.xcoms["return_value"]
    assert (report["not_landed"], report["left"]) == (MAX_CONSECUTIVE_FAILURES, 10)


def test_results_that_expire_soon_are_named_and_stored_first(make: Make, here: str, kling_emulator: Emulator):
    (oldest,) = make()
    kling_emulator.advance(10 * DAY)
    (younger,) = make()
    now = kling_emulator.jobs[0].ended_at + 26 * DAY
    with time_machine.travel(now, tick=True):
        kling_emulator.state.clock.reset()
        first = sweep(here, max_tasks=1)
        assert (ids(first["landed_jobs"]), ids(first["left_jobs"])) == ([oldest], [younger])
        assert first["expiring"] == 0, "the younger one has 14 days left"
        kling_emulator.faults.set({"download_error": 1000})
        ti = TaskInstance()
        with pytest.raises(KlingResultNotKept, match="of the others 1 expire within 15 days"):
            sweep(here, ti, warn_days=15)
        (expiring,) = ti.xcoms["return_value"]["expiring_jobs"]
        assert expiring == {
            "endpoint": SLUG,
            "kling_task_id": younger,
            "expires_at": int(kling_emulator.jobs[1].ended_at * 1000) + 30 * DAY * 1000,
        }


def test_expired_results_are_listed_and_fail_nothing(make: Make, here: str, kling_emulator: Emulator):
    (deleted,) = make()
    with time_machine.travel(kling_emulator.jobs[0].ended_at + 30.5 * DAY, tick=True):
        kling_emulator.state.clock.reset()
        report = sweep(here)
        assert (ids(report["gone_jobs"]), report["landed"], report["not_landed"]) == ([deleted], 0, 0)
    with time_machine.travel(kling_emulator.jobs[0].ended_at + 31.5 * DAY, tick=True):
        assert sweep(here)["jobs"] == 0


def test_an_expired_url_is_read_again(make: Make, here: str, kling_emulator: Emulator):
    make()
    kling_emulator.faults.set({"expired_url": 1})
    assert sweep(here)["landed"] == 1


@pytest.mark.parametrize("dialect", ["cometapi", "gateway"])
def test_a_host_without_lists_is_reported(here: str, dialect: str, monkeypatch: pytest.MonkeyPatch):
    with Emulator(dialect=dialect) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", emulator.connection_json())
        with pytest.raises(
            KlingRequestInvalid,
            match=r"^Use KlingFetchResultOperator with the ids.* does not list jobs",
        ):
            sweep(here)
        assert emulator.requests == {}


def test_a_host_that_refuses_all_lists_is_reported(here: str, kling_emulator: Emulator):
    kling_emulator.faults.set({"no_list": True})
    with pytest.raises(KlingRequestInvalid, match="The requested method is invalid"):
        sweep(here)


@pytest.fixture
def no_avatars(monkeypatch: pytest.MonkeyPatch) -> type[Exception]:
    """Avatars cannot be listed; what their list raises can be set."""

    class Raised:
        error: Exception = KlingRequestInvalid("The requested method is invalid.")

    listed = KlingHook.list_tasks

    def some(self: Any, endpoint: Any, *args: Any) -> Any:
        if endpoint.slug == "videos/avatar":
            raise Raised.error
        return listed(self, endpoint, *args)

    monkeypatch.setattr(KlingHook, "list_tasks", some)
    return Raised


def test_an_endpoint_that_the_account_lacks_is_noted(make: Make, here: str, no_avatars: Any):
    make()
    report = sweep(here)
    assert report["landed"] == 1
    assert report["unlisted_endpoints"] == [
        {"endpoint": "videos/avatar", "error": "The requested method is invalid."}
    ]
    with pytest.raises(KlingRequestInvalid, match="The requested method is invalid"):
        sweep(here, endpoints=["videos/avatar"])


def test_a_list_that_fails_fails_the_sweep_after_the_others(make: Make, here: str, no_avatars: Any):
    make()
    no_avatars.error = KlingServerError("Kling is under maintenance.")
    ti = TaskInstance()
    with pytest.raises(KlingServerError, match=r"^Retry to list the jobs of videos/avatar: Kling is under"):
        sweep(here, ti)
    assert ti.xcoms["return_value"]["landed"] == 1


@pytest.fixture
def cut_list(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """The second page of a list cannot be read."""
    monkeypatch.setattr(results, "MAX_PAGE_SIZE", 1)
    listed = KlingHook.list_tasks

    def first_page_only(self: Any, endpoint: Any, number: int, *args: Any) -> Any:
        if endpoint.slug == SLUG and number > 1:
            raise error
        return listed(self, endpoint, number, *args)

    monkeypatch.setattr(KlingHook, "list_tasks", first_page_only)


@pytest.mark.parametrize(
    "error",
    [
        KlingRequestInvalid("HTTP 400 of a proxy", http_status=400),
        KlingAccountError("HTTP 403 of a proxy", http_status=403),
        KlingAuthError("HTTP 401 of a proxy", http_status=401),
        KlingServerError("Jobs are missing; a retry reads again."),
    ],
)
@pytest.mark.parametrize("arguments", [{}, {"endpoints": [SLUG]}])
@pytest.mark.usefixtures("cut_list")
def test_what_a_list_holds_before_it_fails_is_stored_and_the_sweep_fails(
    make: Make, here: str, arguments: dict[str, Any]
):
    make(2)
    ti = TaskInstance()
    with pytest.raises(KlingServerError, match=r"^Retry to list the jobs of videos/text2video: ") as failed:
        sweep(here, ti, **arguments)
    assert not isinstance(failed.value, AirflowFailException), "a retry reads the list again"
    report = ti.xcoms["return_value"]
    assert report["landed"] == (1 if arguments else 2), "the list of API 2.0 has the other one"
    assert [each["endpoint"] for each in report["unlisted_endpoints"]] == [SLUG]


def test_a_list_that_goes_on_without_a_cursor_fails_the_sweep_after_what_it_holds(
    make: Make, here: str, monkeypatch: pytest.MonkeyPatch
):
    make(2, "text-to-video", model_name="kling-3.0-turbo")
    monkeypatch.setattr(results, "MAX_PAGE_SIZE", 1)
    real = KlingClient._send_once

    def without_cursor(self: KlingClient, call: Any) -> Any:
        status, headers, body = real(self, call)
        if call.path == "/tasks" and call.method == "POST":
            payload = json.loads(body)
            payload["data"]["next_cursor"] = ""
            body = json.dumps(payload).encode()
        return status, headers, body

    monkeypatch.setattr(KlingClient, "_send_once", without_cursor)
    ti = TaskInstance()
    with pytest.raises(KlingServerError, match="Jobs are missing; a retry reads again"):
        sweep(here, ti, endpoints=["text-to-video"])
    assert ti.xcoms["return_value"]["landed"] == 1


def test_a_list_of_more_pages_than_can_be_read_is_incomplete(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(results_sweep, "MAX_PAGES", 3)
    with pytest.raises(KlingServerError, match=r"^Jobs are missing: set a lower 'days'"):
        list(iter_tasks_since(lambda n: [KlingTask(str(n), TaskStatus.SUCCEED, "", created_at=9)], 5))


def test_refused_credentials_end_it_at_once(make: Make, here: str, kling_emulator: Emulator):
    make()
    kling_emulator.faults.set({"bad_credentials": 1000})
    before = request_count(kling_emulator)
    with pytest.raises(KlingAuthError):
        sweep(here)
    assert request_count(kling_emulator) - before == 1


def test_storage_is_looked_at_before_kling(s3: S3Server, kling_emulator: Emulator):
    with pytest.raises(KlingRequestInvalid, match="no-such-bucket does not exist"):
        sweep("s3://kling_test_s3@no-such-bucket/out")
    with pytest.raises(KlingServerError, match="does not respond"):
        sweep(s3.uri("out", "kling_test_s3_down"))
    assert kling_emulator.requests == {}


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"endpoints": ["videos/nothing"]}, "'endpoints': .*; expected a slug: videos/"),
        ({"endpoints": ["audio/tts"]}, "'endpoints': .* audio/tts has no list of jobs with files"),
        (
            {"endpoints": ["general/advanced-custom-elements"]},
            "'endpoints': .* has no list of jobs with files",
        ),
        ({"endpoints": "videos/text2video"}, "'endpoints': .* expected a list of slugs"),
        ({"days": 0}, "'days': 0; expected a number of days, above 0"),
        ({"days": "soon"}, "'days': 'soon'; expected "),
        ({"warn_days": -1}, "'warn_days': -1; expected "),
        ({"max_tasks": 0}, "'max_tasks': 0; expected 1 or more"),
        ({"parallel": 33}, "'parallel': 33; expected 1 to 32"),
    ],
)
def test_a_wrong_argument_is_found_when_the_dag_is_parsed(values: dict[str, Any], named: str):
    with pytest.raises(KlingRequestInvalid, match=f"Invalid value for {named}"):
        KlingResultSweepOperator(task_id="sweep", output_path="/out", **values)


def test_templates_wait_for_rendering(make: Make):
    make(2)
    output = f"memory://sweep-{uuid4().hex}"
    operator = KlingResultSweepOperator(
        task_id="sweep",
        output_path="{{ out }}",
        endpoints=["{{ slug }}"],
        days="{{ 7 }}",
        max_tasks="{{ none }}",
    )
    operator.render_template_fields({"out": output, "slug": SLUG})
    assert operator.execute(context())["landed"] == 2


def test_of_many_jobs_it_names_some_and_counts_all(make: Make, here: str):
    make(130)
    report = sweep(here, max_tasks=3)
    assert (report["landed"], report["left"], len(report["left_jobs"])) == (3, 127, 100)
    assert len(json.dumps(report)) < 20_000


def test_only_what_can_be_listed_and_has_files_is_swept():
    slugs = {endpoint.slug for endpoint in sweepable_endpoints()}
    assert {"videos/text2video", "images/generations", "audio/video-to-audio"} <= slugs
    assert not {"audio/tts", "videos/identify-face", "general/advanced-custom-elements"} & slugs


def test_the_endpoints_of_api_2_share_a_list():
    endpoints = [endpoint.slug for endpoint in sweepable_endpoints() if endpoint.tasks_path]
    assert endpoints == ["text-to-video", "solutions/virtual_try_on"]


def test_jobs_of_api_2_are_found_too(make: Make, shelf: Shelf, kling_emulator: Emulator):
    created = [
        *make(2, "text-to-video", model_name="kling-3.0-turbo"),
        *make(1, "omni-video", model_name="kling-o1", contents=[{"type": "prompt", "text": "a boat"}]),
        *make(1, "videos/text2video"),
    ]
    report = sweep(shelf.uri)
    assert (report["jobs"], report["landed"], report["not_landed"]) == (4, 4, 0)
    assert stored_task_ids(shelf.uri) == set(created)
    second = sweep(shelf.uri)
    assert (second["jobs"], second["landed_before"]) == (4, 4)


def test_no_request_needs_an_api_key_that_the_account_does_not_have(
    make: Make, shelf: Shelf, kling_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
):
    make(1)
    options = kling_emulator.options
    signed = {**kling_emulator.connection(), "login": options.access_key, "password": options.secret_key}
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(signed))
    report = sweep(shelf.uri)
    assert (report["landed"], report["unlisted_endpoints"]) == (1, [])
    assert kling_emulator.count("POST", "/tasks") == 0


def test_a_list_in_no_known_order_is_read_to_its_end():
    pages = [
        [KlingTask(str(number), TaskStatus.SUCCEED, "succeed", created_at=number)] for number in (1, 5, 2, 7)
    ]

    def read_page(number: int) -> list[KlingTask]:
        return pages[number - 1] if number <= len(pages) else []

    assert [task.task_id for task in iter_tasks_since(read_page, 5, newest_first=False)] == ["5", "7"]
    assert [task.task_id for task in iter_tasks_since(read_page, 5)] == []

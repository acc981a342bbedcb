# SPDX-License-Identifier: Apache-2.0
"""What a user of one DAG may try against the api-server and the workers of a live Airflow."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.links import has_preview
from scripts.local_airflow import wait_until
from tests.e2e.live.airflow_api import AirflowApi, ApiRefused
from tests.e2e.live.conftest import DAGS
from tests.e2e.live.two_users import SharedAirflow, has_fab

pytestmark = pytest.mark.slow

ALICE, BOB = "live_preview_alice", "live_preview_bob"
ENDED = ("success", "failed", "upstream_failed")
VICTIM = b"another job's film"
REQUESTS = 45
"""More than an api-server has threads."""


class Internal:
    """An HTTP server that only the machine itself should reach; ``hits`` records the requests."""

    def __init__(self) -> None:
        hits: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hits.append(self.path)
                body = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"INTERNAL CAMERA" * 300
                self.send_response(200)
                self.send_header("Content-Type", "video/mp4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self.hits = hits
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()


class Stage:
    """Alice's and Bob's finished runs, and what Alice may do from there."""

    def __init__(self, airflow: SharedAirflow, folder: Path, internal: Internal, *, fab: bool) -> None:
        self.airflow = airflow
        self.folder = folder
        self.internal = internal
        self.fab = fab
        self.alice, self.bob = airflow.as_user("alice"), airflow.as_user("bob")
        self.runs: dict[str, str] = {}

    def play(self) -> None:
        """Run both DAGs; put a link where one of Alice's jobs will store its film."""
        api = self.airflow.api
        self.runs[BOB] = api.trigger(BOB)
        address = f" http://127.0.0.1:{self.internal.port}/cam.png"
        self.runs[ALICE] = api.trigger(ALICE, {"address": address})
        victim = self.folder / "victim"
        victim.mkdir()
        (victim / "0-video.mp4").write_bytes(VICTIM)
        job = str(wait_until(self._job_of_planted, 90, "the job's id to be shown"))
        (self.folder / "planted").mkdir(exist_ok=True)
        (self.folder / "planted" / job).symlink_to(victim)
        for dag in (BOB, ALICE):
            api.wait_for_run(dag, self.runs[dag], 120)

    def _job_of_planted(self) -> Any:
        try:
            return self.airflow.api.xcom(ALICE, self.runs[ALICE], "planted", "task_id")
        except ApiRefused:
            return None

    def film_of(self, dag: str) -> dict[str, Any]:
        """The result of a DAG's own task."""
        result: dict[str, Any] = self.airflow.api.xcom(dag, self.runs[dag], "film")
        return result

    def write_xcom(self, task: str, path: str, job: str) -> None:
        """As Alice, say that a task of her own made a file."""
        entries = f"/dags/{ALICE}/dagRuns/{self.runs[ALICE]}/taskInstances/{task}/xcomEntries"
        if self._has(entries):
            self.airflow.api.call("DELETE", f"{entries}/return_value")
        item = {"url": "https://files.example/1.mp4", "path": path}
        value = {"task_id": job, "endpoint": "videos/text2video", "videos": [item]}
        self.alice.call("POST", entries, {"key": "return_value", "value": value, "map_index": -1})

    def _has(self, entries: str) -> bool:
        found = self.airflow.api.call("GET", entries)["xcom_entries"]
        return any(entry["key"] == "return_value" for entry in found)

    def file(self, who: AirflowApi, dag: str, task: str) -> requests.Response:
        """Ask the preview for a task's first file."""
        place = {"run_id": self.runs[dag], "task_id": task, "item": "videos[0].url"}
        return who.get(f"/kling/dags/{dag}/file", **place)


@pytest.fixture(scope="module", params=["simple", "fab"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    fab = request.param == "fab"
    if not has_preview():
        pytest.skip("the preview tab needs Airflow 3.1.1")
    if fab and not has_fab():
        pytest.skip("apache-airflow-providers-fab is not installed")
    folder = tmp_path_factory.mktemp(request.param)
    (home := folder / "airflow").mkdir()
    internal = Internal()
    with Emulator(job_seconds=6, slots=0) as emulator:
        silent = socket.create_server(("127.0.0.1", 0), backlog=200)
        storage = f"http://127.0.0.1:{silent.getsockname()[1]}"
        silent_aws = {"conn_type": "aws", "login": "a", "password": "b", "extra": {"endpoint_url": storage}}
        connections = {"kling_default": emulator.connection_json(), "silent": json.dumps(silent_aws)}
        variables = {"LIVE_PREVIEW": str(folder)}
        with SharedAirflow(
            home, DAGS, auth=request.param, connections=connections, variables=variables
        ) as airflow:
            made = Stage(airflow, folder, internal, fab=fab)
            made.play()
            yield made
        silent.close()
    internal.close()


def test_people_see_the_files_of_their_own_tasks(stage: Stage) -> None:
    for who, dag in ((stage.alice, ALICE), (stage.bob, BOB)):
        answer = stage.file(who, dag, "film")
        assert (answer.status_code, len(answer.content)) == (200, stage.film_of(dag)["videos"][0]["bytes"])
    if stage.fab:
        assert stage.file(stage.alice, BOB, "film").status_code == 403


@pytest.mark.parametrize("task", ["gate", "dotted", "peek"])
def test_an_xcom_does_not_open_another_dags_file(stage: Stage, task: str) -> None:
    theirs = stage.film_of(BOB)
    stage.write_xcom(task, theirs["videos"][0]["path"], theirs["task_id"])
    answer = stage.file(stage.alice, ALICE, task)
    assert answer.status_code == 404, answer.content[:100]
    assert "The file cannot be shown" in answer.text


@pytest.mark.parametrize("before", ["", " ", "\t", "\u00a0", "simplecache::"])
@pytest.mark.parametrize("scheme", ["http", "HTTP"])
def test_the_api_server_asks_no_server_that_an_xcom_names(stage: Stage, before: str, scheme: str) -> None:
    stage.internal.hits.clear()
    stage.write_xcom("gate", f"{before}{scheme}://127.0.0.1:{stage.internal.port}/842/0-video.mp4", "842")
    answer = stage.file(stage.alice, ALICE, "gate")
    assert answer.status_code == 404
    assert "The file cannot be shown" in answer.text
    assert stage.internal.hits == []


def test_a_worker_asks_no_server_that_an_input_names(stage: Stage) -> None:
    """Kling's own servers fetch URLs, and this one is only reachable from here."""
    log = stage.airflow.task_log(stage.airflow.api.task_instances(ALICE, stage.runs[ALICE], "peek")[0])
    assert f"127.0.0.1:{stage.internal.port}" in log
    assert "/cam.png" not in stage.internal.hits


def test_a_link_at_the_jobs_folder_leads_nowhere(stage: Stage) -> None:
    assert (stage.folder / "victim" / "0-video.mp4").read_bytes() == VICTIM
    assert [each.name for each in (stage.folder / "victim").iterdir()] == ["0-video.mp4"]
    assert stage.airflow.api.states(ALICE, stage.runs[ALICE], "planted") == ["failed"]


def test_a_link_in_the_folder_is_not_followed(stage: Stage) -> None:
    own = Path(stage.film_of(ALICE)["videos"][0]["path"].removeprefix("file://"))
    kept = own.rename(own.with_name("kept.mp4"))
    own.symlink_to(stage.film_of(BOB)["videos"][0]["path"].removeprefix("file://"))
    try:
        assert stage.file(stage.alice, ALICE, "film").status_code == 404
    finally:
        own.unlink()
        kept.rename(own)
    assert stage.file(stage.alice, ALICE, "film").status_code == 200


@pytest.mark.parametrize("offset", [-1, 2**31, 10**20, "x"])
def test_an_offset_out_of_range_is_refused(stage: Stage, offset: Any) -> None:
    answer = stage.alice.get(f"/kling/dags/{ALICE}/cards", run_id=stage.runs[ALICE], offset=offset)
    assert 400 <= answer.status_code < 500


def test_a_silent_storage_does_not_stop_the_api_server(stage: Stage) -> None:
    stage.write_xcom("gate", "s3://silent@bucket/842/0-video.mp4", "842")
    with ThreadPoolExecutor(REQUESTS) as many:
        asked = [
            many.submit(stage.file, stage.airflow.as_user("alice"), ALICE, "gate") for _ in range(REQUESTS)
        ]
        time.sleep(3)
        began = time.monotonic()
        assert stage.airflow.api.call("GET", "/dags")["total_entries"]
        lasted = time.monotonic() - began
        codes = [each.result().status_code for each in asked]
    assert lasted < 10, "the api-server did not answer others in the meantime"
    assert codes.count(503) >= REQUESTS - 16, codes
    assert set(codes) <= {502, 503}
    # And it answers again for others' files.
    assert stage.file(stage.bob, BOB, "film").status_code in (200, 503)

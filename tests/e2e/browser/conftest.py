# SPDX-License-Identifier: Apache-2.0
"""A browser, and a real Airflow that has something to show.

The browser is the system's Chromium (``CHROMIUM`` names another one); where there is none, these tests are
skipped.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.links import has_preview
from scripts.local_airflow import EXAMPLES
from tests.e2e.live.airflow_processes import LiveAirflow
from tests.support.processes import in_one_process
from tests.support.storages import S3Server

HERE = Path(__file__).parent
APPROVAL = "example_kling_publish_after_approval"
LANDING = "example_kling_store_in_s3_and_react"
NOTICE = "example_kling_notify_with_link"
EXAMPLE_IDS = (APPROVAL, LANDING, NOTICE)
_FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]


# The process that also runs the other live Airflows.
pytest_collection_modifyitems = in_one_process(HERE, "live", pytest.mark.browser)


@dataclass(frozen=True)
class Gallery:
    """A run of the DAG ``gallery`` that has succeeded.

    :param kept: folder of the stored files.
    """

    airflow: LiveAirflow
    run_id: str
    kept: Path

    @property
    def run_tab(self) -> str:
        """URL of the run's tab in Airflow."""
        return f"{self.airflow.api.url}/dags/gallery/runs/{self.run_id}/plugin/kling-run"

    def page(self, task_id: str = "", map_index: int | None = None) -> str:
        """URL of the page inside the tab."""
        query = f"dag_id=gallery&run_id={self.run_id}&task_id={task_id or '{TASK_ID}'}"
        index = "{MAP_INDEX}" if map_index is None else map_index
        return f"{self.airflow.api.url}/kling/?{query}&map_index={index}"


# Not for the session: while Playwright runs, its event loop counts as running in this thread, and no other
# test of the same process could start one.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless Chromium with an empty profile."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not path:
        pytest.skip("there is no Chromium; on Debian: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def airflow(
    tmp_path_factory: pytest.TempPathFactory, s3_server: S3Server, chat: list[Any]
) -> Iterator[LiveAirflow]:
    """An Airflow with the gallery and the example DAGs, an S3 and a chat to post to."""
    if not has_preview():
        pytest.skip("the preview tab needs Airflow 3.1.1")
    home, dags = tmp_path_factory.mktemp("airflow"), tmp_path_factory.mktemp("dags") / "dags"
    shutil.copytree(EXAMPLES, dags)
    for name in ("gallery.py", "batch_gallery.py"):
        shutil.copy(HERE / name, dags)
    variables = {
        "GALLERY_FOLDER": str(home / "kept"),
        "KLING_EXAMPLE_STORAGE": f"s3://aws_default@{s3_server.bucket}",
        "KLING_EXAMPLE_BUCKET": s3_server.bucket,
    }
    # Airflow loses a task that is resumed before its first process has ended, which takes that five seconds.
    with Emulator(job_seconds=10, slots=0) as emulator:
        connections = {
            "kling_default": emulator.connection_json(),
            "aws_default": os.environ["AIRFLOW_CONN_KLING_TEST_S3"],
            "team_chat": os.environ["CHAT_CONNECTION"],
        }
        settings = {"core.test_connection": "Enabled"}
        with LiveAirflow(home, dags, connections, settings, variables) as running:
            yield running


@pytest.fixture(scope="session")
def chat() -> Iterator[list[Any]]:
    """What was posted to the connection ``team_chat``, as it comes in."""
    posted: list[Any] = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    Thread(target=server.serve_forever, daemon=True).start()
    connection = {"conn_type": "http", "host": f"http://127.0.0.1:{server.server_port}"}
    with pytest.MonkeyPatch.context() as environ:
        environ.setenv("CHAT_CONNECTION", json.dumps(connection))
        yield posted
    server.shutdown()


@pytest.fixture(scope="session")
def runs(airflow: LiveAirflow) -> dict[str, str]:
    """A run of each DAG, by DAG id; all are started at once, for each of them mostly waits."""
    return {dag_id: airflow.api.trigger(dag_id) for dag_id in ("gallery", "catalogue", *EXAMPLE_IDS)}


@pytest.fixture(scope="session")
def gallery(airflow: LiveAirflow, runs: dict[str, str]) -> Gallery:
    """The run of the DAG ``gallery``, finished."""
    run_id = runs["gallery"]
    assert airflow.api.wait_for_run("gallery", run_id, timeout=300) == "success"
    return Gallery(airflow, run_id, airflow.home / "kept")


@pytest.fixture
def page(chromium: Any, airflow: LiveAirflow) -> Iterator[Any]:
    """A page of a new browser window, signed in, 1280 pixels wide; a script error in it fails the test."""
    # Dates are shown as people write them where the browser is.
    context = chromium.new_context(viewport={"width": 1280, "height": 860}, locale="en-US", timezone_id="UTC")
    context.set_default_timeout(45_000)
    opened = context.new_page()
    errors: list[str] = []
    context.request.get(f"{airflow.api.url}/auth/token/login")
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert not errors

# SPDX-License-Identifier: Apache-2.0
"""A browser, and a real Airflow that has something to show.

The browser is the system's Chromium (``CHROMIUM`` names another one); where there is none, these tests are
skipped.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.emulator import Emulator
from airflow_provider_kling.links import has_preview
from tests.live.airflow_processes import LiveAirflow

HERE = Path(__file__).parent
_FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run these in one process, the one that also runs the other live Airflows."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("live"))


@dataclass(frozen=True)
class Gallery:
    """A run of the DAG ``gallery`` that has succeeded.

    :param kept: folder of the landed files.
    """

    airflow: LiveAirflow
    run_id: str
    kept: Path

    @property
    def run_tab(self) -> str:
        """Address of the run's tab within Airflow."""
        return f"{self.airflow.api.url}/dags/gallery/runs/{self.run_id}/plugin/kling-run"

    def page(self, task_id: str = "", map_index: int | None = None) -> str:
        """Address of the page that is inside the tab."""
        query = f"dag_id=gallery&run_id={self.run_id}&task_id={task_id or '{TASK_ID}'}"
        index = "{MAP_INDEX}" if map_index is None else map_index
        return f"{self.airflow.api.url}/kling/?{query}&map_index={index}"


@pytest.fixture(scope="session")
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
def gallery(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """An Airflow in which all results of one run can be looked at."""
    if not has_preview():
        pytest.skip("the preview tab needs Airflow 3.1.1")
    home, kept = tmp_path_factory.mktemp("airflow"), tmp_path_factory.mktemp("kept")
    with Emulator(speed=60, slots=0) as emulator:
        connections = {"kling_default": emulator.connection_json()}
        variables = {"GALLERY_FOLDER": str(kept)}
        with LiveAirflow(home, HERE / "dags", connections, variables=variables) as airflow:
            run_id = airflow.api.trigger("gallery")
            assert airflow.api.wait_for_run("gallery", run_id, timeout=120) == "success"
            yield Gallery(airflow, run_id, kept)


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A page of a new browser window, 1280 pixels wide; a script error in it fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 860}, reduced_motion="reduce")
    context.set_default_timeout(15_000)
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert not errors

# SPDX-License-Identifier: Apache-2.0
"""The first hour of a new user on two releases: install, connect, a first DAG, mistakes."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from scripts.release_environment import RELEASES
from tests.e2e.newcomer.newcomer import Newcomer, first_error, quickstart_dag, set_up
from tests.support.connection_form import fill_form, open_form
from tests.support.first_lines import SHOWN, documented_lines

# Downloads hundreds of packages.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

_TRIED = {"2.11.2": "3.11", "3.3.2": "3.11"}
WITH_CONNECTION = """\
from datetime import datetime

from airflow import DAG

from airflow_provider_kling.operators.video import KlingImageToVideoOperator, KlingTextToVideoOperator

with DAG("mistake", schedule=None, start_date=datetime(2026, 1, 1)):
    %s
"""
_FILM = 'KlingTextToVideoOperator(task_id="make", prompt="A lighthouse", poll_interval=1%s)'
MISTAKES = {
    "the API key is wrong": _FILM % "",
    "the host is mistyped": _FILM % "",
    "the connection is missing": _FILM % ', kling_conn_id="klingdefault"',
    "the duration is out of range": _FILM % ", duration=60",
    "the package of the storage is missing": _FILM % ', output_path="s3://my-videos/kling"',
    "the input file is missing": 'KlingImageToVideoOperator(task_id="make", image="/harbor.jpg")',
    "the model belongs to another endpoint": _FILM % ', model_name="kling-v3-omni"',
}


def _at_parse_time(mistake: str) -> bool:
    return mistake in ("the duration is out of range", "the package of the storage is missing")


@pytest.fixture(scope="module", params=_TRIED)
def newcomer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    """A new user with an installed Airflow, its database and a running emulator."""
    version = request.param
    (release,) = (one for one in RELEASES if (one.airflow, one.python) == (version, _TRIED[version]))
    user = set_up(release, tmp_path_factory.mktemp("newcomer"))
    assert user.airflow("version").split()[-1] == version
    user.variables["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    user.airflow("db", "migrate")
    with user.emulator():
        yield user


def test_the_connection_works_by_environment_and_command_line(newcomer: Newcomer) -> None:
    enabled = {"AIRFLOW__CORE__TEST_CONNECTION": "Enabled"}
    assert "success" in newcomer.airflow("connections", "test", "kling_default", **enabled).lower()
    known = json.loads(newcomer.variables["AIRFLOW_CONN_KLING_DEFAULT"])
    fields = ("--conn-type", "kling", "--conn-host", known["host"], "--conn-password", known["password"])
    newcomer.airflow("connections", "add", "kling_by_hand", *fields)
    assert "success" in newcomer.airflow("connections", "test", "kling_by_hand", **enabled).lower()


def test_the_connection_works_by_the_form(newcomer: Newcomer) -> None:
    if newcomer.version.startswith("2."):
        pytest.skip("the form of Airflow 2 is another one")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not path:
        pytest.skip("there is no Chromium; on Debian: apt-get install chromium")
    known = json.loads(newcomer.variables["AIRFLOW_CONN_KLING_DEFAULT"])
    with newcomer.airflow_ui() as url, playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context()
        context.set_default_timeout(300_000)
        context.request.get(f"{url}/auth/token/login")
        form = open_form(context.new_page(), url, "kling_by_form")
        fill_form(form, password=known["password"], host=known["host"])
        browser.close()
    enabled = {"AIRFLOW__CORE__TEST_CONNECTION": "Enabled"}
    assert "success" in newcomer.airflow("connections", "test", "kling_by_form", **enabled).lower()


def test_the_quickstart_makes_a_video(newcomer: Newcomer) -> None:
    folder = newcomer.home / "lighthouse"
    newcomer.write_dag("lighthouse", quickstart_dag(folder))
    newcomer.airflow("dags", "test", "lighthouse")
    (video,) = folder.glob("*/*.mp4")
    assert video.read_bytes()[4:8] == b"ftyp"
    assert video.with_name("manifest.json").exists()


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_explained_in_the_first_line(newcomer: Newcomer, mistake: str) -> None:
    file = newcomer.write_dag("mistake", WITH_CONNECTION % MISTAKES[mistake])
    known = json.loads(newcomer.variables["AIRFLOW_CONN_KLING_DEFAULT"])
    if mistake == "the API key is wrong":
        known["password"] = "a-mistyped-key"
    if mistake == "the host is mistyped":
        known["host"] = f"http://api-singapor.klingai.invalid:{urlsplit(known['host']).port}"
    if mistake == "the model belongs to another endpoint":
        # Only Kling's own hosts are known to have no such model; nothing is sent.
        known.pop("host")
    variables = {"AIRFLOW_CONN_KLING_DEFAULT": json.dumps(known)}
    command: tuple[str | Path, ...] = ("airflow", "dags", "test", "mistake")
    done = newcomer.run(*(("python", file) if _at_parse_time(mistake) else command), **variables)
    line = first_error(done.stdout)[:SHOWN]
    assert documented_lines()[mistake].match(line), line

# SPDX-License-Identifier: Apache-2.0
"""``make airflow`` as a new user sees it: the first steps, the connection, a new DAG file, all examples."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.airflow_ui import DEFAULT_PORT
from scripts.local_airflow import EXAMPLES, ROOT, Program, free_ports, wait_until
from tests.e2e.live.airflow_api import AirflowApi, ApiRefused

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

_MINUTES = 60
_AT_ONCE = 4
"""Runs that are started together: each is several processes."""

STARTED_BY_EVENTS = {"example_kling_store_what_the_console_made", "example_kling_react_to_videos"}
APPROVED_BY_A_PERSON = {"example_kling_publish_after_approval": "approve"}
OWN_DAG = """\
from datetime import datetime

from airflow import DAG

from airflow_provider_kling.operators.image import KlingImageGenerationOperator

with DAG("mine", schedule=None, start_date=datetime(2026, 1, 1)):
    KlingImageGenerationOperator(task_id="make", prompt="A teapot", deferrable=True, retries=2)
"""


@dataclass
class Shown:
    """A running ``make airflow``.

    :param printed: what it has printed.
    :param api: Airflow's API.
    :param home: its folder.
    """

    printed: str
    api: AirflowApi
    home: Path


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """What ``make airflow`` starts, on a free port."""
    if not (url := os.environ.get("KLING_RUNNING_AIRFLOW")):
        home = tmp_path_factory.mktemp("shown")
        log, port = home / "printed.log", free_ports(1)[0]
        env = os.environ | {"PORT": str(port), "KLING_AIRFLOW_UI_HOME": str(home)}
        program = Program([sys.executable, "-m", "scripts.airflow_ui"], env, log)
        try:
            wait_until(
                lambda: "Ctrl-C ends" in log.read_text() or program.exit_code is not None,
                20 * _MINUTES,
                "Airflow",
                every=1,
            )
            yield Shown(log.read_text(), AirflowApi(f"http://127.0.0.1:{port}"), home)
        finally:
            program.stop()
    else:
        home = Path(os.environ["KLING_AIRFLOW_UI_HOME"])
        yield Shown((home / "printed.log").read_text(), AirflowApi(url), home)


def test_it_prints_what_to_click_first(shown: Shown) -> None:
    assert f"Open {shown.api.url}/dags/example_kling_animate_image" in shown.printed
    assert "its tab Kling" in shown.printed
    assert "nothing is charged" in shown.printed
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert re.search(rf"^PORT \?= {DEFAULT_PORT}$", makefile, re.MULTILINE)


def test_its_connection_is_visible_and_can_be_tested(shown: Shown) -> None:
    known = shown.api.call("GET", "/connections/kling_default")
    assert known["conn_type"] == "kling"
    # As the button of the UI sends it.
    sent = {name: known[name] for name in ("connection_id", "conn_type", "host", "login", "schema", "extra")}
    answer = shown.api.call("POST", "/connections/test", {**sent, "port": known["port"] or 0})
    assert answer["status"] is True, answer


def test_a_dag_file_of_ones_own_shows_within_seconds(shown: Shown) -> None:
    (shown.home / "dags" / "mine.py").write_text(OWN_DAG)
    # It takes seconds; on a busy machine the processes that look for files wait for their turn.
    shown.api.wait_for_dag("mine", timeout=5 * _MINUTES)
    run_id = shown.api.trigger("mine")
    assert shown.api.wait_for_run("mine", run_id, timeout=10 * _MINUTES) == "success"


def test_all_examples_run_and_end_as_documented(shown: Shown) -> None:
    api = shown.api
    files = {file.stem for file in EXAMPLES.glob("example_*.py")}
    for dag_id in sorted(files):
        api.wait_for_dag(dag_id, timeout=10 * _MINUTES)
    left, running, ended = sorted(files - STARTED_BY_EVENTS), dict[str, str](), dict[str, str]()
    while left or running:
        while left and len(running) < _AT_ONCE:
            dag_id = left.pop()
            running[dag_id] = api.trigger(dag_id)
        for dag_id, run_id in [*running.items()]:
            _approve(api, dag_id, run_id)
            state = api.run_state(dag_id, run_id)
            if state in ("success", "failed"):
                ended[dag_id] = state
                del running[dag_id]
        time.sleep(1)
    assert ended == dict.fromkeys(sorted(files - STARTED_BY_EVENTS), "success")
    for dag_id in sorted(STARTED_BY_EVENTS):
        states = wait_until(lambda dag=dag_id: _ends(api, dag), 10 * _MINUTES, f"a run of {dag_id}", every=2)
        assert set(states) == {"success"}


def _ends(api: AirflowApi, dag_id: str) -> list[str]:
    runs = api.call("GET", f"/dags/{dag_id}/dagRuns")["dag_runs"]
    return [run["state"] for run in runs if run["state"] in ("success", "failed")]


def _approve(api: AirflowApi, dag_id: str, run_id: str) -> None:
    """Do what the person does for whom the example waits."""
    task_id = APPROVED_BY_A_PERSON.get(dag_id)
    if task_id is None:
        return
    (waiting,) = api.task_instances(dag_id, run_id, task_id)
    if waiting["state"] in ("awaiting_input", "deferred"):
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"
        try:
            api.call("PATCH", path, {"chosen_options": ["Approve"], "params_input": {}})
        except ApiRefused as refused:
            # It has been answered already, and the task has not resumed yet.
            assert " 409 " in str(refused)  # noqa: PT017

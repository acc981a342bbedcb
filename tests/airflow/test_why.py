# SPDX-License-Identifier: Apache-2.0
"""The two DAGs of docs/why.md work as they stand there, and pay as the page says when a worker is killed."""

from __future__ import annotations

import contextlib
import json
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from airflow.exceptions import AirflowException
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_kling.emulator.server import Emulator
from scripts.local_airflow import ROOT, wait_until
from tests.unit.operators.conftest import TaskInstance

pytestmark = pytest.mark.airflow

PAGE = (ROOT / "docs" / "why.md").read_text("utf-8")
OURS, STOCK = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)

ONE_TRY = """
import runpy, sys
from airflow.exceptions import TaskDeferred
from tests.unit.operators.conftest import TaskInstance
file, task_id, number = sys.argv[1:]
task = runpy.run_path(file)["dag"].get_task(task_id)
try:
    task.execute({"ti": TaskInstance(dag_id=task.dag_id, task_id=task_id, try_number=int(number))})
except TaskDeferred:
    pass
"""
"""What a worker does with one try of a task, as far as Kling can see it."""

File = Callable[..., Path]


@pytest.fixture
def file(kling_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> File:
    """Write a DAG of the page with a folder of this test in it; both connections lead to the emulator."""
    connection = {
        "conn_type": "http",
        "host": kling_emulator.url,
        "extra": {"Authorization": f"Bearer {kling_emulator.options.api_key}"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_KLING_HTTP", json.dumps(connection))

    def write(source: str, folder: Path = tmp_path) -> Path:
        (tmp_path / "videos").mkdir(exist_ok=True)
        path = folder / f"{'stock' if source == STOCK else 'ours'}.py"
        quick = source.replace("/data/videos", str(tmp_path / "videos")).replace("interval=30", "interval=1")
        path.write_text(quick, "utf-8")
        return path

    return write


def one_try(file: Path, task_id: str, number: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", ONE_TRY, str(file), task_id, str(number)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )


TASKS = pytest.mark.parametrize(
    ("source", "task_id", "jobs"), [(OURS, "video", 1), (STOCK, "submit", 2)], ids=["ours", "stock"]
)


@TASKS
def test_a_worker_is_killed_after_the_job_was_made(
    source: str, task_id: str, jobs: int, file: File, kling_emulator: Emulator
) -> None:
    kling_emulator.faults.set({"stall_after": -1})
    dag_file = file(source)
    worker = one_try(dag_file, task_id, 1)
    wait_until(lambda: kling_emulator.jobs or worker.poll() is not None, 120, "the first try to make its job")
    worker.kill()
    worker.communicate(timeout=120)
    assert len(kling_emulator.jobs) == 1
    kling_emulator.release()
    kling_emulator.faults.clear()
    retry = one_try(dag_file, task_id, 2)
    _, text = retry.communicate(timeout=300)
    assert retry.returncode == 0, text
    assert len(kling_emulator.jobs) == jobs


def one_try_here(file: Path, task_id: str, number: int) -> Any:
    """The same in this process, for what kills nothing."""
    task = runpy.run_path(str(file))["dag"].get_task(task_id)
    return task.execute({"ti": TaskInstance(dag_id=task.dag_id, task_id=task_id, try_number=number)})


def test_the_answer_is_lost(file: File, kling_emulator: Emulator) -> None:
    kling_emulator.faults.set({"lost_response": 1})
    with contextlib.suppress(TaskDeferred):  # not if the job has ended by then
        one_try_here(file(OURS), "video", 1)
    assert len(kling_emulator.jobs) == 1
    with pytest.raises(requests.ConnectionError):
        one_try_here(file(STOCK), "submit", 1)
    kling_emulator.faults.clear()
    one_try_here(file(STOCK), "submit", 2)
    assert len(kling_emulator.jobs) == 1 + 2


def test_slots_are_taken(file: File, kling_emulator: Emulator) -> None:
    kling_emulator.faults.set({"slots_taken": 2})
    with pytest.raises(AirflowException, match="429"):
        one_try_here(file(STOCK), "submit", 1)
    with pytest.raises(TaskDeferred):
        one_try_here(file(OURS), "video", 1)
    assert not kling_emulator.jobs


@pytest.mark.parametrize("source", [OURS, STOCK], ids=["ours", "stock"])
def test_both_work_when_nothing_breaks(
    source: str, file: File, kling_emulator: Emulator, dags_folder: Path, tmp_path: Path
) -> None:
    dag = runpy.run_path(str(file(source, dags_folder)))["dag"]
    run = dag.test()
    assert str(run.state) == "success"
    assert len(kling_emulator.jobs) == 1
    assert [video.stat().st_size > 1000 for video in (tmp_path / "videos").rglob("*.mp4")] == [True]


def test_the_page_shows_what_it_says() -> None:
    lines = {source: len([line for line in source.splitlines() if line.strip()]) for source in (OURS, STOCK)}
    assert lines[OURS] <= 15
    assert lines[STOCK] >= 40

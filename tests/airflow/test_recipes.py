# SPDX-License-Identifier: Apache-2.0
"""The recipe for refused content runs in a real Airflow, and pays as often as its page says."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import airflow
import pytest
from packaging.version import Version

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.operators.base import KlingTaskOperator
from scripts.local_airflow import ROOT

pytestmark = pytest.mark.airflow

callbacks_know_the_error = pytest.mark.skipif(
    Version("3.0") <= Version(airflow.__version__) < Version("3.3"),
    reason="before Airflow 3.3 dag.test() passes no exception to callbacks; workers do",
)

Run = Callable[..., tuple[str, dict[str, str], Any]]


@pytest.fixture
def run(dags_folder: Path) -> Run:
    """Run the DAG of a page; return the run's state, its tasks' states, and the run."""

    def run_dag(page: str, dag_id: str, **options: Any) -> tuple[str, dict[str, str], Any]:
        text = (ROOT / "docs" / page).read_text("utf-8")
        sources = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
        (source,) = [source for source in sources if f'"{dag_id}"' in source]
        file = dags_folder / f"{dag_id}.py"
        # The default delay between two tries is five minutes.
        file.write_text(source.replace("retries=2", "poll_interval=0.2"))
        names = runpy.run_path(str(file)).values()
        (dag,) = {id(each.dag): each.dag for each in names if isinstance(each, KlingTaskOperator)}.values()
        done = dag.test(**options)
        states = {ti.task_id: str(ti.state) for ti in done.get_task_instances()}
        return str(done.state), states, done

    return run_dag


@callbacks_know_the_error
def test_refused_content_goes_to_a_person(run: Run, kling_emulator: Emulator) -> None:
    kling_emulator.faults.set({"refused_word": "storm"})
    state, states, _ = run("retries-and-money.md", "video_or_ask")
    assert states == {"video": "failed", "refused": "success", "ask": "success"}
    assert state == "success"
    assert not kling_emulator.jobs


def test_a_made_video_is_sent_to_no_person(run: Run, kling_emulator: Emulator) -> None:
    state, states, _ = run("retries-and-money.md", "video_or_ask")
    assert states == {"video": "success", "refused": "skipped", "ask": "skipped"}
    assert state == "success"
    assert len(kling_emulator.jobs) == 1


def test_another_failure_is_no_refusal(run: Run, kling_emulator: Emulator) -> None:
    kling_emulator.faults.set({"failed_word": "storm", "fail_reason": "out of memory"})
    state, states, _ = run("retries-and-money.md", "video_or_ask")
    assert states == {"video": "failed", "refused": "failed", "ask": "upstream_failed"}
    assert state == "failed"

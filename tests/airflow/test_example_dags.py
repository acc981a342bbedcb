# SPDX-License-Identifier: Apache-2.0
"""Every example DAG runs in a real Airflow, with its waits in the triggerer's way and in the worker's."""

from __future__ import annotations

import runpy
import shutil
from inspect import signature
from pathlib import Path
from typing import Any

import airflow
import pytest
import requests
from packaging.version import Version

from airflow_provider_kling.operators.base import KlingTaskOperator
from scripts.local_airflow import EXAMPLES

pytestmark = pytest.mark.airflow

FILES = sorted(EXAMPLES.glob("example_*.py"))

RUN_ELSEWHERE = {
    "example_kling_batch_catalogue",  # one task makes many jobs: tests/batch/test_in_airflow.py
    "example_kling_sweep_results",  # makes no jobs: tests/operators_results/test_in_airflow.py
    # These need people, an S3 or a chat, and run in a live Airflow: tests/browser/test_examples.py
    "example_kling_publish_after_approval",
    "example_kling_land_in_s3_and_react",
    "example_kling_notify_with_link",
}

NEEDS = {"example_kling_publish_after_approval": Version("3.1")}
"""Examples of what older versions of Airflow do not have, such as tasks that ask people."""


def load(file: Path) -> Any:
    if Version(airflow.__version__) < (needed := NEEDS.get(file.stem, Version("0"))):
        pytest.skip(f"needs Airflow {needed}")
    """The DAG that is named like its file."""
    from airflow.providers.common.compat.sdk import DAG

    dags = {each.dag_id: each for each in runpy.run_path(str(file)).values() if isinstance(each, DAG)}
    return dags[file.stem]


def set_everywhere(dag: Any, name: str, value: Any) -> int:
    """Set an argument of all tasks that have it, mapped ones too; return how many have it."""
    found = 0
    for task in dag.tasks:
        if is_mapped(task):
            if name in signature(task.operator_class).parameters:
                task.partial_kwargs[name] = value
                found += 1
        elif hasattr(task, name):
            setattr(task, name, value)
            found += 1
    return found


def is_mapped(task: Any) -> bool:
    # Only Airflow 3 has an attribute for it.
    return hasattr(task, "partial_kwargs")


def makes_jobs(task: Any) -> bool:
    return issubclass(task.operator_class if is_mapped(task) else type(task), KlingTaskOperator)


@pytest.mark.parametrize("deferrable", [True, False], ids=["deferred", "in_place"])
@pytest.mark.parametrize(
    "file", [file for file in FILES if file.stem not in RUN_ELSEWHERE], ids=lambda file: file.stem
)
def test_it_runs(file: Path, deferrable: bool, kling_emulator: Any, dags_folder: Path) -> None:
    shutil.copy(file, dags_folder)
    dag = load(file)
    assert set_everywhere(dag, "deferrable", deferrable)
    assert set_everywhere(dag, "poll_interval", 0.2)

    run = dag.test()

    assert run.state == "success"
    instances = run.get_task_instances()
    states = {(ti.task_id, ti.map_index): ti.state for ti in instances}
    assert set(states.values()) == {"success"}, states
    paying = [ti for ti in instances if makes_jobs(dag.get_task(ti.task_id))]
    assert len(paying) == len(kling_emulator.jobs) > 0
    waiting = [ti for ti in instances if ti.task_id in ("animate", "wait")]
    for ti in waiting:
        (video,) = ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index)["videos"]
        assert float(video["duration"]) == 5
        assert requests.get(video["url"], timeout=30).content[4:8] == b"ftyp"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_is_fit_to_be_copied(file: Path) -> None:
    dag = load(file)
    assert dag.dag_id == file.stem
    assert dag.doc_md
    assert dag.doc_md.strip().startswith("### ")
    assert {"example", "kling"} <= set(dag.tags)
    assert dag.catchup is False
    assert dag.default_args["retries"] > 0
    assert (dag.schedule_interval if hasattr(dag, "schedule_interval") else dag.schedule) is None

# SPDX-License-Identifier: Apache-2.0
"""The example that stores what the console made, as Airflow reads it."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import airflow
import pytest
from packaging.version import Version

from scripts.local_airflow import EXAMPLES

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(Version(airflow.__version__) < Version("3.0"), reason="needs AssetWatcher"),
]

EXAMPLE = EXAMPLES / "example_kling_store_what_the_console_made.py"


def test_airflow_stores_its_trigger(airflow_database: Path, dags_folder: Path) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    shutil.copy(EXAMPLE, dags_folder)
    dag = runpy.run_path(str(dags_folder / EXAMPLE.name))["dag"]
    stored = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    (asset,) = [asset for _, asset in stored.timetable.asset_condition.iter_assets()]
    (watcher,) = asset.watchers
    assert watcher.trigger["classpath"] == "airflow_provider_kling.triggers.events.KlingJobEventTrigger"
    assert watcher.trigger["kwargs"]["poll_interval"] == 30


def test_all_jobs_of_a_run_are_stored_once(airflow_database: Path) -> None:
    names = runpy.run_path(str(EXAMPLE))

    def event(task_id: str) -> Any:
        payload = {"task_id": task_id, "external_task_id": None, "endpoint": "videos/text2video"}
        return SimpleNamespace(extra={"from_trigger": True, "payload": {**payload, "status": "succeed"}})

    events = {names["jobs"]: [event("1"), event("2"), event("1")]}
    assert names["dag"].get_task("ended").python_callable(events) == [
        {"endpoint": "videos/text2video", "kling_task_id": ident} for ident in ("1", "2")
    ]

# SPDX-License-Identifier: Apache-2.0
"""Asset events and hook lineage of tasks that run in a real Airflow."""

from __future__ import annotations

import os
import runpy
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.hooks.kling import KlingHook
from scripts.local_airflow import EXAMPLES
from tests.support.storages import S3Server

pytestmark = pytest.mark.airflow

DAG_ID = "example_kling_store_in_s3_and_react"
KNOWS_NO_ASSETS = pytest.mark.skipif(
    version("apache-airflow").startswith("3.0."),
    reason="dag.test() of Airflow 3.0 takes every declared asset for an inactive one",
)


@pytest.fixture
def dag(s3: S3Server, kling_emulator: Any, dags_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("KLING_EXAMPLE_BUCKET", s3.bucket)
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", os.environ["AIRFLOW_CONN_KLING_TEST_S3"])
    file = shutil.copy(EXAMPLES / f"{DAG_ID}.py", dags_folder)
    loaded: Any = runpy.run_path(str(file))["storing"]
    task = loaded.get_task("make")
    task.deferrable, task.poll_interval = False, 0.2
    return loaded


def run(dag: Any) -> dict[str, Any]:
    """Run the DAG and return what its task returned."""
    if hasattr(dag, "sync_to_db"):
        dag.sync_to_db()  # Airflow 2 makes events of datasets only that it knows from DAG files
    done = dag.test()
    assert done.state == "success"
    (instance,) = done.get_task_instances()
    result: dict[str, Any] = instance.xcom_pull(task_ids="make")
    return result


def event_extras(uri: str) -> list[dict[str, Any]]:
    """Extras of an asset's events, newest last."""
    try:
        from airflow.models.asset import AssetEvent as Event
        from airflow.models.asset import AssetModel as Model
    except ImportError:
        from airflow.models.dataset import DatasetEvent as Event
        from airflow.models.dataset import DatasetModel as Model
    from airflow.utils.session import create_session

    key = Event.asset_id if hasattr(Event, "asset_id") else Event.dataset_id
    with create_session() as session:
        found = session.query(Event).join(Model, Model.id == key).filter(Model.uri == uri).order_by(Event.id)
        return [dict(event.extra) for event in found]


@KNOWS_NO_ASSETS
def test_an_outlets_event_holds_the_facts(dag: Any, s3: S3Server) -> None:
    result = run(dag)
    path = result["videos"][0]["path"]
    extra = event_extras(f"s3://{s3.bucket}/kling")[-1]
    assert extra == {
        "task_id": result["task_id"],
        "endpoint": "videos/text2video",
        "model": "kling-v3",
        "duration": 5.0,
        "units": "3",
        "expires_at": result["expires_at"],
        "paths": [path],
    }


def test_an_alias_stands_for_the_stored_files(dag: Any, s3: S3Server) -> None:
    from airflow.providers.common.compat.sdk import AssetAlias

    dag.get_task("make").outlets = [AssetAlias("films")]
    result = run(dag)
    (extra,) = event_extras(f"s3://{s3.bucket}/kling/{result['task_id']}/0-video.mp4")
    assert (extra["task_id"], extra["path"]) == (result["task_id"], result["videos"][0]["path"])


@KNOWS_NO_ASSETS
def test_hook_lineage_has_the_stored_files(dag: Any, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        from airflow.sdk import lineage
    except ImportError:
        from airflow.lineage import hook as lineage
    collecting = lineage.HookLineageCollector()
    # Without a plugin that reads lineage Airflow collects nothing; OpenLineage brings one.
    monkeypatch.setattr(
        "airflow_provider_kling.version_compat.get_hook_lineage_collector", lambda: collecting, raising=False
    )
    result = run(dag)
    collected = collecting.collected_assets
    assert [each.asset.uri for each in collected.outputs] == [
        f"s3://{s3.bucket}/kling/{result['task_id']}/0-video.mp4"
    ]
    assert isinstance(collected.outputs[0].context, KlingHook)

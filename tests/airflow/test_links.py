# SPDX-License-Identifier: Apache-2.0
"""The buttons of tasks that ran in a real Airflow, as its pages get them."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path
from typing import Any

import airflow
import pytest
from packaging.version import Version

from airflow_provider_kling.links import RESULT_LINK_KEY, has_preview
from scripts.local_airflow import EXAMPLES

pytestmark = pytest.mark.airflow


@pytest.fixture
def dag(kling_emulator: Any, dags_folder: Path) -> Any:
    file = shutil.copy(EXAMPLES / "example_kling_animate_image.py", dags_folder)
    shutil.copytree(EXAMPLES / "assets", dags_folder / "assets")
    loaded = runpy.run_path(str(file))["dag"]
    task = loaded.get_task("animate")
    task.deferrable, task.poll_interval = False, 0.2
    return loaded


def test_a_finished_task_has_both(dag: Any) -> None:
    run = dag.test()
    assert run.state == "success"
    (instance,) = [each for each in run.get_task_instances() if each.task_id == "animate"]
    task = dag.get_task("animate")
    assert {link.name for link in task.operator_extra_links} == {"Result", "Kling console"}
    made: dict[str, Any]
    if hasattr(task, "get_extra_links"):
        made = {name: task.get_extra_links(instance, name) for name in ("Result", "Kling console")}
    else:
        keys = {"Result": RESULT_LINK_KEY, "Kling console": "kling_console_link"}
        made = {name: instance.xcom_pull(task_ids="animate", key=key) for name, key in keys.items()}
    assert made["Kling console"] == "https://kling.ai/dev"
    if Version(airflow.__version__).major > 2:
        assert made["Result"].endswith(f"/tasks/animate/{'plugin/kling' if has_preview() else 'xcom'}")
    else:
        video = instance.xcom_pull(task_ids="animate")["videos"][0]
        assert made["Result"] == video["url"]


def test_links_survive_the_way_to_the_web_server(dag: Any) -> None:
    try:
        from airflow.serialization.serialized_objects import DagSerialization as Serializer
    except ImportError:
        from airflow.serialization.serialized_objects import SerializedDAG as Serializer
    task = Serializer.from_dict(Serializer.to_dict(dag)).get_task("animate")
    names = {getattr(link, "name", link) for link in task.operator_extra_links}
    assert names == {"Result", "Kling console"}

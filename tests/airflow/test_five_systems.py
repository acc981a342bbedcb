# SPDX-License-Identifier: Apache-2.0
"""The systems of the five primary documents in one DAG, under each dialect, waiting either way."""

from __future__ import annotations

import io
import runpy
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
import pytest
import requests

from airflow_provider_kling.emulator.server import Emulator

pytestmark = pytest.mark.airflow

FILE = Path(__file__).parent / "dags" / "five_systems.py"
DIALECTS = ["kling", "cometapi", "gateway", "openai-video"]


@pytest.fixture(params=DIALECTS)
def kling_emulator_options(request: pytest.FixtureRequest) -> Mapping[str, Any]:
    return {"dialect": request.param, "scale": 0.2}


@pytest.mark.parametrize("deferrable", [True, False], ids=["deferred", "in_place"])
def test_all_five_run(deferrable: bool, kling_emulator: Emulator, dags_folder: Path) -> None:
    shutil.copy(FILE, dags_folder)
    dag = runpy.run_path(str(FILE))["dag"]
    for task in dag.tasks:
        task.deferrable = deferrable

    run = dag.test()

    instances = {ti.task_id: ti for ti in run.get_task_instances()}
    assert {name: ti.state for name, ti in instances.items()} == dict.fromkeys(instances, "success")
    results = {name: instances[name].xcom_pull(task_ids=name) for name in instances if name != "speech"}
    assert len(kling_emulator.jobs) == 6
    assert len({result["task_id"] for result in results.values()}) == 5
    for name, result in results.items():
        (video,) = result["videos"]
        with av.open(io.BytesIO(requests.get(video["url"], timeout=60).content)) as opened:
            seconds = opened.duration / av.time_base
            assert bool(opened.streams.audio) == (name in ("avatar", "avatar_of_speech", "talking_avatar")), (
                name
            )
        wanted = {"avatar": 6.0, "image_to_video": 5.0, "several_images": 5.0}
        assert seconds == pytest.approx(wanted.get(name, seconds), abs=0.3), name

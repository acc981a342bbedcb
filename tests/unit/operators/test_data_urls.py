# SPDX-License-Identifier: Apache-2.0
"""A result that is a data URL is stored like any other; once it is stored, no XCom holds it a second time."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.results.viewable_files import stored_paths
from tests.unit.operators import one_job
from tests.unit.operators.answers import v1
from tests.unit.operators.conftest import TaskInstance, image_to_video, run
from tests.unit.operators.one_job import SINGLE, Kling, Variant, each, fetch, run_batch, run_sensor, through
from tests.unit.results.conftest import MP4

running, server = one_job.running, one_job.server

ENCODED = b64encode(MP4).decode()
DATA_URL = f"data:video/mp4;base64,{ENCODED}"
SHAPES = {
    "url": {"videos": [{"id": "1", "url": DATA_URL}]},
    "blanks around it": {"videos": [{"id": "1", "url": f" {DATA_URL}\n"}]},
    "another name": {"videos": [{"id": "1", "video": DATA_URL}]},
    "a nested name": {"videos": [{"id": "1", "resource": {"resource": DATA_URL}}]},
    "twice": {"videos": [{"id": "1", "url": DATA_URL, "download_url": DATA_URL}]},
    "a string": {"videos": [DATA_URL]},
}


@through({**SINGLE, "fetch": fetch})
@each(SHAPES)
def test_a_stored_file_is_not_returned_as_well(
    ti: TaskInstance, server: Kling, tmp_path: Path, variant: Variant, shape: Any
) -> None:
    server.query = v1(task_result=shape)
    result = variant(ti, tmp_path)
    assert ENCODED not in json.dumps([result, ti.xcoms])
    (video,) = result["videos"]
    assert video["url"] is None
    assert stored_paths(result) == [video["path"]]
    assert Path(video["path"]).read_bytes() == MP4


@each(SHAPES)
def test_a_row_has_only_the_path(ti: TaskInstance, server: Kling, tmp_path: Path, shape: Any) -> None:
    server.query = v1(task_result=shape)
    assert run_batch(ti, tmp_path)["done"] == 1
    texts = [path.read_text() for path in tmp_path.rglob("*.json*")]
    assert texts
    assert not [text for text in texts if ENCODED in text]
    assert [path.read_bytes() for path in tmp_path.rglob("*.mp4")] == [MP4]


@pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferrable"])
def test_without_output_path_the_file_is_returned(ti: TaskInstance, server: Kling, deferrable: bool) -> None:
    server.query = v1(task_result=SHAPES["url"])
    assert run(image_to_video(deferrable=deferrable), ti)["videos"][0]["url"] == DATA_URL


def test_a_sensor_returns_the_file(ti: TaskInstance, server: Kling, tmp_path: Path) -> None:
    server.query = v1(task_result=SHAPES["url"])
    assert run_sensor(ti, tmp_path)["videos"][0]["url"] == DATA_URL

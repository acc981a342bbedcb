# SPDX-License-Identifier: Apache-2.0
"""Where an answer does not show of which kind its file is, it is what its endpoint makes."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.api.endpoint import get_endpoint
from airflow_provider_kling.api.task import parse_task
from airflow_provider_kling.exceptions import KlingResultMissing
from airflow_provider_kling.operators.image import KlingImageGenerationOperator
from airflow_provider_kling.results.expected_files import holds_its_files
from tests.unit.operators import one_job
from tests.unit.operators.answers import gateway
from tests.unit.operators.conftest import TaskInstance, run
from tests.unit.operators.one_job import Kling, each
from tests.unit.results.conftest import PNG

running, server = one_job.running, one_job.server

BARE = "https://cdn.example/8"
ENCODED = b64encode(PNG).decode()
IMAGES: dict[str, dict[str, Any]] = {
    "b64_json": gateway(data=[{"b64_json": ENCODED}]),
    "a data URL as output": gateway(output=f"data:image/png;base64,{ENCODED}"),
    "data URLs in a list": gateway(outputs=[f"data:image/png;base64,{ENCODED}"]),
}


@pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferrable"])
@each(IMAGES)
def test_an_image_without_a_name_is_stored(
    ti: TaskInstance, server: Kling, tmp_path: Path, deferrable: bool, shape: Any
) -> None:
    server.query = shape
    task = KlingImageGenerationOperator(
        task_id="film", prompt="A boat", output_path=str(tmp_path), poll_interval=0.2, deferrable=deferrable
    )
    (image,) = run(task, ti)["images"]
    assert Path(image["path"]).read_bytes() == PNG
    assert ENCODED not in str(image)


@pytest.mark.parametrize(
    ("slug", "array"),
    [
        ("images/generations", "images"),
        ("videos/text2video", "videos"),
        ("audio/text-to-audio", "audios"),
    ],
)
@pytest.mark.parametrize(
    "text",
    [{"url": BARE}, {"output": [BARE]}, {"outputs": [{"url": BARE}]}, {"fail_reason": BARE}],
    ids=["url", "output", "outputs", "fail_reason"],
)
def test_a_url_that_shows_no_kind_is_of_the_endpoint(slug: str, array: str, text: dict[str, Any]) -> None:
    task = parse_task(gateway(**text))
    assert task
    assert holds_its_files(get_endpoint(slug), task)
    assert [item["url"] for item in task.to_json(slug)[array]] == [BARE]


def test_a_url_that_shows_another_kind_is_not(ti: TaskInstance, server: Kling, tmp_path: Path) -> None:
    server.query = gateway(url="https://cdn.example/8.mp4")
    task = KlingImageGenerationOperator(
        task_id="film", prompt="A boat", output_path=str(tmp_path), poll_interval=0.2
    )
    with pytest.raises(KlingResultMissing):
        run(task, ti)

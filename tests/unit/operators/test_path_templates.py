# SPDX-License-Identifier: Apache-2.0
"""Paths of every operator and of the sensor: templates in them are rendered, and lost ones name no folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.exceptions import KlingRequestInvalid
from airflow_provider_kling.operators._templates import find_unresolved
from airflow_provider_kling.operators.batch import KlingBatchOperator
from airflow_provider_kling.operators.image import KlingImageGenerationOperator
from airflow_provider_kling.operators.media_check import KlingMediaCheckOperator
from airflow_provider_kling.operators.results import KlingFetchResultOperator, KlingResultSweepOperator
from airflow_provider_kling.operators.usage import KlingUsageOperator
from airflow_provider_kling.sensors.kling import KlingTaskSensor
from airflow_provider_kling.version_compat import DAG, ObjectStoragePath
from tests.unit.operators.conftest import TaskInstance, context_of

pytestmark = pytest.mark.usefixtures("airflow_database")

JOB = {"endpoint": "images/generations", "kling_task_id": "1"}
WITH_A_PATH: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "job": (KlingImageGenerationOperator, {"prompt": "an oak"}),
    "batch": (KlingBatchOperator, {"endpoint": "images/generations", "requests": [{"prompt": "an oak"}]}),
    "fetch": (KlingFetchResultOperator, JOB),
    "sweep": (KlingResultSweepOperator, {}),
    "usage": (KlingUsageOperator, {"start": "2026-11-01", "end": "2026-11-02"}),
    "sensor": (KlingTaskSensor, JOB),
}


def made(kind: str, path: Any) -> Any:
    operator, arguments = WITH_A_PATH[kind]
    return operator(task_id="make", output_path=path, **arguments)


def output_of_another() -> Any:
    with DAG("films", schedule=None):
        return KlingImageGenerationOperator(task_id="first", prompt="an oak").output


@pytest.mark.parametrize("kind", WITH_A_PATH)
@pytest.mark.parametrize(
    "path",
    [Path("/films/{{ day }}"), Path("/films/{% if true %}monday{% endif %}"), "\n/films/{{ day }}\n"],
    ids=str,
)
def test_a_template_in_a_path_is_rendered(kind: str, path: Any) -> None:
    operator = made(kind, path)
    operator.render_template_fields({"day": "monday"})
    assert operator.output_path == "/films/monday"
    assert not operator.unresolved


@pytest.mark.parametrize("kind", ["job", "sweep"])
def test_a_template_in_a_storage_path_is_rendered(kind: str) -> None:
    operator = made(kind, ObjectStoragePath("file:///films/{{ day }}"))
    operator.render_template_fields({"day": "monday"})
    assert str(operator.output_path) == "file:///films/monday"


def test_a_template_in_the_path_to_check_is_rendered() -> None:
    operator = KlingMediaCheckOperator(task_id="check", path=Path("/films/{{ day }}.mp4"))
    operator.render_template_fields({"day": "monday"})
    assert operator.path == "/films/monday.mp4"


@pytest.mark.parametrize("kind", WITH_A_PATH)
@pytest.mark.parametrize(
    "path",
    ["{{ gone }}", "/films/{{ gone }}", "/films/{{ gone }}/all", "{{ gone }}/films", "\n{{ gone }}\n"],
)
@pytest.mark.parametrize("deleted", [None, " "], ids=repr)
def test_a_path_with_an_empty_part_is_refused(kind: str, path: str, deleted: Any, ti: TaskInstance) -> None:
    operator = made(kind, path)
    operator.render_template_fields({"gone": deleted})
    with pytest.raises(KlingRequestInvalid, match="output_path"):
        operator.execute(context_of(ti))


@pytest.mark.parametrize("kind", WITH_A_PATH)
def test_the_output_of_a_task_that_returned_nothing_is_refused(kind: str, ti: TaskInstance) -> None:
    operator = made(kind, output_of_another())
    templates = {"output_path": operator.output_path}
    operator.output_path = None
    operator.unresolved = find_unresolved(templates, {"output_path": None})
    with pytest.raises(KlingRequestInvalid, match=r"output_path is None after rendering|'output_path': None"):
        operator.execute(context_of(ti))


@pytest.mark.parametrize("kind", [kind for kind in WITH_A_PATH if kind != "sensor"])
@pytest.mark.parametrize("path", ["films", Path("films"), "./films", "~/films", "file://films"], ids=repr)
def test_a_relative_path_is_refused_at_parse(kind: str, path: Any) -> None:
    with pytest.raises(KlingRequestInvalid, match=r"'output_path': .*; expected an absolute path"):
        made(kind, path)


@pytest.mark.parametrize(
    ("template", "rendered", "missing"),
    [
        ("/a/{{ x }}", "/a/None of these", True),
        ("/a/run-{{ x }}.d", "/a/run-.d", True),
        ("/a/{{ x }}{{ y }}", "/a/b", True),
        ("/a/{{ x }}{{ y }}", "/a/bc", False),
        ("{{ x }}/{{ y }}", "s3://films//monday", False),
        ("{{ x }}", "/", False),
        ("/a/{% if x %}b{% endif %}", "/a/", False),
        ("/a/{{ x }}", "/a/Nonesuch", False),
    ],
)
def test_which_paths_have_an_empty_part(template: str, rendered: str, missing: bool) -> None:
    found = find_unresolved({"output_path": template}, {"output_path": rendered})
    assert bool(found) is missing


@pytest.mark.parametrize(
    "slugs", ['["images/generations"]', "['images/generations']", ["images/generations"]]
)
def test_endpoints_of_a_sweep_may_be_text(slugs: Any) -> None:
    operator = KlingResultSweepOperator(task_id="sweep", output_path="/films", endpoints=slugs)
    assert [endpoint.slug for endpoint in operator._read_endpoints()] == ["images/generations"]

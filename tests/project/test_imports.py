# SPDX-License-Identifier: Apache-2.0
"""What a DAG file imports is light: Airflow imports each DAG file again and again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import airflow_provider_kling

PACKAGE = Path(airflow_provider_kling.__file__).parent
# A module that only a running task loads, such as one that reads the length of a file, may be heavy.
OPERATORS = [f"airflow_provider_kling.operators.{path.stem}" for path in PACKAGE.glob("operators/[!_]*.py")]
DAG_MODULES = [*OPERATORS, "airflow_provider_kling.sensors.kling", "airflow_provider_kling.triggers.kling"]
ONLY_TASKS_NEED = ("api.task", "api.pricing", "budget", "media", "submission", "results.manifest")
HEAVY = {"PIL", "aiohttp", "av", "boto3", "fastapi", "jwt", "numpy", "requests", "s3fs", "uvicorn"}

# Each step over what Airflow has loaded by itself for any DAG file, and over the steps before it. The plugin
# is first, since Airflow loads plugins before it loads DAG files.
CODE = """
import importlib, json, sys
from airflow.providers.common.compat.sdk import (
    DAG, AirflowPlugin, BaseOperator, BaseOperatorLink, BaseSensorOperator, conf, task
)
from airflow.triggers.base import BaseTrigger
loaded = {}
for module in sys.argv[1:]:
    before = set(sys.modules)
    importlib.import_module(module)
    loaded[module] = sorted(set(sys.modules) - before)
from airflow_provider_kling.operators.video import KlingTextToVideoOperator
operator = KlingTextToVideoOperator(task_id="make", prompt="a boat")
# Some versions of Airflow have loaded aiohttp by now.
before = set(sys.modules)
operator.hook.client
print(json.dumps({"modules": loaded, "submit": sorted(set(sys.modules) - before)}))
"""
PLUGIN = "airflow_provider_kling.plugins.preview"
CONNECTION = {"AIRFLOW_CONN_KLING_DEFAULT": '{"conn_type": "kling", "password": "key"}'}


@dataclass(frozen=True)
class Imports:
    """Names of the modules that are loaded by ...

    :param modules: each module of the package.
    :param submit: the client of a task that submits.
    """

    modules: dict[str, list[str]]
    submit: list[str]


@pytest.fixture(scope="module")
def imports() -> Imports:
    """What a fresh process loads; one process for all tests, since starting Airflow takes seconds."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, PLUGIN, *DAG_MODULES],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **CONNECTION},
    )
    return Imports(**json.loads(done.stdout.splitlines()[-1]))


def libraries(names: list[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


@pytest.mark.xdist_group("imports")
def test_a_dag_file_loads_nothing_heavy(imports: Imports) -> None:
    assert set(imports.modules) == {PLUGIN, *DAG_MODULES}
    for module, names in imports.modules.items():
        assert not libraries(names) & HEAVY, module
        assert "airflow_provider_kling.hooks.kling" not in names, module


@pytest.mark.xdist_group("imports")
def test_no_process_but_the_api_server_loads_the_web_application(imports: Imports) -> None:
    loaded = imports.modules[PLUGIN]
    heavy = {"fastapi", "starlette", "requests", "aiohttp", "sqlalchemy", "pydantic"}
    assert not heavy & libraries(loaded)
    assert len(loaded) < 15, loaded


@pytest.mark.xdist_group("imports")
def test_a_task_that_submits_does_not_load_what_only_triggers_need(imports: Imports) -> None:
    assert "airflow_provider_kling.hooks.kling" in imports.submit
    assert not {"aiohttp", "airflow.providers.http.hooks.http"} & set(imports.submit)


def test_operators_call_what_a_test_puts_into_the_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_kling.hooks.kling import KlingHook
    from airflow_provider_kling.operators.video import KlingTextToVideoOperator

    monkeypatch.setattr(KlingHook, "get_task", lambda *_: "replaced")
    operator = KlingTextToVideoOperator(task_id="make", prompt="a boat")
    assert operator.hook.get_task("videos/text2video", "8") == "replaced"


def test_a_dag_file_does_not_load_what_only_a_running_task_needs() -> None:
    code = "import json, sys, airflow_provider_kling.operators.video; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    only_tasks = {f"airflow_provider_kling.{name}" for name in ONLY_TASKS_NEED}
    assert not loaded & only_tasks
    own = {name for name in loaded if name.startswith("airflow_provider_kling.")}
    assert len(own) < 60, own

# SPDX-License-Identifier: Apache-2.0
"""What a DAG file imports is light: Airflow imports each DAG file again and again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import airflow_provider_kling

PACKAGE = Path(airflow_provider_kling.__file__).parent
HEAVY = {"PIL", "aiohttp", "av", "boto3", "fastapi", "jwt", "numpy", "requests", "s3fs", "uvicorn"}

# Each module over what Airflow has loaded by itself for any DAG file, and over the modules before it.
CODE = """
import importlib, json, sys
from airflow.providers.common.compat.sdk import DAG, BaseOperator, BaseSensorOperator, conf, task
from airflow.triggers.base import BaseTrigger
loaded = {}
for module in sys.argv[1:]:
    before = set(sys.modules)
    importlib.import_module(module)
    loaded[module] = sorted(set(sys.modules) - before)
print(json.dumps(loaded))
"""


def test_a_dag_file_loads_nothing_heavy() -> None:
    operators = [f"airflow_provider_kling.operators.{path.stem}" for path in PACKAGE.glob("operators/*.py")]
    modules = [*operators, "airflow_provider_kling.sensors.kling", "airflow_provider_kling.triggers.kling"]
    done = subprocess.run([sys.executable, "-c", CODE, *modules], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert set(loaded) == set(modules)
    for module, names in loaded.items():
        assert not {name.partition(".")[0] for name in names} & HEAVY, module
        assert "airflow_provider_kling.hooks.kling" not in names, module


def test_a_task_that_submits_does_not_load_what_only_triggers_need() -> None:
    code = """
import sys
from airflow_provider_kling.operators.video import KlingTextToVideoOperator
operator = KlingTextToVideoOperator(task_id="make", prompt="a boat")
# Some versions of Airflow have loaded aiohttp by now.
before = set(sys.modules)
operator.hook.client
print(sorted({"aiohttp", "airflow.providers.http.hooks.http"} & (set(sys.modules) - before)))
"""
    connection = {"AIRFLOW_CONN_KLING_DEFAULT": '{"conn_type": "kling", "password": "key"}'}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **connection},
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_operators_call_what_a_test_puts_into_the_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_kling.hooks.kling import KlingHook
    from airflow_provider_kling.operators.video import KlingTextToVideoOperator

    monkeypatch.setattr(KlingHook, "get_task", lambda *_: "replaced")
    operator = KlingTextToVideoOperator(task_id="make", prompt="a boat")
    assert operator.hook.get_task("videos/text2video", "8") == "replaced"

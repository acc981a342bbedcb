# SPDX-License-Identifier: Apache-2.0
"""Processes that fork tasks import what tasks need, once; no other process does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.plugins import preload
from airflow_provider_kling.plugins.preload import forks_tasks, preload_in_forking_process

_LOAD = """
import json, sys

sys.argv = {arguments!r}
from airflow_provider_kling.plugins.preview import KlingPlugin

KlingPlugin.on_load()
before = set(sys.modules)
{tasks}
print(json.dumps([sorted(before), sorted(set(sys.modules) - before)]))
"""

_TASKS = """
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow_provider_kling.operators.video import KlingTextToVideoOperator
from tests.unit.operators.conftest import TaskInstance, context_of

for deferrable, path in ((False, {path!r}), (True, None)):
    task = KlingTextToVideoOperator(
        task_id=f"make_{{deferrable}}",
        prompt="a wave",
        output_path=path,
        deferrable=deferrable,
        poll_interval=1,
    )
    try:
        task.execute(context_of(TaskInstance(task_id=task.task_id)))
    except TaskDeferred:
        assert deferrable
"""

_SCHEDULER = ["airflow", "scheduler"]


def _modules(arguments: list[str], executor: str, tasks: str = "", **variables: str) -> list[set[str]]:
    """Return the modules of this package after the load of the plugin, and those that tasks imported then."""
    ended = subprocess.run(
        [sys.executable, "-c", _LOAD.format(arguments=arguments, tasks=tasks)],
        env={**os.environ, "AIRFLOW__CORE__EXECUTOR": executor, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    found: list[list[str]] = json.loads(ended.stdout.splitlines()[-1])
    return [set(names) for names in found]


def test_a_task_imports_nothing_more(tmp_path: Path) -> None:
    with Emulator(job_seconds=0.1) as kling:
        before, after = _modules(
            _SCHEDULER,
            "LocalExecutor",
            _TASKS.format(path=str(tmp_path)),
            AIRFLOW_CONN_KLING_DEFAULT=kling.connection_json(),
        )
        assert len(kling.jobs) == 2
    assert list(tmp_path.rglob("*.mp4"))
    assert {"airflow_provider_kling.operators.video", "requests"} <= before
    imported = {name for name in after if name.startswith("airflow_provider_kling.")}
    assert {name for name in imported if ".emulator" not in name} == set()
    # Triggers and batches need it, other tasks do not.
    assert "aiohttp" not in before


@pytest.mark.parametrize(
    ("command", "executor", "expected"),
    [
        ("scheduler", "LocalExecutor", True),
        ("scheduler", "CeleryExecutor,LocalExecutor", True),
        ("scheduler", "airflow.executors.local_executor.LocalExecutor", True),
        ("scheduler", "KubernetesExecutor", False),
        ("dag-processor", "KubernetesExecutor", True),
        ("api-server", "LocalExecutor", False),
        ("triggerer", "LocalExecutor", False),
        ("tasks", "LocalExecutor", False),
    ],
)
def test_only_processes_that_fork_tasks_import_them(command: str, executor: str, expected: bool) -> None:
    assert forks_tasks(["/bin/airflow", command, "run"], executor) is expected


@pytest.mark.parametrize("arguments", [["airflow", "triggerer"], ["airflow"], []], ids=str)
def test_other_processes_import_only_the_plugin(arguments: list[str]) -> None:
    before, _ = _modules(arguments, "LocalExecutor")
    packages = {name.split(".")[1] for name in before if name.startswith("airflow_provider_kling.")}
    assert not packages & {"operators", "hooks", "submission", "results", "api"}


def test_it_can_be_switched_off() -> None:
    before, _ = _modules(_SCHEDULER, "LocalExecutor", AIRFLOW__KLING__PRELOAD="False")
    assert "airflow_provider_kling.operators.video" not in before


def test_a_module_that_cannot_be_imported_stops_no_scheduler(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> list[str]:
        raise ImportError("no module named x")

    monkeypatch.setattr(sys, "argv", _SCHEDULER)
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    monkeypatch.setattr(preload, "modules_of_tasks", broken)
    preload_in_forking_process()
    assert "Tasks will import what they need themselves: no module named x" in caplog.text

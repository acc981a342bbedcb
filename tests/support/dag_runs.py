# SPDX-License-Identifier: Apache-2.0
"""Runs a DAG that a test writes down, in a real Airflow."""

from __future__ import annotations

import runpy
import textwrap
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HEAD = """
from airflow.providers.common.compat.sdk import DAG, task
from airflow_provider_kling.operators.account import KlingAccountOperator
from airflow_provider_kling.operators.audio import *
from airflow_provider_kling.operators.avatar import *
from airflow_provider_kling.operators.image import *
from airflow_provider_kling.operators.library import *
from airflow_provider_kling.operators.solutions import *
from airflow_provider_kling.operators.video import *
from airflow_provider_kling.operators.video2 import *

with DAG("{dag_id}", schedule=None) as dag:
"""

Outcome = tuple[dict[str, str], dict[str, Any]]
"""States and return values by task id."""


@pytest.fixture
def run(
    airflow_database: Path, kling_emulator: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Outcome]:
    """Run the tasks of a DAG's body."""
    from airflow import settings

    monkeypatch.setattr(settings, "DAGS_FOLDER", str(tmp_path))
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path))

    def run_body(body: str) -> Outcome:
        # Airflow stores versions of a DAG; another DAG must not look like one of them.
        dag_id = f"of_a_test_{zlib.crc32(body.encode())}"
        file = tmp_path / f"{dag_id}.py"
        file.write_text(HEAD.format(dag_id=dag_id) + textwrap.indent(textwrap.dedent(body), "    "), "utf-8")
        done = runpy.run_path(str(file))["dag"].test()
        instances = done.get_task_instances()
        return (
            {ti.task_id: str(ti.state) for ti in instances},
            {ti.task_id: ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index) for ti in instances},
        )

    return run_body

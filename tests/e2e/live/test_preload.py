# SPDX-License-Identifier: Apache-2.0
"""Processes that Airflow forks for tasks and DAG files have the modules of tasks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.live.airflow_processes import LiveAirflow

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize("preload", [True, False])
def test_forked_processes_have_the_operators(
    start_airflow: Callable[..., LiveAirflow], preload: bool
) -> None:
    airflow = start_airflow(settings={"kling.preload": preload})
    run_id = airflow.api.trigger("live_preload")
    assert airflow.api.wait_for_run("live_preload", run_id, timeout=120) == "success"
    assert airflow.api.xcom("live_preload", run_id, "look") is preload
    dag = airflow.api.call("GET", "/dags/live_preload")
    assert dag["description"] == f"parsed with operators: {preload}"

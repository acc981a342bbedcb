# SPDX-License-Identifier: Apache-2.0
"""A DAG that triggers a run of another again and again, which clears that run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

from airflow_provider_kling.operators.video import KlingTextToVideoOperator

common: dict[str, Any] = {
    "schedule": None,
    "start_date": datetime(2026, 1, 1, tzinfo=UTC),
    "catchup": False,
}

with DAG(dag_id="live_reset_parent", **common) as parent:
    TriggerDagRunOperator(
        task_id="trigger", trigger_dag_id="live_reset", trigger_run_id="same", reset_dag_run=True
    )

with DAG(dag_id="live_reset", default_args={"retries": 1, "poll_interval": 1.0}, **common) as dag:
    KlingTextToVideoOperator(task_id="new", prompt="A boat", on_clear="new")
    KlingTextToVideoOperator(task_id="attach", prompt="A boat", on_clear="attach")

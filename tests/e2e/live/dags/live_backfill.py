# SPDX-License-Identifier: Apache-2.0
"""A DAG that a backfill runs, and then runs again."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.video import KlingTextToVideoOperator

with DAG(
    dag_id="live_backfill",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    # The scheduler itself begins no run.
    end_date=datetime(2026, 3, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 1, "poll_interval": 1.0, "prompt": "A boat, {{ ds }}"},
) as dag:
    KlingTextToVideoOperator(task_id="new", deferrable=True)
    KlingTextToVideoOperator(task_id="attach", on_clear="attach")
    KlingTextToVideoOperator(task_id="shared", idempotency_scope="inputs", take="3")
    KlingTextToVideoOperator(task_id="ended", on_clear="attach", deferrable=True, end_from_trigger=True)

# SPDX-License-Identifier: Apache-2.0
"""Five hundred tasks of this provider: what the DAG processor parses again and again."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.video import KlingTextToVideoOperator

TASKS = 500

with DAG(dag_id="parse_kling", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False):
    for number in range(TASKS):
        KlingTextToVideoOperator(
            task_id=f"video_{number}",
            kling_conn_id="kling_default",
            model_name="kling-v2-5-turbo",
            prompt=f"wave number {number} of {{{{ ds }}}}",
            negative_prompt="text",
            mode="pro",
            duration="5",
            aspect_ratio="16:9",
        )

# SPDX-License-Identifier: Apache-2.0
"""Mapped jobs that end soon after their tasks have deferred, without retries.

A worker ends the tasks of one DAG, the triggerer those of the other.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_kling.operators.video import KlingTextToVideoOperator


@task
def prompts(params: dict) -> list[str]:
    """Write one prompt for each job."""
    return [f"wave number {number}" for number in range(params["count"])]


for dag_id, in_triggerer in (("live_short", False), ("live_short_end_from_trigger", True)):
    with DAG(
        dag_id=dag_id,
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        params={"count": 1},
        default_args={"retries": 0},
    ):
        KlingTextToVideoOperator.partial(
            task_id="make",
            duration="5",
            deferrable=True,
            poll_interval=1.0,
            timeout=300,
            end_from_trigger=in_triggerer,
        ).expand(prompt=prompts())

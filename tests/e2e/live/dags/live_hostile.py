# SPDX-License-Identifier: Apache-2.0
"""Jobs at a server that hangs, drips and refuses: in the triggerer, in a worker, without a slot."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.video import KlingTextToVideoOperator

with DAG("live_hostile", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False):
    KlingTextToVideoOperator.partial(
        task_id="triggerer", deferrable=True, poll_interval=2.0, timeout=300
    ).expand(prompt=[f"wave number {number}" for number in range(6)])
    KlingTextToVideoOperator(
        task_id="worker", prompt="drip", kling_conn_id="kling_drip", poll_interval=2.0, timeout=300
    )
    KlingTextToVideoOperator(task_id="slot", prompt="no slot", deferrable=True, timeout=3600)

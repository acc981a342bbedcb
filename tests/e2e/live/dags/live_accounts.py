# SPDX-License-Identifier: Apache-2.0
"""Mapped jobs at the first of two accounts that has credit. They wait in the triggerer and store files."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.video import KlingTextToVideoOperator

with DAG(
    dag_id="live_accounts",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(seconds=1)},
) as dag:
    KlingTextToVideoOperator.partial(
        task_id="make",
        duration="5",
        output_path=os.environ.get("LIVE_ACCOUNTS", "/nonexistent"),
        fallback_conn_ids=["kling_second"],
        deferrable=True,
        poll_interval=2.0,
        timeout=300,
    ).expand(prompt=["a red boat", "a green boat", "a blue boat"])

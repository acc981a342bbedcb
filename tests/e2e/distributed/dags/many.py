# SPDX-License-Identifier: Apache-2.0
"""Mapped jobs and two batches, one of which holds its worker; the test says how many."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.batch import KlingBatchOperator
from airflow_provider_kling.operators.video import KlingTextToVideoOperator

MAPPED, ROWS = int(os.environ["KLING_TEST_MAPPED"]), int(os.environ["KLING_TEST_ROWS"])

with DAG(
    dag_id="many",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    params={"output_path": "/nowhere"},
    # Airflow counts each kill as a failure of what ran there.
    default_args={"retries": 500, "retry_delay": timedelta(seconds=1)},
) as dag:
    for name, deferrable in (("held", False), ("deferred", True)):
        KlingBatchOperator(
            task_id=name,
            endpoint="images/generations",
            requests=[{"prompt": f"{name} {number}"} for number in range(ROWS // 2)],
            output_path=f"{{{{ params.output_path }}}}/{name}",
            concurrency=25,
            poll_interval=1.0,
            contact_sheet=False,
            priority_weight=1000,
            deferrable=deferrable,
        )
    KlingTextToVideoOperator.partial(
        task_id="make",
        duration="5",
        deferrable=True,
        poll_interval=2.0,
        output_path="{{ params.output_path }}/make",
    ).expand(prompt=[f"wave number {number}" for number in range(MAPPED)])

# SPDX-License-Identifier: Apache-2.0
"""The same jobs as mapped tasks and as one batch; both keep their videos in a folder."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_kling.operators.batch import KlingBatchOperator
from airflow_provider_kling.operators.video import KlingTextToVideoOperator

OUTPUT = os.environ.get("KLING_BENCH_OUTPUT", "/tmp/kling-bench")  # noqa: S108 - set by the benchmark
COMMON: dict[str, Any] = {
    "schedule": None,
    "start_date": datetime(2026, 1, 1, tzinfo=UTC),
    "catchup": False,
    "params": {"count": 1, "slots": 1},
    "max_active_tasks": 1000,
    "default_args": {"retries": 2, "retry_delay": timedelta(seconds=1)},
}


@task
def rows(params: Any = None) -> list[dict[str, str]]:
    """Write one request for each job."""
    return [{"prompt": f"wave number {number}", "duration": "5"} for number in range(params["count"])]


with DAG(dag_id="bench_mapped", **COMMON):
    KlingTextToVideoOperator.partial(
        task_id="make", deferrable=True, output_path=f"{OUTPUT}/mapped"
    ).expand_kwargs(rows())

with DAG(dag_id="bench_batch", **COMMON):
    KlingBatchOperator(
        task_id="make",
        endpoint="videos/text2video",
        requests=rows(),
        output_path=f"{OUTPUT}/batch",
        concurrency=20,
    )

# SPDX-License-Identifier: Apache-2.0
"""One batch that holds its worker, one that gives it back while jobs run, each with an account of its own."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.batch import KlingBatchOperator

OUTPUT = os.environ.get("KLING_BENCH_OUTPUT", "/tmp/kling-bench")  # noqa: S108 - set by the benchmark
COUNT, SLOTS = (int(os.environ.get(f"KLING_BENCH_{name}", "1")) for name in ("COUNT", "SLOTS"))

for way, deferrable in (("held", False), ("deferrable", True)):
    with DAG(
        dag_id=f"bench_batch_{way}",
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        default_args={"retries": 2, "retry_delay": timedelta(seconds=1)},
    ):
        KlingBatchOperator(
            task_id="make",
            endpoint="videos/text2video",
            requests=[{"prompt": f"wave number {number}", "duration": "5"} for number in range(COUNT)],
            output_path=f"{OUTPUT}/{way}",
            kling_conn_id=f"kling_{way}",
            concurrency=SLOTS,
            deferrable=deferrable,
            contact_sheet=False,
        )

# SPDX-License-Identifier: Apache-2.0
"""One job for each mapped task, with this provider: ended by a worker, and by the triggerer.

Not in the file of the stock parts: every worker would load those too.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG, task
from common import COMMON, INTERVAL, MODEL

from airflow_provider_kling.operators.video import KlingTextToVideoOperator


@task
def prompts(params: Any = None) -> list[str]:
    """Write one prompt for each job."""
    return [f"wave number {number}" for number in range(params["count"])]


for name, interval, ends in (
    ("bench_kling", INTERVAL, False),
    ("bench_kling_end_from_trigger", INTERVAL, True),
    ("bench_kling_every_second", 1.0, True),
):
    with DAG(dag_id=name, **COMMON):
        KlingTextToVideoOperator.partial(
            task_id="make", **MODEL, deferrable=True, poll_interval=interval, end_from_trigger=ends
        ).expand(prompt=prompts())

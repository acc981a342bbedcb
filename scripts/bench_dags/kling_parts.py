# SPDX-License-Identifier: Apache-2.0
"""One job for each mapped task, with this provider: ended by a worker, or by the triggerer.

Each DAG has a file of its own: a task's process loads the whole file.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG, task
from common import COMMON, MODEL

from airflow_provider_kling.operators.video import KlingTextToVideoOperator


@task
def prompts(params: Any = None) -> list[str]:
    """Write one prompt for each job."""
    return [f"wave number {number}" for number in range(params["count"])]


def mapped_jobs(dag_id: str, *, interval: float, end_from_trigger: bool) -> DAG:
    """Return a DAG with a mapped task.

    :param dag_id: its id.
    :param interval: seconds between polls.
    :param end_from_trigger: whether the triggerer ends the tasks.
    :return: the DAG.
    """
    with DAG(dag_id=dag_id, **COMMON) as dag:
        KlingTextToVideoOperator.partial(
            task_id="make",
            **MODEL,
            deferrable=True,
            poll_interval=interval,
            end_from_trigger=end_from_trigger,
        ).expand(prompt=prompts())
    return dag

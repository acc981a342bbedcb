# SPDX-License-Identifier: Apache-2.0
"""
### Store what the console made

People create videos in Kling's console; other teams and tools create them through the API. This DAG starts
for each job of the account that ends, and stores its result before Kling deletes it after 30 days.

A trigger in the triggerer watches the account's lists of jobs; no worker waits. Events that arrive while a
run is about to start belong to the same run, so the first task collects all of them and the second is mapped
over them. Events are delivered at least once: the first task removes repetitions within a run, and a result
that an earlier run has stored is not downloaded again.

Needs Airflow 3.0, the connection `kling_default`, and a place that the environment variable
`KLING_EXAMPLE_OUTPUT` names. It submits no job and costs nothing at Kling.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_kling.operators.results import KlingFetchResultOperator
from airflow_provider_kling.triggers.events import KlingJobEventTrigger

jobs = Asset(
    name="kling_jobs",
    uri="kling://jobs",
    watchers=[
        AssetWatcher(
            name="kling_jobs_that_ended",
            trigger=KlingJobEventTrigger(kling_conn_id="kling_default", statuses="succeed", poll_interval=30),
        )
    ],
)

with DAG(
    dag_id="example_kling_store_what_the_console_made",
    dag_display_name="Kling: store what the console made",
    schedule=[jobs],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    # Many jobs that end at once do not take the workers from other DAGs.
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    params={"output_path": os.environ.get("KLING_EXAMPLE_OUTPUT", "s3://aws_default@my-videos/kling")},
    tags=["example", "kling", "storage"],
    doc_md=__doc__,
) as dag:

    @task
    def ended(triggering_asset_events: Any = None) -> list[dict[str, str]]:
        """Return the jobs of all events that this run was started for, each once."""
        found = {}
        for event in triggering_asset_events[jobs]:
            job = event.extra["payload"]
            found[job["task_id"]] = {"endpoint": job["endpoint"], "kling_task_id": job["task_id"]}
        return list(found.values())

    KlingFetchResultOperator.partial(
        task_id="store",
        output_path="{{ params.output_path }}",
    ).expand_kwargs(ended())

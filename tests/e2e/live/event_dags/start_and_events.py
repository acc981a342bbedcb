# SPDX-License-Identifier: Apache-2.0
"""A sensor that starts in the triggerer, and a DAG that starts when a job of another tool ends."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_kling.operators.results import KlingFetchResultOperator
from airflow_provider_kling.sensors.kling import KlingTaskSensor
from airflow_provider_kling.triggers.events import KlingJobEventTrigger

COMMON: dict[str, Any] = {"start_date": datetime(2026, 1, 1, tzinfo=UTC), "catchup": False}
SLUG = "images/generations"

jobs = Asset(
    name="jobs",
    uri="kling://jobs",
    watchers=[AssetWatcher(name="ended", trigger=KlingJobEventTrigger(endpoint=SLUG, poll_interval=1))],
)

with DAG("live_start_from_trigger", schedule=None, params={"job": ""}, **COMMON):
    KlingTaskSensor(
        task_id="wait",
        endpoint=SLUG,
        kling_task_id="{{ params.job }}",
        deferrable=True,
        start_from_trigger=True,
        end_from_trigger=True,
        poll_interval=1,
    )

with DAG("live_job_events", schedule=[jobs], **COMMON):

    @task
    def ended(triggering_asset_events: Any = None) -> list[dict[str, str]]:
        """Return the jobs of all events of this run."""
        found = [event.extra["payload"] for event in triggering_asset_events[jobs]]
        return [{"endpoint": job["endpoint"], "kling_task_id": job["task_id"]} for job in found]

    KlingFetchResultOperator.partial(
        task_id="store", output_path=os.environ["KLING_LIVE_OUTPUT"]
    ).expand_kwargs(ended())

# SPDX-License-Identifier: Apache-2.0
"""The same jobs three ways: with stock parts, with this provider, and ended by the triggerer."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task
from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.http.sensors.http import HttpSensor

from airflow_provider_kling.operators.video import KlingTextToVideoOperator

PATH = "/v1/videos/text2video"
INTERVAL = 5.0
COMMON: dict[str, Any] = {
    "schedule": None,
    "start_date": datetime(2026, 1, 1, tzinfo=UTC),
    "catchup": False,
    "params": {"count": 1},
    "max_active_tasks": 500,
    "default_args": {"retries": 2, "retry_delay": timedelta(seconds=1)},
}


@task
def prompts(params: Any = None) -> list[str]:
    """Write one prompt for each job."""
    return [f"wave number {number}" for number in range(params["count"])]


@task
def bodies(params: Any = None) -> list[str]:
    """Write one body for each job, as the stock operator wants it."""
    fields = {"model_name": "kling-v2-6", "duration": "5"}
    return [json.dumps({**fields, "prompt": f"wave number {number}"}) for number in range(params["count"])]


with DAG(dag_id="bench_stock", **COMMON) as stock:
    submitted = HttpOperator.partial(
        task_id="submit",
        http_conn_id="kling_http",
        endpoint=PATH,
        headers={"Content-Type": "application/json"},
        response_filter=lambda response: f"{PATH}/{response.json()['data']['task_id']}",
    ).expand(data=bodies())
    HttpSensor.partial(
        task_id="make",
        http_conn_id="kling_http",
        mode="reschedule",
        poke_interval=INTERVAL,
        timeout=600,
        response_check=lambda response: response.json()["data"]["task_status"] == "succeed",
    ).expand(endpoint=submitted.output)

for name, ends in (("bench_kling", False), ("bench_kling_end_from_trigger", True)):
    with DAG(dag_id=name, **COMMON):
        KlingTextToVideoOperator.partial(
            task_id="make",
            model_name="kling-v2-6",
            duration="5",
            deferrable=True,
            poll_interval=INTERVAL,
            end_from_trigger=ends,
        ).expand(prompt=prompts())

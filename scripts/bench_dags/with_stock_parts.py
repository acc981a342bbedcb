# SPDX-License-Identifier: Apache-2.0
"""One job for each mapped task, with what Airflow's http provider has."""

from __future__ import annotations

import json
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task
from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.http.sensors.http import HttpSensor
from common import COMMON, INTERVAL, MODEL

PATH = "/v1/videos/text2video"


@task
def bodies(params: Any = None) -> list[str]:
    """Write one body for each job, as the stock operator wants it."""
    return [json.dumps({**MODEL, "prompt": f"wave number {number}"}) for number in range(params["count"])]


with DAG(dag_id="bench_stock", **COMMON):
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

# SPDX-License-Identifier: Apache-2.0
"""The same requests as in ``with_kling.py``, each sent by a stock ``HttpOperator``."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.http.operators.http import HttpOperator

TASKS = 500

with DAG(dag_id="parse_stock", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False):
    for number in range(TASKS):
        HttpOperator(
            task_id=f"video_{number}",
            http_conn_id="kling_http",
            endpoint="/v1/videos/text2video",
            headers={"Content-Type": "application/json"},
            data=json.dumps(
                {
                    "model_name": "kling-v2-5-turbo",
                    "prompt": f"wave number {number} of {{{{ ds }}}}",
                    "negative_prompt": "text",
                    "mode": "pro",
                    "duration": "5",
                    "aspect_ratio": "16:9",
                }
            ),
            response_check=lambda response: response.json()["code"] == 0,
        )

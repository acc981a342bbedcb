# SPDX-License-Identifier: Apache-2.0
"""Tasks that handle everything that must stay hidden."""

from __future__ import annotations

import base64
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.video import KlingImageToVideoOperator
from airflow_provider_kling.sensors.kling import KlingTaskSensor


def encode(path: str) -> str:
    """Read an image as base64, as DAG authors do who do not know that a path is enough."""
    return base64.b64encode(Path(path).read_bytes()).decode()


with DAG(
    dag_id="live_secrets",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    user_defined_macros={
        "encode": encode,
        "picture": os.environ.get("LIVE_PICTURE", ""),
        "password": os.environ.get("LIVE_PASSWORD", ""),
    },
) as dag:
    waits: dict[str, Any] = {
        "image": "{{ encode(picture) }}",
        "poll_interval": 0.5,
        "callback_url": "http://user:{{ password }}@127.0.0.1:9/hook",
    }
    by_key = KlingImageToVideoOperator(task_id="by_key", prompt="waves", deferrable=True, **waits)
    by_token = KlingImageToVideoOperator(
        task_id="by_token", prompt="waves", kling_conn_id="kling_signed", **waits
    )
    KlingImageToVideoOperator(task_id="refused", prompt="forbidden word", **waits)
    KlingImageToVideoOperator(task_id="wrong_key", prompt="waves", kling_conn_id="kling_wrong", **waits)
    KlingImageToVideoOperator(
        task_id="echoed", prompt="forbidden word", kling_conn_id="kling_echo", deferrable=True, **waits
    )
    KlingImageToVideoOperator(
        task_id="kept", prompt="waves", output_path="{{ var.value.get('kept', '/tmp') }}", **waits
    )
    KlingImageToVideoOperator(
        task_id="unreachable",
        prompt="waves",
        kling_conn_id="kling_nowhere",
        output_path="{{ var.value.get('kept', '/tmp') }}",
        **waits,
    )
    KlingTaskSensor(
        task_id="seen",
        endpoint="videos/image2video",
        kling_task_id="{{ ti.xcom_pull(task_ids='by_key', key='task_id') }}",
        poll_interval=0.5,
    ).set_upstream(by_key)

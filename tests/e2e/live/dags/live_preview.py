# SPDX-License-Identifier: Apache-2.0
"""Two people's DAGs. In the first one, tasks that do what an attacker would have them do."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator

from airflow_provider_kling.operators.video import KlingImageToVideoOperator, KlingTextToVideoOperator

FOLDER = os.environ.get("LIVE_PREVIEW", "/nonexistent")
START = datetime(2026, 1, 1, tzinfo=UTC)

with DAG("live_preview_alice", schedule=None, start_date=START, catchup=False):
    EmptyOperator(task_id="gate")
    for name in ("film", "planted"):
        KlingTextToVideoOperator(
            task_id=name, prompt="A boat", output_path=f"{FOLDER}/{name}", poll_interval=0.5
        )
    KlingTextToVideoOperator(
        task_id="dotted", prompt="A boat", output_path="{{ dag_run.conf.get('dot', './out') }}"
    )
    KlingImageToVideoOperator(task_id="peek", image="{{ dag_run.conf['address'] }}", prompt="A boat")

with DAG("live_preview_bob", schedule=None, start_date=START, catchup=False):
    KlingTextToVideoOperator(
        task_id="film", prompt="A secret", output_path=f"{FOLDER}/bob", poll_interval=0.5
    )

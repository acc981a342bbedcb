# SPDX-License-Identifier: Apache-2.0
"""Two DAGs that spend under one roof of labels and a budget, and one that reports what they spent."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.budget import KlingBudget
from airflow_provider_kling.operators.batch import KlingBatchOperator
from airflow_provider_kling.operators.image import KlingImageGenerationOperator
from airflow_provider_kling.operators.usage import KlingUsageOperator
from airflow_provider_kling.operators.video import KlingTextToVideoOperator

MEDIA = os.environ.get("LIVE_COSTS", "/nowhere")
START = datetime(2026, 1, 1, tzinfo=UTC)
RETRIES = {"retries": 5, "retry_delay": timedelta(seconds=1)}

with DAG("live_costs_shop", schedule=None, start_date=START, catchup=False, default_args=RETRIES):
    KlingTextToVideoOperator(
        task_id="film",
        prompt="Waves at dusk",
        output_path=f"{MEDIA}/films",
        poll_interval=1.0,
        labels={"team": "shop", "campaign": "spring"},
    )
    KlingBatchOperator(
        task_id="cards",
        endpoint="images/generations",
        requests=[
            {"prompt": "a card", "labels": {"sku": "1"}},
            {"prompt": "two cards", "n": 2, "labels": {"sku": "2"}},
        ],
        output_path=f"{MEDIA}/cards",
        poll_interval=1.0,
        labels={"team": "shop"},
    )

with DAG("live_costs_press", schedule=None, start_date=START, catchup=False, default_args=RETRIES):
    KlingImageGenerationOperator.partial(
        task_id="paint",
        output_path=f"{MEDIA}/press",
        poll_interval=1.0,
        labels={"team": "press"},
        # An image costs 8 units: 25 of them can be paid.
        budget=KlingBudget("press", max_units=25 * 8, path=f"{MEDIA}/budgets"),
    ).expand(prompt=[f"chair number {number}" for number in range(40)])

with DAG(
    "live_costs_report",
    params={"start": "", "end": ""},
    schedule=None,
    start_date=START,
    catchup=False,
    default_args=RETRIES,
):
    KlingUsageOperator(
        task_id="usage",
        paths=[f"{MEDIA}/films", f"{MEDIA}/cards", f"{MEDIA}/press"],
        output_path=f"{MEDIA}/usage",
        start="{{ params.start }}",
        end="{{ params.end }}",
    )

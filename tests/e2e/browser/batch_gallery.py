# SPDX-License-Identifier: Apache-2.0
"""A batch of images, one of whose rows breaks a rule."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.batch import KlingBatchOperator

KEPT = os.environ.get("GALLERY_FOLDER", "/nowhere")
PRODUCTS = ("teapot", "lamp", "chair", "vase", "clock", "basket", "mirror")
RATIOS = ("1:1", "9:16", "16:9")

ROWS = [
    {"prompt": f"A {name} on a plain table, soft light", "aspect_ratio": RATIOS[number % 3]}
    for number, name in enumerate(PRODUCTS)
]

with DAG(dag_id="catalogue", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False):
    KlingBatchOperator(
        task_id="shoot",
        endpoint="images/generations",
        requests=[*ROWS, {"prompt": "A shelf", "n": 99}],
        output_path=f"{KEPT}/catalogue",
        concurrency=8,
        max_failed=1,
        poll_interval=0.5,
    )

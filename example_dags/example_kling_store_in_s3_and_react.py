# SPDX-License-Identifier: Apache-2.0
"""
### Store in S3, and start another DAG

The first DAG stores its videos in S3 and emits an asset event. The second DAG starts with each event and
reads paths, length, model and charge from it. Neither DAG refers to the other.

Needs the connections `kling_default` and `aws_default`, and a bucket that the environment variable
`KLING_EXAMPLE_BUCKET` names. A run costs 3 video units, about 0.42 US dollars at the list price of
September 2026.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Asset, task

from airflow_provider_kling.operators.video import KlingTextToVideoOperator

BUCKET = os.environ.get("KLING_EXAMPLE_BUCKET", "my-videos")
VIDEOS = Asset(f"s3://{BUCKET}/kling")

with DAG(
    dag_id="example_kling_store_in_s3_and_react",
    dag_display_name="Kling: store in S3, and start another DAG",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    params={"prompt": "A paper boat drifts down a rainy gutter, close to the water"},
    tags=["example", "kling", "storage"],
    doc_md=__doc__,
) as storing:
    KlingTextToVideoOperator(
        task_id="make",
        prompt="{{ params.prompt }}",
        duration="5",
        # The path names the connection. The asset does not: it is the same for all connections.
        output_path=f"s3://aws_default@{BUCKET}/kling",
        outlets=[VIDEOS],
        deferrable=True,
    )

with DAG(
    dag_id="example_kling_react_to_videos",
    dag_display_name="Kling: react to stored videos",
    schedule=[VIDEOS],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["example", "kling", "storage"],
    doc_md=__doc__,
) as reacting:

    @task
    def react(**context: Any) -> list[str]:
        """Print what arrived. Airflow 2 calls assets datasets."""
        events = context.get("triggering_asset_events") or context["triggering_dataset_events"]
        extras = [event.extra for found in events.values() for event in found]
        for extra in extras:
            print(f"{extra['duration']} s of {extra['model']} for {extra['units']} units: {extra['paths']}")
        return [path for extra in extras for path in extra["paths"]]

    react()

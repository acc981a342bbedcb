# SPDX-License-Identifier: Apache-2.0
"""
### Virtual try-on and a garment video

Shows a garment on a person, and remakes an existing video with that garment. The inputs are public URLs;
set them when you trigger the DAG.

Needs a connection `kling_default` of type *Kling AI* with an API key. The cost of the video cannot be
estimated; the result contains the charge.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.solutions import (
    KlingApparelReplicatorOperator,
    KlingVirtualTryOn2Operator,
)

with DAG(
    dag_id="example_kling_fashion",
    dag_display_name="Kling: virtual try-on",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1), "deferrable": True},
    params={
        "person": "https://example.com/anna.jpg",
        "garment": "https://example.com/coat.jpg",
        "video": "https://example.com/walk.mp4",
    },
    tags=["example", "kling", "e-commerce"],
    doc_md=__doc__,
) as dag:
    KlingVirtualTryOn2Operator(
        task_id="try_on",
        person_image="{{ params.person }}",
        product_image="{{ params.garment }}",
    )
    KlingApparelReplicatorOperator(
        task_id="replicate",
        product_info="A long winter coat of grey wool",
        source_video="{{ params.video }}",
        product_image=["{{ params.garment }}"],
        voice="calm_sales_woman",
    )

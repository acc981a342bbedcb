# SPDX-License-Identifier: Apache-2.0
"""
### A product from four images

Up to four images show the product from different sides.

Needs a connection `kling_default` of type *Kling AI* to a host that still serves `kling-v1-6`. Kling's own
hosts have retired it and have no other model for this endpoint. Gateways may still have it, or accept
another `model_name`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.video import KlingMultiImageToVideoOperator

ASSETS = Path(__file__).parent / "assets"

with DAG(
    dag_id="example_kling_product_from_four_images",
    dag_display_name="Kling: a product from four images",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    params={"prompt": "The mug turns slowly once around itself on a wooden table, steam rises"},
    tags=["example", "kling", "legacy"],
    doc_md=__doc__,
) as dag:
    KlingMultiImageToVideoOperator(
        task_id="turn",
        image_list=[{"image": str(ASSETS / f"mug_{number}.jpg")} for number in (1, 2, 3, 4)],
        prompt="{{ params.prompt }}",
        duration="5",
        aspect_ratio="1:1",
        deferrable=True,
    )

# SPDX-License-Identifier: Apache-2.0
"""
### A sales video for each product

Product images of a shop become finished videos, one for each product: Goods Studio writes the scenes, and
for the first product a person of Kling's library presents it as well. The connection needs an API key.

The cost of these jobs cannot be estimated; the results contain the charge.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_kling.operators.solutions import KlingGoodsStudioOperator, KlingVideoCommerceOperator

ASSETS = Path(__file__).parent / "assets"

with DAG(
    dag_id="example_kling_sell_products",
    dag_display_name="Kling: a seller's video for each product",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1), "deferrable": True},
    params={
        "title": "Mug with a handle",
        "description": "Made by hand, fit for the dishwasher",
        "speech": "Your tea stays warm in this mug, and it fits every dishwasher.",
    },
    tags=["example", "kling", "e-commerce"],
    doc_md=__doc__,
) as dag:

    @task
    def find_products() -> list[dict]:
        """List the products with their images; usually from a table of the shop."""
        return [
            {"goods_title": "Mug with a handle", "ref_image": [str(ASSETS / "mug_1.jpg")]},
            {"goods_title": "Mug set", "ref_image": [str(ASSETS / f"mug_{n}.jpg") for n in (2, 3)]},
        ]

    KlingGoodsStudioOperator.partial(
        task_id="advertise",
        goods_description="{{ params.description }}",
        resolution="720p",
        aspect_ratio="9:16",
        duration=15,
    ).expand_kwargs(find_products())

    KlingVideoCommerceOperator(
        task_id="present",
        avatar_id="avatar_anna_female",
        speech_script="{{ params.speech }}",
        ref_image=str(ASSETS / "mug_1.jpg"),
        goods_title="{{ params.title }}",
        goods_selling_point=["made by hand", "fit for the dishwasher"],
    )

# SPDX-License-Identifier: Apache-2.0
"""
### Edit images

Four edits of images: cut the subject out, place it in a scene, continue the image beyond its edges, and
restyle it as a series.

Needs a connection `kling_default` of type *Kling AI*. `recognize` is synchronous and charged in video
units, the other tasks in image units.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.image import (
    KlingImageExpandOperator,
    KlingImageRecognizeOperator,
    KlingMultiImageToImageOperator,
    KlingOmniImageOperator,
)

ASSETS = Path(__file__).parent / "assets"

with DAG(
    dag_id="example_kling_edit_images",
    dag_display_name="Kling: edit images",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1), "deferrable": True},
    params={"prompt": "The mug on a wooden table in front of the old town"},
    tags=["example", "kling", "images"],
    doc_md=__doc__,
) as dag:
    recognize = KlingImageRecognizeOperator(task_id="recognize", image=str(ASSETS / "mug_1.jpg"))
    merge = KlingMultiImageToImageOperator(
        task_id="merge",
        prompt="{{ params.prompt }}",
        subject_image_list=[{"subject_image": str(ASSETS / "mug_1.jpg")}],
        scene_image=str(ASSETS / "city.jpg"),
    )
    expand = KlingImageExpandOperator(
        task_id="expand",
        image="{{ ti.xcom_pull(task_ids='merge')['images'][0]['url'] }}",
        prompt="more of the table and of the sky",
        up_expansion_ratio=0.2,
        down_expansion_ratio=0.2,
        left_expansion_ratio=0.1,
        right_expansion_ratio=0.1,
    )
    series = KlingOmniImageOperator(
        task_id="series",
        model_name="kling-v3-omni",
        prompt="<<<image_1>>> at dawn, at noon and at night",
        image_list=[{"image": "{{ ti.xcom_pull(task_ids='expand')['images'][0]['url'] }}"}],
        result_type="series",
        series_amount=3,
    )

    recognize >> merge >> expand >> series

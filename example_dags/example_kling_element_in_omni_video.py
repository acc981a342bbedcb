# SPDX-License-Identifier: Apache-2.0
"""
### Your own character in a video

Generates a character from text, generates other views of it, saves it as an *element*, and uses it in a
video. An element stays in the account's library: later requests refer to it by its id, and the character
looks the same in each of them. This DAG deletes it at the end, even if the video failed.

A run costs 28 image units and 3 video units, 0.52 US dollars at the list price of September 2026.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.image import KlingAiMultiShotOperator, KlingImageGenerationOperator
from airflow_provider_kling.operators.library import KlingCustomElementOperator, KlingDeleteElementOperator
from airflow_provider_kling.operators.video import KlingOmniVideoOperator

IMAGE = "{{ ti.xcom_pull(task_ids='draw')['images'][0]['url'] }}"
VIEW = "{{ ti.xcom_pull(task_ids='turn')['images'][0]['url_%d'] }}"
ELEMENT_ID = "{{ ti.xcom_pull(task_ids='save_element')['elements'][0]['element_id'] }}"

with DAG(
    dag_id="example_kling_element_in_omni_video",
    dag_display_name="Kling: your own character in a video",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1), "deferrable": True},
    params={
        "character": "A small robot made of driftwood",
        "scene": "walks along a beach at dawn and finds a shell",
    },
    tags=["example", "kling", "video"],
    doc_md=__doc__,
) as dag:
    draw = KlingImageGenerationOperator(
        task_id="draw",
        prompt="{{ params.character }}, standing, seen from the front, on a plain background",
        aspect_ratio="1:1",
    )
    turn = KlingAiMultiShotOperator(task_id="turn", element_frontal_image=IMAGE)
    save_element = KlingCustomElementOperator(
        task_id="save_element",
        element_name="Character",
        element_description="{{ params.character }}",
        reference_type="image_refer",
        element_image_list={
            "frontal_image": IMAGE,
            "refer_images": [{"image_url": VIEW % number} for number in (1, 2, 3)],
        },
    )
    film = KlingOmniVideoOperator(
        task_id="film",
        model_name="kling-v3-omni",
        prompt="<<<element_1>>> {{ params.scene }}",
        element_list=[{"element_id": ELEMENT_ID}],
        aspect_ratio="16:9",
        duration="5",
        mode="std",
    )
    tidy_up = KlingDeleteElementOperator(task_id="tidy_up", element_id=ELEMENT_ID, trigger_rule="all_done")

    draw >> turn >> save_element >> film >> tidy_up

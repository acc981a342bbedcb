# SPDX-License-Identifier: Apache-2.0
"""
### A figure of one's own in a video

A figure is drawn from words, seen from other sides, kept as an *element*, and plays in a video. An element
stays in the account's library: later requests name it by its id and the figure looks the same in each. This
DAG deletes it at the end, whatever became of the video.

With the prices of September 2026 a run costs 28 units of an image package and 3 of a video package.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.image import KlingAiMultiShotOperator, KlingImageGenerationOperator
from airflow_provider_kling.operators.library import KlingCustomElementOperator, KlingDeleteElementOperator
from airflow_provider_kling.operators.video import KlingOmniVideoOperator

PICTURE = "{{ ti.xcom_pull(task_ids='draw')['images'][0]['url'] }}"
VIEW = "{{ ti.xcom_pull(task_ids='turn')['images'][0]['url_%d'] }}"
ELEMENT_ID = "{{ ti.xcom_pull(task_ids='keep')['elements'][0]['element_id'] }}"

with DAG(
    dag_id="example_kling_element_in_omni_video",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1), "deferrable": True},
    tags=["example", "kling"],
    doc_md=__doc__,
) as dag:
    draw = KlingImageGenerationOperator(
        task_id="draw",
        prompt="A small robot made of driftwood, standing, seen from the front, on a plain background",
        aspect_ratio="1:1",
    )
    turn = KlingAiMultiShotOperator(task_id="turn", element_frontal_image=PICTURE)
    keep = KlingCustomElementOperator(
        task_id="keep",
        element_name="Driftwood robot",
        element_description="A small robot made of driftwood",
        reference_type="image_refer",
        element_image_list={
            "frontal_image": PICTURE,
            "refer_images": [{"image_url": VIEW % number} for number in (1, 2, 3)],
        },
    )
    film = KlingOmniVideoOperator(
        task_id="film",
        model_name="kling-v3-omni",
        prompt="<<<element_1>>> walks along a beach at dawn and finds a shell",
        element_list=[{"element_id": ELEMENT_ID}],
        aspect_ratio="16:9",
        duration="5",
        mode="std",
    )
    tidy_up = KlingDeleteElementOperator(task_id="tidy_up", element_id=ELEMENT_ID, trigger_rule="all_done")

    draw >> turn >> keep >> film >> tidy_up

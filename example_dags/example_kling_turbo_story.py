# SPDX-License-Identifier: Apache-2.0
"""
### A story in two shots with the newest model, then restyled

kling-3.0-turbo generates a story in several shots from one prompt; kling-3.0-omni then edits that video.
Both are models of Kling's API 2.0, for which the connection needs an API key.

A run costs 8.5 video units, about 1.19 US dollars at the list price of September 2026.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.video2 import KlingOmniVideo2Operator, KlingTextToVideo2Operator

with DAG(
    dag_id="example_kling_turbo_story",
    dag_display_name="Kling: a story in two shots, restyled",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1), "deferrable": True},
    params={
        "story": "shot 1, 3, a fishing boat enters the harbour at dawn; shot 2, 2, a gull looks down at it;",
        "style": "a drawing in charcoal",
    },
    tags=["example", "kling", "video"],
    doc_md=__doc__,
) as dag:
    story = KlingTextToVideo2Operator(
        task_id="story",
        prompt="{{ params.story }}",
        duration=5,
    )
    draw = KlingOmniVideo2Operator(
        task_id="draw",
        prompt="Let @story look like {{ params.style }}",
        base_video={"url": "{{ ti.xcom_pull(task_ids='story')['videos'][0]['url'] }}", "id": "story"},
        audio="original",
    )

    story >> draw

# SPDX-License-Identifier: Apache-2.0
"""
### Remove an object from a video

Generates a video, marks an object in its first frame, and removes the object. `mark` is synchronous and
opens a session that is valid for 24 hours.

Needs a connection `kling_default` of type *Kling AI*.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.video import (
    KlingMultiElementsOperator,
    KlingMultiElementsSelectionOperator,
    KlingTextToVideoOperator,
)

with DAG(
    dag_id="example_kling_remove_from_video",
    dag_display_name="Kling: remove an object from a video",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1), "deferrable": True},
    params={"x": 0.5, "y": 0.5},
    tags=["example", "kling", "video"],
    doc_md=__doc__,
) as dag:
    film = KlingTextToVideoOperator(
        task_id="film", prompt="A boat on a calm lake, fixed camera", duration="5"
    )
    mark = KlingMultiElementsSelectionOperator(
        task_id="mark",
        video_id="{{ ti.xcom_pull(task_ids='film')['videos'][0]['id'] }}",
        # The position of the object, as shares of width and height.
        frames=[{"frame_index": 0, "points": [{"x": "{{ params.x }}", "y": "{{ params.y }}"}]}],
    )
    remove = KlingMultiElementsOperator(
        task_id="remove",
        session_id="{{ ti.xcom_pull(task_ids='mark')['session_id'] }}",
        duration="{{ ti.xcom_pull(task_ids='mark')['duration'] }}",
        edit_mode="removal",
        prompt="Delete the boat from <<<video_1>>>",
    )

    film >> mark >> remove

# SPDX-License-Identifier: Apache-2.0
"""
### Submit now, wait later

The job is submitted first and runs at Kling while other tasks work. A sensor then waits for it and returns
its result. The sensor also waits for jobs that were submitted elsewhere: it needs only the job's id.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_kling.operators.video import KlingImageToVideoOperator
from airflow_provider_kling.sensors.kling import KlingTaskSensor

with DAG(
    dag_id="example_kling_submit_then_wait",
    dag_display_name="Kling: submit now, wait later",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    params={
        "image": str(Path(__file__).parent / "assets" / "valley.jpg"),
        "prompt": "Mist drifts through the valley, the birds circle",
    },
    tags=["example", "kling", "video"],
    doc_md=__doc__,
) as dag:
    submit = KlingImageToVideoOperator(
        task_id="submit",
        image="{{ params.image }}",
        prompt="{{ params.prompt }}",
        duration="5",
        wait_for_completion=False,
    )

    @task
    def prepare() -> str:
        """Do something useful while the video is made."""
        return "the page that will show the video"

    wait = KlingTaskSensor(
        task_id="wait",
        endpoint="videos/image2video",  # only the endpoint that made a job knows it
        kling_task_id=submit.output["task_id"],
        deferrable=True,
        timeout=1800,  # Airflow's own for sensors is seven days
    )

    @task
    def publish(page: str, result: dict) -> str:
        """Bring both together."""
        return f"{page}: video {result['videos'][0]['id']}"

    publish(prepare(), wait.output)

# SPDX-License-Identifier: Apache-2.0
"""
### Publish after approval

Generates and stores a video, then waits until a person has watched and approved it. The request links to
the tab *Kling*, where the video plays. Users who may not read this DAG cannot watch it there.

Needs Airflow 3.1.1 with `apache-airflow-providers-standard` 1.13, the connections `kling_default` and
`aws_default`, and a bucket that the environment variable `KLING_EXAMPLE_STORAGE` names. A run costs 3 video
units, about 0.42 US dollars at the list price of September 2026.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, ObjectStoragePath, task
from airflow.providers.standard.operators.hitl import ApprovalOperator

from airflow_provider_kling.operators.video import KlingImageToVideoOperator

STORAGE = os.environ.get("KLING_EXAMPLE_STORAGE", "s3://aws_default@my-videos")

with DAG(
    dag_id="example_kling_publish_after_approval",
    dag_display_name="Kling: publish a video after approval",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    params={
        "image": str(Path(__file__).parent / "assets" / "valley.jpg"),
        "prompt": "Morning mist drifts through the valley, the first sun touches the ridge",
    },
    tags=["example", "kling", "review"],
    doc_md=__doc__,
) as dag:
    animate = KlingImageToVideoOperator(
        task_id="animate",
        image="{{ params.image }}",
        prompt="{{ params.prompt }}",
        duration="5",
        # Kling deletes its copy after 30 days, and an approval may take longer.
        output_path=f"{STORAGE}/drafts",
        deferrable=True,
    )

    approve = ApprovalOperator(
        task_id="approve",
        subject="Publish this video?",
        body="""
[Watch the video]({{ ti.xcom_pull(task_ids='animate', key='kling_result_link') }})
({{ ti.xcom_pull(task_ids='animate')['units'] }} units).
Rejecting it skips the downstream tasks and does not delete the draft.
""",
        # No one has looked for two days: better not.
        response_timeout=timedelta(days=2),
        defaults="Reject",
    )

    @task
    def publish(result: dict) -> str:
        """Copy the draft to where the web site takes its videos from."""
        draft = ObjectStoragePath(result["videos"][0]["path"])
        published = ObjectStoragePath(f"{STORAGE}/published/{result['task_id']}.mp4")
        published.parent.mkdir(parents=True, exist_ok=True)
        draft.copy(published)
        return str(published)

    animate >> approve >> publish(animate.output)

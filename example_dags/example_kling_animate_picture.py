# SPDX-License-Identifier: Apache-2.0
"""
### Animate one picture

The smallest useful DAG: a picture goes in, a video of five seconds comes out.

Needs a connection `kling_default` of type *Kling AI*. With the prices of September 2026 a run costs 3 units.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_kling.operators.video import KlingImageToVideoOperator

with DAG(
    dag_id="example_kling_animate_picture",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    # A retry does not pay again: it finds the job that the first try made.
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    tags=["example", "kling"],
    doc_md=__doc__,
) as dag:
    animate = KlingImageToVideoOperator(
        task_id="animate",
        # A path is read on the worker. An https:// address works as well, and so does s3://...
        image=str(Path(__file__).parent / "assets" / "harbour.jpg"),
        prompt="The sailing boat glides slowly to the left, the water glitters, the lighthouse blinks",
        duration="5",
        # Waiting takes minutes. Deferred, it holds no worker.
        deferrable=True,
    )

    @task
    def show(result: dict) -> str:
        """Print where the video is; Kling keeps it for 30 days."""
        video = result["videos"][0]
        print(f"{video['duration']} s of video for {result['units']} units")
        return video["id"]

    show(animate.output)

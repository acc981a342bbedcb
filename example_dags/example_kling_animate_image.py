# SPDX-License-Identifier: Apache-2.0
"""
### Animate one image

The smallest useful DAG: an image in, a video of five seconds out.

Needs a connection `kling_default` of type *Kling AI*. A run costs 3 video units, about 0.42 US dollars at
the list price of September 2026.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_kling.operators.video import KlingImageToVideoOperator

with DAG(
    dag_id="example_kling_animate_image",
    dag_display_name="Kling: animate one image",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    # A retry does not pay again: it re-attaches to the job of the first try.
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    params={
        # A path is read on the worker. https:// and s3:// URLs work too.
        "image": str(Path(__file__).parent / "assets" / "harbour.jpg"),
        "prompt": "The sailing boat glides slowly to the left, the water glitters, the lighthouse blinks",
    },
    tags=["example", "kling", "video"],
    doc_md=__doc__,
) as dag:
    animate = KlingImageToVideoOperator(
        task_id="animate",
        image="{{ params.image }}",
        prompt="{{ params.prompt }}",
        duration="5",
        # The job takes minutes. A deferred task holds no worker meanwhile.
        deferrable=True,
    )

    @task
    def show(result: dict) -> str:
        """Print what was made. Kling deletes the video after 30 days."""
        video = result["videos"][0]
        print(f"{video['duration']} s of video for {result['units']} units")
        return video["id"]

    show(animate.output)

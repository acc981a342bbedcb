# SPDX-License-Identifier: Apache-2.0
"""
### Two linked shots

The second shot begins with the last frame of the first; both are checked before they are published.

Needs a connection `kling_default` of type *Kling AI* and the extra `media` of the package. The results go to
`KLING_EXAMPLE_OUTPUT`, any path that `ObjectStoragePath` accepts, or to a temporary folder, which works only
if all tasks run on one machine.

A run submits two jobs of five seconds.
"""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_kling.operators.media_check import KlingMediaCheckOperator
from airflow_provider_kling.operators.video import KlingImageToVideoOperator, KlingTextToVideoOperator

OUTPUT = os.environ.get("KLING_EXAMPLE_OUTPUT", f"{tempfile.gettempdir()}/kling-linked-shots")

with DAG(
    dag_id="example_kling_linked_shots",
    dag_display_name="Kling: two linked shots",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    # A retry does not pay again: it finds the job that the first try submitted.
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    params={
        "first": "A paper boat drifts down a rainy gutter, close to the water",
        "second": "The boat reaches a puddle and turns slowly",
    },
    tags=["example", "kling", "video"],
    doc_md=__doc__,
) as dag:
    first = KlingTextToVideoOperator(
        task_id="first_shot",
        prompt="{{ params.first }}",
        duration="5",
        output_path=OUTPUT,
        # A small JPEG next to each video, for lists and contact sheets.
        poster=True,
        deferrable=True,
    )

    @task
    def link(shot: dict[str, Any]) -> str:
        """Store the last frame of a shot next to it; the path is the image of the next shot."""
        from airflow_provider_kling.media import last_frame

        video = shot["videos"][0]["path"]
        return last_frame(video, f"{video.rpartition('/')[0]}/last-frame.png")

    second = KlingImageToVideoOperator(
        task_id="second_shot",
        image=link(first.output),
        prompt="{{ params.second }}",
        duration="5",
        output_path=OUTPUT,
        poster=True,
        deferrable=True,
    )

    # Fails for a shot that is black, frozen or shorter than it was asked for.
    KlingMediaCheckOperator(task_id="check", result=[first.output, second.output])

# SPDX-License-Identifier: Apache-2.0
"""
### Notify the team, with a link

When the video is stored, a task posts a link to it. `HttpOperator` works with every chat that has incoming
webhooks; the operators of Slack, Teams and others accept the same text. A callback or notifier could post it
too, but its failure does not fail the run, although no message was sent.

On Airflow 3.1.1 and newer the link opens the tab *Kling*, where users who may read this DAG can play the
video.

Needs the connection `kling_default`, and `team_chat` of type HTTP with the webhook's URL as its host. A run
costs 3 video units, about 0.42 US dollars at the list price of September 2026.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.http.operators.http import HttpOperator

from airflow_provider_kling.operators.video import KlingImageToVideoOperator

with DAG(
    dag_id="example_kling_notify_with_link",
    dag_display_name="Kling: notify the team, with a link",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    params={
        "image": str(Path(__file__).parent / "assets" / "city.jpg"),
        "prompt": "Dusk falls, window after window lights up while the camera rises above the roofs",
    },
    tags=["example", "kling", "video"],
    doc_md=__doc__,
) as dag:
    animate = KlingImageToVideoOperator(
        task_id="animate",
        image="{{ params.image }}",
        prompt="{{ params.prompt }}",
        duration="5",
        deferrable=True,
    )

    notify = HttpOperator(
        task_id="notify",
        http_conn_id="team_chat",
        headers={"Content-Type": "application/json"},
        # Airflow 2 has no XCom with the link; there the link to the task's log is used instead.
        data="{{ {'text': 'A new video: ' ~ (ti.xcom_pull(task_ids='animate', key='kling_result_link')"
        " or ti.log_url)} | tojson }}",
    )

    animate >> notify

# SPDX-License-Identifier: Apache-2.0
"""
### Tell the team, with a link

When the video is there, a notifier that comes with Airflow posts the link to it. `HttpNotifier` fits every
chat with incoming webhooks; notifiers of Slack, Teams and others take the same text.

On Airflow 3.1.1 and newer it opens the tab *Kling*, where the video plays for whoever may read this DAG.

Needs the connection `kling_default`, and `team_chat` of type HTTP with the webhook's address as its host.
With the prices of September 2026 a run costs 3 units.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.http.notifications.http import HttpNotifier

from airflow_provider_kling.operators.video import KlingImageToVideoOperator

with DAG(
    dag_id="example_kling_notify_with_link",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    tags=["example", "kling"],
    doc_md=__doc__,
) as dag:
    KlingImageToVideoOperator(
        task_id="animate",
        image=str(Path(__file__).parent / "assets" / "city.jpg"),
        prompt="Dusk falls, window after window lights up while the camera rises above the roofs",
        duration="5",
        deferrable=True,
        on_success_callback=HttpNotifier(
            http_conn_id="team_chat",
            # Airflow 2 has no XCom with the link; there the task's log is the next best address.
            json={
                "text": "A new video: {{ ti.xcom_pull(task_ids=ti.task_id, key='kling_result_link')"
                " or ti.log_url }}"
            },
        ),
    )

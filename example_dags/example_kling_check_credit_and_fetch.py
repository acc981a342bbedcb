# SPDX-License-Identifier: Apache-2.0
"""
### Check the credit, submit, and store a result

Submits a job only if enough units are left, and stores its result in a separate task. To store the result
of any other job, such as that of a failed task, set `kling_task_id` to its id.

Checking and storing cost nothing. A run costs 3 video units, about 0.42 US dollars at the list price of
September 2026.
"""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.account import KlingAccountOperator
from airflow_provider_kling.operators.results import KlingFetchResultOperator
from airflow_provider_kling.operators.video import KlingTextToVideoOperator

OUTPUT = os.environ.get("KLING_EXAMPLE_OUTPUT", f"{tempfile.gettempdir()}/kling-results")

with DAG(
    dag_id="example_kling_check_credit_and_fetch",
    dag_display_name="Kling: check credit, store a result",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1), "deferrable": True},
    params={"prompt": "A lighthouse in a storm"},
    tags=["example", "kling", "costs"],
    doc_md=__doc__,
) as dag:
    enough = KlingAccountOperator(task_id="enough", threshold_units=10, package_type="video", on_low="skip")
    film = KlingTextToVideoOperator(task_id="film", prompt="{{ params.prompt }}", duration="5")
    store = KlingFetchResultOperator(
        task_id="store",
        endpoint="videos/text2video",
        kling_task_id="{{ ti.xcom_pull(task_ids='film')['task_id'] }}",
        output_path=OUTPUT,
    )

    enough >> film >> store

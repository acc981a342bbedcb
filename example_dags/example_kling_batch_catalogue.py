# SPDX-License-Identifier: Apache-2.0
"""
### Picture and animate a whole catalogue

Two batches, each of them one Airflow task: the first makes a picture of each line of a JSONL file, the second
a video of each picture. With thousands of lines instead of six nothing here changes but `concurrency`, which
may be as large as the account's package allows, or larger.

What became of each line stands in a ledger beside the results. A task that fails, is killed or cleared goes
on where it was: finished jobs are not made again, running ones are attached to. `max_units` stops a batch
before it costs more than that, `max_failed` before it fails too often.

The results go to `KLING_EXAMPLE_OUTPUT`, any address that `ObjectStoragePath` takes, or to a temporary
folder. With the prices of September 2026 a run costs 48 image units and 9 video units.
"""

from __future__ import annotations

import json
import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, ObjectStoragePath, task

from airflow_provider_kling.operators.batch import KlingBatchOperator

CATALOGUE = Path(__file__).parent / "assets" / "catalogue.jsonl"
OUTPUT = os.environ.get("KLING_EXAMPLE_OUTPUT", f"{tempfile.gettempdir()}/kling-catalogue")

with DAG(
    dag_id="example_kling_batch_catalogue",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
    tags=["example", "kling"],
    doc_md=__doc__,
) as dag:
    picture = KlingBatchOperator(
        task_id="picture",
        endpoint="images/generations",
        requests=str(CATALOGUE),
        output_path=f"{OUTPUT}/{{{{ run_id }}}}/pictures",
        concurrency=5,
        max_units=100,
        max_failed=0.02,
    )

    @task
    def choose(summary: dict) -> list[dict]:
        """Make a request of each of the first three results; in real life of those that somebody chose."""
        # One line for each row that is done: row number, job, units, files.
        lines = ObjectStoragePath(summary["results_path"]).read_text().splitlines()
        paths = [json.loads(line)["images"][0]["path"] for line in lines[:3]]
        return [{"image": path, "prompt": "The camera circles slowly", "duration": "5"} for path in paths]

    KlingBatchOperator(
        task_id="animate",
        endpoint="videos/image2video",
        requests=choose(picture.output),
        output_path=f"{OUTPUT}/{{{{ run_id }}}}/videos",
        concurrency=5,
        max_units=20,
        execution_timeout=timedelta(hours=2),
    )

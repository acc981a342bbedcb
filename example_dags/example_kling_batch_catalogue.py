# SPDX-License-Identifier: Apache-2.0
"""
### Generate and animate a whole catalogue

Two batches, each of them one Airflow task: the first generates an image from each line of a JSONL file, the
second a video from each of the first three images. For thousands of lines, set `concurrency` to the number of
slots of the account, and raise `max_units`.

A ledger next to the results records the state of each line. A task that failed, was killed or was cleared
continues where it stopped: it does not submit finished jobs again, and re-attaches to running ones.
`max_units` limits the cost of a batch, `max_failed` the share of failed rows.

The results go to `KLING_EXAMPLE_OUTPUT`, any URL that `ObjectStoragePath` supports, or to a temporary
folder. A run costs 48 image units and 9 video units, 1.43 US dollars at the list price of September 2026.
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
    dag_display_name="Kling: generate and animate a catalogue",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
    params={"catalogue": str(CATALOGUE), "prompt": "The camera circles slowly"},
    tags=["example", "kling", "batch"],
    doc_md=__doc__,
) as dag:
    image = KlingBatchOperator(
        task_id="image",
        endpoint="images/generations",
        requests="{{ params.catalogue }}",
        output_path=f"{OUTPUT}/{{{{ run_id }}}}/images",
        concurrency=5,
        max_units=100,
        max_failed=0.02,
    )

    @task
    def choose(summary: dict, params: dict | None = None) -> list[dict]:
        """Return a request for each of the first three results; a real DAG would let a person choose."""
        # One line for each row that is done: row number, job, units, files.
        lines = ObjectStoragePath(summary["results_path"]).read_text().splitlines()
        paths = [json.loads(line)["images"][0]["path"] for line in lines[:3]]
        prompt = (params or {})["prompt"]
        return [{"image": path, "prompt": prompt, "duration": "5"} for path in paths]

    KlingBatchOperator(
        task_id="animate",
        endpoint="videos/image2video",
        requests=choose(image.output),
        output_path=f"{OUTPUT}/{{{{ run_id }}}}/videos",
        concurrency=5,
        max_units=20,
        execution_timeout=timedelta(hours=2),
    )

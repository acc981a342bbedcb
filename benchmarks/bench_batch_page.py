# SPDX-License-Identifier: Apache-2.0
"""How long the preview tab waits for a page of a large batch: ``python -m benchmarks.bench_batch_page``.

A real API server of Airflow, with SQLite, reads the ledger of a batch in a local folder. The output is
Markdown for ``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from airflow_provider_kling.batch.ledger_entry import RowState
from scripts.local_airflow import ROOT, wait_until
from tests.e2e.live.airflow_processes import LiveAirflow
from tests.support.stored_batch import JOB, StoredBatch
from tests.unit.plugins.database import put

_PLACE: dict[str, Any] = {"dag_id": "catalogue", "run_id": "bench", "task_id": "make", "map_index": -1}
_BOOT_SECONDS = 600
_NEW_ROWS = 10
_REFUSED_EVERY = 100


def store(folder: Path, rows: int, first: int = 1) -> None:
    """Write rows of a batch as its worker stores them; the first time also its task instance.

    :param folder: the batch's output path.
    :param rows: number of rows.
    :param first: number of the first row.
    """
    batch = StoredBatch(folder, **_PLACE)
    batch.overview |= {"rows": rows, "units_estimated": str(8 * rows)}
    lines = []
    for number in range(first, first + rows):
        refused = number % _REFUSED_EVERY == 0
        job = {"task_id": str(JOB + number), "prompt": f"product {number}", "model_name": "kling-v2-1"}
        line = batch.line(number, RowState.REFUSED, error="refused (1301)", **job)
        lines.append(line if refused else batch.done(number))
    batch.write(*lines)
    if first == 1:
        put([batch.instance(state="running")])


def measure(folder: Path, rows: int) -> str:
    """Read pages of a batch and return a table.

    :param folder: empty folder.
    :param rows: rows of the batch.
    :return: Markdown.
    """
    home, stored = folder / "airflow", folder / "batch"
    home.mkdir()
    airflow = LiveAirflow(home, folder, None, {"core.load_examples": False})
    airflow.prepare_database()
    writer = [sys.executable, "-m", __spec__.name, "--store", str(stored)]
    subprocess.run([*writer, "--rows", str(rows)], env=airflow.env, cwd=ROOT, check=True)
    server = psutil.Process(airflow.start("api-server").pid)
    try:
        wait_until(lambda: airflow.api.healthy("metadatabase"), _BOOT_SECONDS, "the API server", every=1)
        # The first answer of a server loads what all pages need.
        airflow.api.get("/kling/dags/catalogue/cards", run_id="nothing")
        lines = [
            _line(airflow, server, "first page, the first time", {}),
            _line(airflow, server, "first page again", {}),
            _line(airflow, server, "page 40", {"offset": 3900}),
            _line(airflow, server, "refused rows", {"group": "refused"}),
            _line(airflow, server, "rows with a word", {"words": f"product {rows - 1}"}),
        ]
        more = ["--rows", str(_NEW_ROWS), "--first", str(rows + 1)]
        subprocess.run([*writer, *more], env=airflow.env, cwd=ROOT, check=True)
        lines.append(_line(airflow, server, f"first page, {_NEW_ROWS} more rows are done", {}))
    finally:
        airflow.stop()
    head = [
        f"A batch of {rows:,} rows:",
        "",
        "| What | Elapsed | Processor time | Size |",
        "|---|--:|--:|--:|",
    ]
    return "\n".join([*head, *lines])


def _line(airflow: LiveAirflow, server: psutil.Process, what: str, query: Mapping[str, Any]) -> str:
    asked = {name: value for name, value in _PLACE.items() if name != "dag_id"} | dict(query)
    cpu, began = _processor_time(server), time.perf_counter()
    answer = airflow.api.get("/kling/dags/catalogue/batch", **asked)
    elapsed = time.perf_counter() - began
    used = _processor_time(server) - cpu
    answer.raise_for_status()
    if not answer.json()["rows"]:
        raise RuntimeError(f"{what}: no rows")
    return f"| {what} | {elapsed:.2f} s | {used:.2f} s | {len(answer.content) / 1000:.0f} kB |"


def _processor_time(server: psutil.Process) -> float:
    total = 0.0
    for process in (server, *server.children(recursive=True)):
        spent = process.cpu_times()
        total += spent.user + spent.system
    return total


def main() -> None:
    """Measure and print, or write the rows that are measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--first", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--store", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.store:
        store(given.store, given.rows, given.first)
        return
    with tempfile.TemporaryDirectory(prefix="kling-bench-") as folder:
        sys.stdout.write(f"{measure(Path(folder), given.rows)}\n")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""What a start of a large batch costs before anything is submitted: ``python -m benchmarks.bench_ledger``.

The check of all rows, and the read of a ledger in which almost all rows are done: when the worker comes that
archives the last of them, and when each later one does. Processor time and memory, each in a process of its
own. The output is Markdown for ``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from airflow_provider_kling.api.endpoint import get_endpoint
from airflow_provider_kling.batch.input import RequestRow, row_reader
from airflow_provider_kling.batch.ledger import Ledger
from airflow_provider_kling.batch.ledger_entry import LedgerEntry, RowState
from airflow_provider_kling.batch.preflight import preflight
from airflow_provider_kling.utils.storage import resolve_path
from scripts.local_airflow import ROOT, environment

from .batch_alone import Memory

SLUG = "videos/text2video"
_FLUSH_ROWS = 1000


def entry_of(row: RequestRow, *, running: bool) -> LedgerEntry:
    """The line that a worker leaves of a row whose job runs, or is done."""
    about = {"dag_id": "shop", "task_id": "batch", "run_id": "manual__2026-11-28", "map_index": -1}
    made = {"videos": [{"path": f"/out/{row.number}/0-video.mp4", "duration": "5.0", "bytes": 1234567}]}
    return LedgerEntry(
        *(row.key, RowState.SUBMITTED if running else RowState.DONE, row.number),
        external_task_id=f"af-{row.key}",
        task_id=f"8{row.number:017d}",
        submitted_at=1_795_000_000_000,
        estimate="3",
        units=None if running else "3",
        result=None if running else made,
        airflow={**about, "try_number": 1},
        prompt=row.values["prompt"],
        model_name="kling-v2-5-turbo",
    )


def write(folder: Path, rows: int, running: int) -> None:
    """Write an input, and the ledger that one worker leaves of it."""
    requests = ({"prompt": f"wave number {number}", "duration": "5"} for number in range(rows))
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, requests)))
    ledger = Ledger(resolve_path(str(folder / "ledger")))
    ledger.load()
    for row in row_reader(str(folder / "rows.jsonl"))():
        ledger.record(entry_of(row, running=row.number <= running))
        if row.number % _FLUSH_ROWS == 0:
            ledger.flush()
    ledger.flush()


def measure(part: str, folder: Path) -> dict[str, float]:
    """Measure one part in this process."""
    endpoint, ledger = get_endpoint(SLUG), Ledger(resolve_path(str(folder / "ledger")))
    memory, worked, began = Memory(), time.process_time(), time.monotonic()
    if part == "preflight":
        preflight(endpoint, row_reader(str(folder / "rows.jsonl"))(), {})
    else:
        ledger.load()
        ledger.compact()
    used = {"cpu": time.process_time() - worked, "seconds": time.monotonic() - began}
    return {**used, "megabytes": memory.stop(), "open": float(len(ledger.entries))}


def _alone(part: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.bench_ledger", "--measure", part, str(folder)]
    done = subprocess.run(
        command, env=environment(folder), cwd=ROOT, capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--running", type=int, default=100)
    parser.add_argument("--measure", nargs=2, metavar=("PART", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        part, place = arguments.measure
        sys.stdout.write(f"{json.dumps(measure(part, Path(place)))}\n")
        return
    with tempfile.TemporaryDirectory(prefix="kling-bench-") as name:
        folder = Path(name)
        write(folder, arguments.rows, arguments.running)
        parts = [
            ("check and price all rows", "preflight"),
            ("read the ledger, first start after the rows were done", "load"),
            ("read the ledger, each later start", "load"),
        ]
        lines = [
            f"{arguments.rows} rows, of which {arguments.running} are running and all others done:",
            "",
            "| What | Processor time | Memory |",
            "|---|--:|--:|",
        ]
        for title, part in parts:
            found = _alone(part, folder)
            lines.append(f"| {title} | {found['cpu']:.1f} s | +{found['megabytes']:.0f} MB |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""A batch of 100,000 rows from start to end: ``python -m benchmarks.bench_large_batch [--rows N]``.

The jobs end after a second and the account has many slots, so that what is measured is the batch itself: the
time until the first job is made, the memory of the worker over what it had before, and a second start, with
all rows done. With ``--left N`` an earlier worker has made all rows but the last N, which saves an hour; the
ledger is the same. The output is Markdown for ``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from airflow_provider_kling.batch.input import row_reader
from airflow_provider_kling.batch.ledger import Ledger
from airflow_provider_kling.utils.storage import resolve_path

from .bench_batch import run_alone
from .bench_ledger import entry_of
from .servers import kling_server

SLUG = "images/generations"
_FLUSH_ROWS = 100


def write_earlier(folder: Path, rows: int) -> None:
    """Write what a worker leaves that has made the first rows of a batch and was killed."""
    (place,) = (folder / "out" / "_ledger").iterdir()
    ledger = Ledger(resolve_path(str(place)))
    ledger.load()
    for row in row_reader(str(folder / "rows.jsonl"))():
        if row.number > rows:
            break
        ledger.record(entry_of(row, running=False))
        if row.number % _FLUSH_ROWS == 0:
            ledger.flush()
    ledger.flush()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--shards", type=int, help="run only the first of this many parts")
    parser.add_argument("--left", type=int, help="rows that an earlier worker has not made; all")
    count, shards = (arguments := parser.parse_args()).rows, arguments.shards
    with tempfile.TemporaryDirectory(prefix="kling-bench-") as name:
        folder = Path(name)
        with (folder / "rows.jsonl").open("w") as file:
            file.writelines(f"{json.dumps({'prompt': f'product {number}'})}\n" for number in range(count))
        batch: dict[str, Any] = {
            "endpoint": SLUG,
            "requests": str(folder / "rows.jsonl"),
            "output_path": str(folder / "out"),
            "concurrency": 200,
            "poll_interval": 1.0,
            "contact_sheet": False,
            **({"shard": 0, "shards": shards} if shards else {}),
        }
        server = kling_server(folder / "kling.log", slots=0, job_seconds=1, scale=0.02, units=1e9)
        with server as kling:
            if arguments.left:
                (folder / "first.jsonl").write_text(f"{json.dumps({'prompt': 'product 0'})}\n")
                run_alone(folder, kling, **{**batch, "requests": str(folder / "first.jsonl")})
                kling.reset()
                write_earlier(folder, count - arguments.left)
            first = run_alone(folder, kling, **batch)
            made = kling.jobs()
            again = run_alone(folder, kling, **batch)
            later = len(kling.jobs()) - len(made)
    started = min(job["made_at"] for job in made) / 1000 - first["began_at"]
    earlier = count - arguments.left if arguments.left else 0
    part = f", the first of {shards} parts" if shards else ""
    lines = [
        f"{count} rows{part}, of which {earlier} are done by an earlier worker:",
        "",
        "| What | First start | Second start, all rows done |",
        "|---|--:|--:|",
        f"| jobs submitted | {len(made)} | {later} |",
        f"| rows done | {first['summary']['done']} | {again['summary']['done']} |",
        f"| memory above that before | +{first['megabytes']:.0f} MB | +{again['megabytes']:.0f} MB |",
        f"| start to first job | {started:.1f} s | |",
        f"| whole task | {first['seconds']:.0f} s | {again['seconds']:.1f} s |",
        f"| processor time of the worker | {first['cpu']:.0f} s | {again['cpu']:.1f} s |",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

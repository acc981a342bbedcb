# SPDX-License-Identifier: Apache-2.0
"""What a batch costs, alone and beside mapped tasks: ``python -m benchmarks.bench_batch [PART ...]``.

Parts: ``slots`` (how full they stay), ``resume`` (5,000 rows taken up again), ``mapped`` (the same jobs as
mapped tasks, in a live Airflow); ``memory`` (5,000 rows with pictures in S3) only when it is named, for it
takes a quarter of an hour. The output is Markdown for ``docs/batch.md``.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow_provider_kling.batch.input import row_reader
from airflow_provider_kling.batch.ledger import Ledger
from airflow_provider_kling.batch.ledger_entry import LedgerEntry, RowState
from airflow_provider_kling.utils.storage import resolve_path
from scripts.local_airflow import ROOT, environment
from tests.e2e.live.airflow_processes import LiveAirflow

from .servers import BUCKET, KlingServer, kling_server, s3_connection, s3_server

PATH = "/v1/videos/text2video"
SLUG = "videos/text2video"
_TICKS = os.sysconf("SC_CLK_TCK")
_OWN_AND_WAITED_FOR = slice(11, 15)


def slots(folder: Path) -> str:
    """Three hundred jobs of 6 s in 20 slots."""
    jobs, seconds, width, interval = 300, 6.0, 20, 0.5
    with kling_server(folder / "kling.log", slots=width, job_seconds=seconds, scale=0.1) as kling:
        requests = [{"prompt": f"wave number {number}", "duration": "5"} for number in range(jobs)]
        measured = run_alone(
            folder,
            kling,
            requests=requests,
            concurrency=width,
            poll_interval=interval,
            output_path=str(folder),
        )
        made, counted = kling.jobs(), kling.summary()
        polls = kling.count("GET", PATH) + kling.count("GET", f"{PATH}/{{id}}")
    ideal = jobs * seconds / width
    span = (max(job["ended_at"] for job in made) - min(job["made_at"] for job in made)) / 1000
    one_each = jobs * seconds / interval
    return _table(
        f"{jobs} jobs of {seconds:g} s in {width} slots (at best {ideal:g} s), `poll_interval={interval:g}`",
        ("what", "measured", "bound"),
        ("first job's start to last job's end", f"{span:.1f} s ({span / ideal:.3f} of the best)", "1.10"),
        ("whole task, reports and contact sheet too", f"{measured['seconds']:.1f} s", ""),
        ("most jobs active at once", counted["max_active"], width),
        ("status requests", f"{polls} (one poller a job: {one_each:.0f})", f"{one_each / 10:.0f}"),
        ("processor time of the worker", f"{measured['cpu']:.1f} s", ""),
    )


def resume(folder: Path) -> str:
    """Five thousand rows, of which all but a hundred are done."""
    count, left = 5000, 100
    requests = [{"prompt": f"wave number {number}", "duration": "5"} for number in range(count)]
    rows = folder / "rows.jsonl"
    rows.write_text("\n".join(map(json.dumps, requests)))
    common: dict[str, Any] = {
        "requests": str(rows),
        "output_path": str(folder / "out"),
        "concurrency": 100,
        "poll_interval": 0.5,
    }
    with kling_server(folder / "kling.log", slots=0, job_seconds=0, scale=0.1) as kling:
        run_alone(folder, kling, **{**common, "requests": requests[:1]})
        (ledger_folder,) = (folder / "out" / "_ledger").iterdir()
        ledger = Ledger(resolve_path(str(ledger_folder)))
        ledger.load()
        for row in row_reader(str(rows))():
            made = {"videos": [{"path": f"/out/{row.number}/0-video.mp4", "duration": "5.0"}]}
            if row.number > left:
                ledger.record(
                    LedgerEntry(row.key, RowState.DONE, row.number, task_id="8", units="3", result=made)
                )
            if row.number % 90 == 0:
                ledger.flush()
        ledger.flush()
        kling.reset()
        nothing_left = run_alone(folder, kling, **{**common, "requests": str(rows), "contact_sheet": False})
        again = run_alone(folder, kling, **{**common, "requests": str(rows), "contact_sheet": False})
    return _table(
        f"A ledger of {count} rows is taken up again",
        ("what", "measured", "bound"),
        (f"{left - 1} rows left to make", f"{nothing_left['seconds']:.1f} s", ""),
        ("nothing left to make", f"{again['seconds']:.1f} s", "10 s"),
    )


def memory(folder: Path, count: int = 5000, size: int = 1_000_000) -> str:
    """Thousands of rows whose pictures lie in S3, and the results too."""
    with (
        kling_server(folder / "kling.log", slots=200, job_seconds=1, scale=0.1, units=1e6) as kling,
        s3_server(folder / "s3.log") as (url, client),
    ):
        for number in range(50):
            client.put_object(Bucket=BUCKET, Key=f"in/{number}.jpg", Body=_picture(size))
        lines = (
            {"image": f"s3://bench_s3@{BUCKET}/in/{number % 50}.jpg", "prompt": f"product {number}"}
            for number in range(count)
        )
        body = "\n".join(map(json.dumps, lines)).encode()
        client.put_object(Bucket=BUCKET, Key="in/rows.jsonl", Body=body)
        measured = run_alone(
            folder,
            kling,
            {"AIRFLOW_CONN_BENCH_S3": s3_connection(url)},
            endpoint="videos/image2video",
            requests=f"s3://bench_s3@{BUCKET}/in/rows.jsonl",
            output_path=f"s3://bench_s3@{BUCKET}/out",
            concurrency=100,
            poll_interval=1.0,
        )
    return _table(
        f"{count} rows, each with a picture of {size / 1e6:g} MB in S3, results to S3",
        ("what", "measured", "bound"),
        ("memory of the worker over what it had when it began", f"{measured['megabytes']:.0f} MB", "150 MB"),
        ("rows that are done", measured["summary"]["done"], count),
    )


def mapped(folder: Path) -> str:
    """The same jobs as deferrable mapped tasks and as one batch, in one live Airflow."""
    jobs, seconds, width = 60, 20.0, 20
    with kling_server(folder / "kling.log", slots=width, job_seconds=seconds, scale=0.1) as kling:
        home = folder / "airflow"
        home.mkdir()
        settings = {"core.parallelism": 16}
        variables = {"KLING_BENCH_OUTPUT": str(folder / "out")}
        dags = Path(__file__).parent / "batch_dags"
        with LiveAirflow(home, dags, {"kling_default": kling.connection}, settings, variables) as airflow:
            rows = [
                _live(airflow, kling, name, title, jobs)
                for name, title in (
                    ("bench_mapped", "mapped tasks, deferrable"),
                    ("bench_batch", "one batch, `concurrency=20`"),
                )
            ]
    return _table(
        f"{jobs} jobs of {seconds:g} s in {width} slots (at best {jobs * seconds / width:g} s), "
        "in a live Airflow with LocalExecutor and 16 workers",
        (
            "method",
            "total time",
            "Airflow's processor time",
            "worker starts",
            "rejected create calls",
            "status requests",
        ),
        *rows,
    )


def _live(airflow: LiveAirflow, kling: KlingServer, dag_id: str, title: str, jobs: int) -> tuple[Any, ...]:
    kling.reset()
    before = _cpu_of(airflow)
    run_id = airflow.api.trigger(dag_id, {"count": jobs})
    state = airflow.api.wait_for_run(dag_id, run_id, timeout=900)
    if state != "success":
        raise RuntimeError(f"{dag_id} ended as {state}\n{airflow.last_lines()}")
    used = _cpu_of(airflow) - before
    tasks = airflow.api.task_instances(dag_id, run_id, "make")
    first = min(job["made_at"] for job in kling.jobs()) / 1000
    last = max(datetime.fromisoformat(each["end_date"]).timestamp() for each in tasks)
    starts = sum(_starts_of(airflow, each) for each in tasks)
    polls = kling.count("GET", PATH) + kling.count("GET", f"{PATH}/{{id}}")
    return (
        title, f"{last - first:.0f} s", f"{used:.0f} s", starts, kling.count("POST", PATH, 429), polls
    )  # fmt: skip


def _starts_of(airflow: LiveAirflow, instance: Mapping[str, Any]) -> int:
    """Count how often a worker began with a task: each begins the log anew."""
    return max(airflow.task_log(dict(instance)).count("::group::Pre Execute"), 1)


def _cpu_of(airflow: LiveAirflow) -> float:
    """Processor seconds of all of an Airflow's processes, those that have ended too."""
    used = 0
    for pid in _with_descendants(airflow.pids):
        with suppress(OSError):
            used += sum(map(int, _stat(pid)[_OWN_AND_WAITED_FOR]))
    return used / _TICKS


def _with_descendants(pids: Iterable[int]) -> set[int]:
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            children.setdefault(int(_stat(int(folder.name))[1]), []).append(int(folder.name))
    found, left = set(), list(pids)
    while left:
        found.add(pid := left.pop())
        left += children.get(pid, [])
    return found


def _stat(pid: int) -> list[str]:
    """Fields of ``/proc/PID/stat`` from the state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def run_alone(
    folder: Path, kling: KlingServer, variables: Mapping[str, str] | None = None, **arguments: Any
) -> dict[str, Any]:
    """Run one batch in a process of its own; return what it took."""
    env = environment(folder) | {"AIRFLOW_CONN_KLING_DEFAULT": kling.connection} | dict(variables or {})
    arguments = {"endpoint": SLUG, **arguments}
    file = folder / "requests.jsonl"
    if isinstance(arguments["requests"], list):
        file.write_text("\n".join(map(json.dumps, arguments["requests"])))
        arguments["requests"] = str(file)
    command = [sys.executable, "-m", "benchmarks.batch_alone", json.dumps(arguments)]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout[-3000:] + done.stderr[-3000:])
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _picture(size: int) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.effect_noise((640, 480), 50).convert("RGB").save(stream, "JPEG")
    # What follows a JPEG's end is passed over by all who read it.
    return stream.getvalue() + os.urandom(max(0, size - stream.tell()))


def _table(title: str, head: tuple[str, ...], *rows: tuple[Any, ...]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join([f"{title}:", "", *("| " + " | ".join(map(str, line)) + " |" for line in lines), ""])


PARTS: dict[str, Callable[[Path], str]] = {
    "slots": slots,
    "resume": resume,
    "mapped": mapped,
    "memory": memory,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    for name in parser.parse_args().parts or ("slots", "resume", "mapped"):
        with tempfile.TemporaryDirectory(prefix="kling-bench-") as folder:
            sys.stdout.write(f"{PARTS[name](Path(folder))}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()

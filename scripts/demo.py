# SPDX-License-Identifier: Apache-2.0
"""``make demo``: a real Airflow runs the first example DAG and a video lies in ``demo-output/``.

Without settings the job runs at a local emulator. With ``AIRFLOW_CONN_KLING_DEFAULT`` set it runs at the
real service and costs money, after a question (or without one when ``KLING_DEMO_YES=1``).
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .local_airflow import EXAMPLES, ROOT, Program, environment, last_lines, signals_end_this_program

DAG_ID = "example_kling_animate_picture"
TASK_ID = "animate"
CONNECTION = "AIRFLOW_CONN_KLING_DEFAULT"
OUTPUT = ROOT / "demo-output"

EMULATOR_SPEED = 20.0
"""A job that takes two minutes at the service takes six seconds here."""

# The example makes 5 seconds of 720p without sound with kling-v3: 0.6 units a second, 0.14 US$ a unit.
COST = "3 units of a video package, about 0.42 US$ (list price of September 2026)"


class DemoFailed(Exception):
    """The demo cannot go on; the text says why."""


@dataclass(frozen=True)
class Service:
    """Where the job will run.

    :param title: for people.
    :param connection: value of the connection's environment variable.
    """

    title: str
    connection: str


def main() -> int:
    """Run the demo and return the exit code."""
    with signals_end_this_program():
        try:
            with _service() as service:
                _demo(service)
        except DemoFailed as failure:
            print(f"\n{failure}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("\nStopped.", file=sys.stderr)
            return 130
    return 0


@contextmanager
def _service() -> Iterator[Service]:
    if given := os.environ.get(CONNECTION):
        _ask_before_paying()
        yield Service(f"the connection in {CONNECTION}: a real service, charged", given)
        return

    from airflow_provider_kling.emulator import Emulator

    with Emulator(speed=EMULATOR_SPEED) as emulator:
        connection = {"conn_type": "kling", "host": emulator.url, "password": emulator.options.api_key}
        yield Service(f"emulator at {emulator.url}: no account, no cost", json.dumps(connection))


def _ask_before_paying() -> None:
    print(f"{CONNECTION} is set, so this makes one video at the real service.\nIt will cost {COST}.")
    if os.environ.get("KLING_DEMO_YES") == "1":
        return
    if not sys.stdin.isatty():
        raise DemoFailed("Nobody can be asked here: set KLING_DEMO_YES=1 to agree, or unset the connection.")
    if input("Go on? [y/N] ").strip().lower() not in ("y", "yes"):
        raise DemoFailed("Nothing was done.")


def _demo(service: Service) -> None:
    print("Kling demo: Airflow turns a picture into a video")
    _say("service", service.title)
    OUTPUT.mkdir(exist_ok=True)
    log = OUTPUT / "airflow.log"
    log.unlink(missing_ok=True)
    home = Path(tempfile.mkdtemp(prefix="kling-demo-"))
    try:
        env = environment(home) | {CONNECTION: service.connection}
        _say("airflow", f"database in {home}, log in {_short(log)}")
        _airflow(["db", "migrate"], env, log)
        _say("DAG", f"{_short(EXAMPLES / DAG_ID)}.py")
        started = time.monotonic()
        _airflow(["dags", "test", DAG_ID], env, log)
        result = _result(home, log)
        _say("job", f"{result['task_id']} (ours: {result['external_task_id']})")
        _say("waited", f"{time.monotonic() - started:.0f} s")
        _say("units", result["units"] or "not told")
        _say("video", _fetch(result))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print("\nNext: change the prompt in the DAG and run it again; `make airflow` shows Airflow's UI.")


def _airflow(arguments: list[str], env: Mapping[str, str], log: Path) -> None:
    program = Program([sys.executable, "-m", "airflow", *arguments], env, log)
    try:
        code = program.wait()
    finally:
        program.stop()
    if code:
        raise _failed(f"`airflow {' '.join(arguments)}` ended with exit code {code}.", log)


def _failed(what: str, log: Path) -> DemoFailed:
    return DemoFailed(f"{last_lines(log, 25)}\n\n{what} The lines above are the end of {_short(log)}.")


def _result(home: Path, log: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(home / "airflow.db")) as database:
        row = database.execute(
            "SELECT value FROM xcom WHERE dag_id = ? AND task_id = ? AND key = 'return_value'",
            (DAG_ID, TASK_ID),
        ).fetchone()
    if row is None:
        raise _failed(f"The DAG ran, but task {TASK_ID!r} left no result.", log)
    value = row[0]
    while isinstance(value, str | bytes):  # Airflow's versions differ in how often they encode
        value = json.loads(value)
    return dict(value)


def _fetch(result: Mapping[str, Any]) -> str:
    video = result["videos"][0]
    path = OUTPUT / f"{DAG_ID}.mp4"
    with urllib.request.urlopen(video["url"], timeout=60) as answer, path.open("wb") as file:  # noqa: S310
        shutil.copyfileobj(answer, file)
    return f"{_short(path)} ({video['duration']} s, {path.stat().st_size / 1e6:.1f} MB)"


def _say(what: str, value: str) -> None:
    print(f"  {what:<8} {value}", flush=True)


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT))


if __name__ == "__main__":
    sys.exit(main())

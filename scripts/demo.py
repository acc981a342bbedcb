# SPDX-License-Identifier: Apache-2.0
"""``make demo``: a real Airflow runs the first example DAG and a video lies in ``demo-output/``.

The job runs at a local emulator. Only with ``KLING_DEMO_YES=1`` it runs at the account of
``AIRFLOW_CONN_KLING_DEFAULT``, which is charged.
"""

from __future__ import annotations

import json
import os
import re
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

DAG_ID = "example_kling_animate_image"
TASK_ID = "animate"
CONNECTION = "AIRFLOW_CONN_KLING_DEFAULT"
AGREEMENT = "KLING_DEMO_YES"
OUTPUT = ROOT / "demo-output"

EMULATOR_SPEED = 20.0
"""A job that takes a minute at the service takes three seconds here."""

_LOOK_EVERY = 0.3
_NEXT = (
    "Next: run `make airflow`. It shows this DAG in Airflow's UI, where you run it with an image and a "
    "prompt of your own."
)


class DemoFailed(Exception):
    """The demo cannot go on; the text says why."""


@dataclass(frozen=True)
class Service:
    """Where the job will run.

    :param title: for people.
    :param connection: value of the connection's environment variable.
    :param remark: what to know of the video.
    """

    title: str
    connection: str
    remark: str = ""


def main() -> int:
    """Run the demo and return the exit code."""
    with signals_end_this_program():
        try:
            with _service() as service:
                _demo(service)
        except DemoFailed as failure:
            print(f"\n{failure}", file=sys.stderr)
            return 1
        except OSError as error:
            # Of this machine's: no room on the disk, no right to write.
            print(f"\nThe demo cannot go on: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("\nStopped.", file=sys.stderr)
            return 130
    return 0


@contextmanager
def _service() -> Iterator[Service]:
    given, agreed = os.environ.get(CONNECTION), os.environ.get(AGREEMENT) == "1"
    if given and agreed:
        print(f"{AGREEMENT} is 1, so this creates one video at the account of {CONNECTION}.\n{_cost()}")
        yield Service(f"the connection in {CONNECTION}: a real service, charged", given)
        return
    if agreed:
        raise DemoFailed(f"{AGREEMENT} is 1, but {CONNECTION} is not set.")
    if given:
        print(f"{CONNECTION} is set but not used; with {AGREEMENT}=1 its account is used and charged.")

    from airflow_provider_kling.emulator.server import Emulator

    with Emulator(speed=EMULATOR_SPEED, scale=1.0) as emulator:
        title = f"emulator at {emulator.url}: no account, no cost"
        yield Service(title, emulator.connection_json(), ": emulated, not made by Kling")


def _cost() -> str:
    from airflow_provider_kling.api.pricing import PRICES_OF, USD_PER_UNIT, estimate
    from airflow_provider_kling.api.requests.video import IMAGE_TO_VIDEO, ImageToVideo

    units = estimate(IMAGE_TO_VIDEO, ImageToVideo(image="https://example.com/picture.jpg", duration="5"))
    if units is None:
        return "What it will cost is not known."
    dollars = units * USD_PER_UNIT["video"]
    return f"It will cost about {units} video units, US$ {dollars:.2f} by Kling's list of {PRICES_OF}."


def _demo(service: Service) -> None:
    print("Kling demo: Airflow turns an image into a video")
    _say("service", service.title)
    OUTPUT.mkdir(exist_ok=True)
    log = OUTPUT / "airflow.log"
    log.unlink(missing_ok=True)
    home = Path(tempfile.mkdtemp(prefix="kling-demo-"))
    try:
        # Alone: other examples need packages that the demo does not install.
        dags = home / "dags"
        shutil.copytree(EXAMPLES / "assets", dags / "assets")
        shutil.copy(EXAMPLES / f"{DAG_ID}.py", dags)
        env = environment(home, dags) | {CONNECTION: service.connection}
        _say("airflow", f"database in {home}, log in {_short(log)}")
        _airflow(["db", "migrate"], env, log)
        _say("DAG", f"{_short(EXAMPLES / DAG_ID)}.py")
        started = time.monotonic()
        _airflow(["dags", "test", DAG_ID], env, log)
        result = _result(home, log)
        _say("job", f"{result['task_id']} (ours: {result['external_task_id']})")
        _say("waited", f"{_seconds(result)}{time.monotonic() - started:.0f} s with all of Airflow's work")
        _say("units", result["units"] or "not reported")
        _say("video", f"{_fetch(result)}{service.remark}")
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(f"\n{_NEXT}")


def _airflow(arguments: list[str], env: Mapping[str, str], log: Path) -> None:
    program = Program([sys.executable, "-m", "airflow", *arguments], env, log)
    news = _News(log)
    try:
        while program.exit_code is None:
            time.sleep(_LOOK_EVERY)
            news.tell()
    finally:
        program.stop()
    news.tell()
    if program.exit_code:
        raise _failed(f"`airflow {' '.join(arguments)}` ended with exit code {program.exit_code}.", log)


class _News:
    """Shows what the provider writes to a log that is being written, and nothing of Airflow's own."""

    _LINE = re.compile(r"^\S+ \[(?:info|warning|error) *\] (.*?) +\[[\w.]*\bairflow_provider_kling\.")
    _ERROR = re.compile(r"^airflow_provider_kling\.exceptions\.(.*)")

    def __init__(self, log: Path) -> None:
        self._log = log
        self._read = log.stat().st_size

    def tell(self) -> None:
        """Print what is new, as far as its lines are complete."""
        with self._log.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        new = new[: new.rfind(b"\n") + 1]
        self._read += len(new)
        for line in new.decode(errors="replace").splitlines():
            if found := self._LINE.match(line) or self._ERROR.match(line):
                print(f"           {found[1]}", flush=True)


def _failed(what: str, log: Path) -> DemoFailed:
    return DemoFailed(f"{what} The whole story is in {_short(log)}; it ends:\n{last_lines(log, 12)}")


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


def _seconds(result: Mapping[str, Any]) -> str:
    if not (result["created_at"] and result["updated_at"]):
        return ""
    return f"{(result['updated_at'] - result['created_at']) / 1000:.0f} s for the job, "


def _fetch(result: Mapping[str, Any]) -> str:
    video = result["videos"][0]
    path = OUTPUT / f"{DAG_ID}.mp4"
    try:
        with urllib.request.urlopen(video["url"], timeout=60) as answer, path.open("wb") as file:  # noqa: S310
            shutil.copyfileobj(answer, file)
    except OSError as error:
        raise DemoFailed(
            f"The video was made, but {_short(path)} cannot be written: {error}. Kling keeps the result of "
            f"job {result['task_id']} for 30 days."
        ) from None
    return f"{_short(path)} ({video['duration']} s, {path.stat().st_size / 1e6:.1f} MB)"


def _say(what: str, value: str) -> None:
    print(f"  {what:<8} {value}", flush=True)


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT))


if __name__ == "__main__":
    sys.exit(main())

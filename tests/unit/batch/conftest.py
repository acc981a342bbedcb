# SPDX-License-Identifier: Apache-2.0
"""Small ways to run a batch against a real server, and to look at what it has left."""

from __future__ import annotations

import io
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest

from airflow_provider_kling.batch import circuit_breaker, limiter, monitor
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.operators.batch import KlingBatchOperator
from airflow_provider_kling.utils.storage import resolve_path
from tests.unit.batch.workers import SUCCESS, Workers
from tests.unit.operators.conftest import TaskInstance, context_of
from tests.unit.results.conftest import Shelf, shelf

__all__ = ["shelf"]

SLUG = "images/generations"
PATH = f"/v1/{SLUG}"
RETRIES = 2


def rows(count: int, **more: Any) -> list[dict[str, Any]]:
    """Requests that differ from each other; a job costs 8 units."""
    return [{"prompt": f"product {number}", **more} for number in range(1, count + 1)]


class Batch:
    """A batch task of one DAG run, which may be tried, cleared and tried again.

    :param output: its output path.
    :param defaults: arguments of the operator.
    """

    def __init__(self, output: str, **defaults: Any) -> None:
        self.output = output
        self.ti = TaskInstance(dag_id="shop", task_id="batch", max_tries=RETRIES)
        self._defaults = {"endpoint": SLUG, "poll_interval": 0.2, "contact_sheet": False, **defaults}

    def operator(self, requests: Any, **more: Any) -> KlingBatchOperator:
        arguments = {"output_path": self.output, "retries": RETRIES, **self._defaults, **more}
        return KlingBatchOperator(task_id="batch", requests=requests, **arguments)

    def run(self, requests: Any, context: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """Carry out one try and return the summary."""
        return self.operator(requests, **more).execute(context_of(self.ti, **(context or {})))

    def retry(self) -> Batch:
        """Let the next run be the next try."""
        self.ti = self.ti.retried()
        return self

    def clear(self) -> Batch:
        """Let the next run be the first after somebody cleared the task."""
        self.ti = replace(self.ti.retried(), max_tries=self.ti.try_number + RETRIES)
        return self

    def files(self) -> dict[str, bytes]:
        return Shelf(self.output).files()

    def summary(self) -> dict[str, Any]:
        """What the report's summary says."""
        return dict(json.loads(self.files()["summary.json"]))

    def lines(self, name: str) -> list[dict[str, Any]]:
        """What a report file of the output path holds, a line each."""
        content = self.files()[name].decode()
        return [json.loads(line) for line in content.splitlines()]

    def ledger(self) -> dict[int, dict[str, Any]]:
        """The last line of each row, by its number."""
        found: dict[str, dict[str, Any]] = {}
        for name, content in sorted(self.files().items()):
            if name.startswith("_ledger/"):
                found |= {(line := json.loads(text))["key"]: line for text in content.decode().splitlines()}
        return {line["number"]: line for line in found.values()}

    def states(self) -> list[str]:
        """How far each row has come, in order."""
        return [line["state"] for _, line in sorted(self.ledger().items())]


@dataclass
class Tries:
    """Runs the tries of one batch in processes of their own."""

    workers: Workers
    batch: Batch
    kling: Emulator
    count: int = 0

    def start(
        self, requests: Any, concurrency: int = 10, more: dict[str, Any] | None = None, **order: Any
    ) -> int:
        """Start the next try; return its process id.

        :param more: more arguments of the operator.
        """
        self.count += 1
        arguments = {
            "endpoint": SLUG,
            "requests": requests,
            "output_path": self.batch.output,
            "concurrency": concurrency,
            "poll_interval": 0.2,
            "retries": 2,
            "contact_sheet": False,
            **(more or {}),
        }
        connection = self.kling.connection_json()
        ti = {"try_number": self.count, "max_tries": 2}
        return self.workers.start(connection=connection, arguments=arguments, ti=ti, **order)

    def end(self, pid: int) -> tuple[int, float]:
        """Send SIGTERM; return the exit code and how many seconds it took."""
        began = time.monotonic()
        os.kill(pid, signal.SIGTERM)
        return self.workers.wait(), time.monotonic() - began

    def kill(self, pid: int) -> None:
        """Kill a try, unless it has just ended, and wait for its end."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self.workers.wait()

    def finish(self, requests: Any) -> None:
        """Run one more try, which succeeds."""
        self.start(requests)
        assert self.workers.wait() == SUCCESS, self.workers.said("")[-30:]


@pytest.fixture(scope="session")
def worker_processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    with Workers(tmp_path_factory.mktemp("workers") / "workers.log") as workers:
        yield workers


@pytest.fixture
def tries(worker_processes: Workers, batch: Batch) -> Callable[[Emulator], Tries]:
    """Run tries of the batch in processes that can be killed."""
    worker_processes.forget()
    return lambda kling: Tries(worker_processes, batch, kling)


@pytest.fixture(scope="session")
def _server() -> Iterator[Emulator]:
    with Emulator(speed=1, job_seconds=0.3, slots=10, scale=0.05) as emulator:
        yield emulator


@pytest.fixture
def kling(_server: Emulator, short_delays: None, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """An emulator with ten slots whose jobs take 0.3 s; the connection ``kling_default`` leads to it."""
    _server.reset()
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", _server.connection_json())
    return _server


@pytest.fixture
def start(short_delays: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Emulator]]:
    """Start emulators with settings of their own."""
    running: list[Emulator] = []

    def run(**settings: Any) -> Emulator:
        emulator = Emulator(**{"speed": 1, "job_seconds": 0.3, "slots": 10, "scale": 0.05, **settings})
        emulator.start()
        running.append(emulator)
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", emulator.connection_json())
        return emulator

    yield run
    for emulator in running:
        emulator.stop()


@pytest.fixture(scope="session")
def images() -> list[bytes]:
    """Three different images."""
    from PIL import Image

    made = []
    for colour in ("red", "green", "blue"):
        stream = io.BytesIO()
        Image.new("RGB", (640, 480), colour).save(stream, "JPEG")
        made.append(stream.getvalue())
    return made


@pytest.fixture
def batch(tmp_path: Any) -> Batch:
    """A batch whose output goes to a local folder."""
    return Batch(str(tmp_path / "out"))


@pytest.fixture
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of a tenth of a second, where users' batches wait for seconds."""
    monkeypatch.setattr(circuit_breaker, "_FIRST_DELAY", 0.05)
    monkeypatch.setattr(circuit_breaker, "_MAX_DELAY", 0.2)
    monkeypatch.setattr(limiter, "PROBE_SECONDS", 0.2)
    monkeypatch.setattr(monitor, "READ_SECONDS", 10.0)


def entries_of(output: str) -> Any:
    """The folders of the ledgers below an output path."""
    place = resolve_path(output).child("_ledger")
    return [str(name) for name in place.fs.ls(place.path, detail=False)]

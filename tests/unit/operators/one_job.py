# SPDX-License-Identifier: Apache-2.0
"""A host of one job that answers by a table, and the ways in which the job is made and read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.batch import monitor
from airflow_provider_kling.operators.batch import KlingBatchOperator
from airflow_provider_kling.operators.results import KlingFetchResultOperator
from airflow_provider_kling.results import build_result
from airflow_provider_kling.sensors.kling import KlingTaskSensor
from tests.unit.hooks.scripted_server import Received, Reply, ScriptedServer
from tests.unit.operators.answers import FILE, whole
from tests.unit.operators.conftest import PATH, TaskInstance, context_of, image_to_video, run
from tests.unit.results.conftest import MP4

SLUG = "videos/image2video"
SUBMITTED = {"code": 0, "data": {"task_id": "8", "task_status": "submitted"}}
NAME = "/files/8.mp4"
NO_JOB = Reply(404, {"code": 1203, "message": "task not found"})


class Kling(ScriptedServer):
    """A host of one job: it takes create calls, and answers queries by a table.

    :param create: the answer to a create call.
    :param query: the answer to a query, with ``FILE`` for the file's URL.
    """

    def __init__(self) -> None:
        super().__init__(route=self._answer)
        self.create: Reply = Reply(200, SUBMITTED)
        self.query: Any = whole()

    def _answer(self, request: Received) -> Reply:
        if request.target == NAME:
            return Reply(200, MP4, {"Content-Type": "video/mp4"})
        if request.method == "POST":
            return self.create
        if isinstance(self.query, Reply):
            return self.query
        text = json.dumps(self.query).replace(FILE, self.url + NAME)
        return Reply(200, text.encode(), {"Content-Type": "application/json"})

    @property
    def creates(self) -> int:
        """Number of create calls."""
        return sum(call == f"POST {PATH}" for call in self.calls)


@pytest.fixture(scope="module")
def running() -> Iterator[Kling]:
    with Kling() as server:
        yield server


@pytest.fixture
def server(running: Kling, monkeypatch: pytest.MonkeyPatch) -> Kling:
    fields = {"conn_type": "kling", "host": running.url, "password": "sk-test-key"}
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(fields))
    for module in (build_result, monitor):
        monkeypatch.setattr(module, "MISSING_RESULT_SECONDS", 0.15)
        monkeypatch.setattr(module, "FIRST_MISSING_DELAY", 0.05)
    running.create, running.query = Reply(200, SUBMITTED), whole()
    running.received.clear()
    return running


Variant = Callable[[TaskInstance, Path], Any]


def run_sync(ti: TaskInstance, out: Path) -> Any:
    return run(image_to_video(output_path=str(out)), ti)


def run_deferrable(ti: TaskInstance, out: Path) -> Any:
    return run(image_to_video(deferrable=True, output_path=str(out)), ti)


def run_sensor(ti: TaskInstance, out: Path) -> Any:
    task = KlingTaskSensor(task_id="film", endpoint=SLUG, kling_task_id="8", poll_interval=0.2)
    return task.execute(context_of(ti))


def run_deferrable_sensor(ti: TaskInstance, out: Path) -> Any:
    task = KlingTaskSensor(
        task_id="film", endpoint=SLUG, kling_task_id="8", poll_interval=0.2, deferrable=True
    )
    return run(task, ti)  # type: ignore[arg-type]


def fetch(ti: TaskInstance, out: Path) -> Any:
    task = KlingFetchResultOperator(task_id="film", endpoint=SLUG, kling_task_id="8", output_path=str(out))
    return task.execute(context_of(ti))


def run_batch(ti: TaskInstance, out: Path) -> Any:
    batch = KlingBatchOperator(
        task_id="film",
        endpoint=SLUG,
        requests=[{"image": "https://images.example/a.png"}],
        output_path=str(out),
        poll_interval=0.2,
        contact_sheet=False,
        retries=3,
    )
    return batch.execute(context_of(ti))


SINGLE: dict[str, Variant] = {"sync": run_sync, "deferrable": run_deferrable}
READERS: dict[str, Variant] = {
    "sensor": run_sensor,
    "deferrable sensor": run_deferrable_sensor,
    "fetch": fetch,
}
WAYS = {**SINGLE, **READERS}
TWO = {"sync": run_sync, "deferrable sensor": run_deferrable_sensor}
"""Enough for reads in one place, in every kind of wait."""


def each(table: dict[str, Any]) -> pytest.MarkDecorator:
    """Run a test with each answer of a table."""
    return pytest.mark.parametrize("shape", table.values(), ids=list(table))


def through(ways: dict[str, Variant]) -> pytest.MarkDecorator:
    """Run a test in each of several ways."""
    return pytest.mark.parametrize("variant", ways.values(), ids=list(ways))


def ledger(out: Path) -> dict[str, Any]:
    """The last line of a batch's ledger."""
    lines = [
        line for path in sorted(out.rglob("_ledger/**/*.jsonl")) for line in path.read_text().split("\n")
    ]
    return dict(json.loads([line for line in lines if line][-1]))

# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for what Airflow hands to a task, and small ways to run one."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.operators import _job_submission
from airflow_provider_kling.operators.base import KlingTaskOperator
from airflow_provider_kling.operators.video import KlingImageToVideoOperator
from tests.support.emulators import SharedEmulator

IMAGE_URL = "https://pictures.example/a.png"
PATH = "/v1/videos/image2video"


@dataclass
class TaskInstance:
    """What operators read of a task instance. XComs live as long as it does."""

    dag_id: str = "films"
    task_id: str = "film"
    run_id: str = "manual__2026-11-20"
    map_index: int = -1
    max_tries: int = 3
    try_number: int = 1
    start_date: datetime = field(default_factory=lambda: datetime.now(UTC))
    xcoms: dict[str, Any] = field(default_factory=dict)
    task: Any = None

    def xcom_push(self, key: str, value: Any) -> None:
        """Store an XCom; Airflow 3.0 rejects None."""
        assert value is not None, f"{key}: Airflow 3.0 stores no None"
        self.xcoms[key] = value

    def xcom_pull(self, task_ids: str, key: str, map_indexes: int = -1) -> Any:
        """Return an XCom of this instance."""
        assert (task_ids, map_indexes) == (self.task_id, self.map_index)
        return self.xcoms.get(key)

    def retried(self) -> TaskInstance:
        """The same instance at its next try: Airflow drops its XComs."""
        return replace(self, try_number=self.try_number + 1, xcoms={}, start_date=datetime.now(UTC))

    def cleared(self) -> TaskInstance:
        """The same instance after a clear: it has all its retries again."""
        return replace(self.retried(), max_tries=self.try_number + 3)


class Store:
    """Airflow's task state store (3.3 and newer)."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        """Return what is stored."""
        return self.values.get(key)

    def set(self, key: str, value: Any) -> None:
        """Store something."""
        self.values[key] = value


def context_of(ti: TaskInstance, **more: Any) -> Any:
    """The part of a task's context that operators read."""
    return {"ti": ti, **more}


def image_to_video(**arguments: Any) -> KlingImageToVideoOperator:
    """A task with three retries that polls quickly."""
    defaults = {"task_id": "film", "retries": 3, "image": IMAGE_URL, "poll_interval": 0.2}
    return KlingImageToVideoOperator(**{**defaults, **arguments})


def run(operator: KlingTaskOperator, ti: TaskInstance, **context: Any) -> Any:
    """Execute a task, and if it defers, what its trigger leads to."""
    values = context_of(ti, **context)
    try:
        return operator.execute(values)
    except TaskDeferred as deferred:
        event = fire(deferred)
        return getattr(operator, deferred.method_name)(values, event=event, **(deferred.kwargs or {}))


def fire(deferred: TaskDeferred) -> Any:
    """Run a trigger as a triggerer would, from its serialized form; return its event."""
    path, arguments = deferred.trigger.serialize()
    module, _, name = path.rpartition(".")
    trigger = getattr(import_module(module), name)(**arguments)

    async def first() -> Any:
        async for event in trigger.run():
            return event.payload
        raise AssertionError("the trigger ended without an event")

    return asyncio.run(asyncio.wait_for(first(), 60))


def meanwhile(reached: Callable[[], bool], act: Callable[[], object]) -> threading.Thread:
    """Do something from another thread once things have come so far; join it to know that it is done."""

    def watch() -> None:
        while not reached():
            time.sleep(0.01)
        act()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def gets(emulator: Emulator) -> int:
    """Number of queries of single jobs that the emulator got."""
    return emulator.count("GET", f"{PATH}/{{id}}")


def posts(emulator: Emulator) -> int:
    """Number of create calls that the emulator got."""
    return emulator.count("POST", PATH)


LogLines = Callable[[str], list[str]]


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> LogLines:
    """Return the lines of the task's log that hold some words."""
    # Each version of Airflow has its own way to log, and its own place.
    monkeypatch.setattr(KlingTaskOperator, "log", logging.getLogger("kling-tests"))
    caplog.set_level(logging.INFO)
    return lambda words: [line for line in caplog.text.splitlines() if words in line]


@pytest.fixture
def ti() -> TaskInstance:
    """A task instance at its first try."""
    return TaskInstance()


@pytest.fixture
def slow_emulator(shared_emulator: SharedEmulator) -> Emulator:
    """The same with jobs that take a minute, unless a test moves its time ahead."""
    return shared_emulator(speed=1.0)


@pytest.fixture
def quick_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a task that waits for a slot ask again after a fifth of a second."""
    monkeypatch.setattr(_job_submission, "SLOT_RETRY_DELAY", 0.2)


@pytest.fixture(params=[False, True], ids=["sync", "deferrable"])
def make(request: pytest.FixtureRequest) -> Callable[..., KlingImageToVideoOperator]:
    """Make the task; each test runs with both ways of waiting."""
    return lambda **arguments: image_to_video(deferrable=request.param, **arguments)

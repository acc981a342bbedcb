# SPDX-License-Identifier: Apache-2.0
"""The account's slots stay full, others' jobs or not, and finding out what has ended costs few requests.

The full measure (300 jobs of 6 s in 20 slots) is the benchmark's: ``python -m benchmarks.bench_batch``. Here
times are short and the machine may be busy, so the bounds are wider.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import requests as http

from airflow_provider_kling.emulator.server import Emulator
from tests.unit.batch.conftest import PATH, Batch, rows


def makespan(kling: Emulator) -> float:
    """Seconds from the first job's start to the last job's end."""
    return max(job.ended_at for job in kling.jobs) - min(job.created_at for job in kling.jobs)


def polls(kling: Emulator) -> int:
    return kling.count("GET", PATH) + kling.count("GET", f"{PATH}/{{id}}")


def refusals(kling: Emulator) -> int:
    return kling.requests.get(("POST", PATH, 429), 0)


def test_slots_stay_full_with_few_polls(start: Callable[..., Emulator], batch: Batch) -> None:
    jobs, seconds, slots = 60, 2.0, 20
    kling = start(job_seconds=seconds, slots=slots)
    batch.run(rows(jobs), concurrency=slots, poll_interval=0.5)
    assert kling.summary["max_active"] == slots
    assert refusals(kling) == 0
    assert makespan(kling) <= 2 * jobs * seconds / slots
    one_per_job = jobs * seconds / 0.2
    assert polls(kling) <= one_per_job / 10


def test_few_slots_need_few_polls(start: Callable[..., Emulator], batch: Batch) -> None:
    jobs, seconds, slots = 10, 3.0, 5
    kling = start(job_seconds=seconds, slots=slots)
    batch.run(rows(jobs), concurrency=slots, poll_interval=0.2)
    assert makespan(kling) <= 2 * jobs * seconds / slots
    # Of the first wave nothing is known yet, so it is looked at as often as was asked for.
    assert polls(kling) <= (jobs * seconds / 0.2) / 3


def test_a_concurrency_below_the_slots_is_never_exceeded(
    start: Callable[..., Emulator], batch: Batch
) -> None:
    kling = start(slots=0)
    batch.run(rows(30), concurrency=4)
    assert kling.summary["max_active"] == 4


def test_a_concurrency_above_the_slots_uses_all_slots_without_failures(
    start: Callable[..., Emulator], batch: Batch
) -> None:
    kling = start(slots=5, job_seconds=0.6)
    assert batch.run(rows(30), concurrency=20)["done"] == 30
    assert kling.summary["max_active"] == 5
    assert makespan(kling) <= 2 * 30 * 0.6 / 5


def test_jobs_that_use_several_slots_are_submitted(start: Callable[..., Emulator], batch: Batch) -> None:
    kling = start(slots=9)
    assert batch.run(rows(6, n=4), concurrency=6)["done"] == 6
    assert kling.summary["max_active"] == 8


def test_the_batch_follows_the_slots_that_other_users_leave(
    start: Callable[..., Emulator], batch: Batch
) -> None:
    kling = start(slots=10, job_seconds=0.4)
    with others(kling, seconds=2.0):
        summary = batch.run(rows(60), concurrency=10)
    assert summary["done"] == 60
    ours = [job for job in kling.jobs if job.body["prompt"] != "others"]
    assert len(ours) == 60
    assert len(kling.jobs) > 60
    assert kling.summary["max_active"] == 10
    # Ten slots do 60 such jobs in 2.4 s: some were left when the others went.
    assert _most_at_once(ours[-20:]) > 5


@contextmanager
def others(kling: Emulator, seconds: float) -> Iterator[None]:
    """Let somebody else's program take every slot that it can get for a while."""
    until, stop = time.monotonic() + seconds, threading.Event()

    def use_slots() -> None:
        headers = {"Authorization": f"Bearer {kling.options.api_key}"}
        while time.monotonic() < until and not stop.is_set():
            body = {"model_name": "kling-v2-1", "prompt": "others"}
            http.post(f"{kling.url}{PATH}", json=body, headers=headers, timeout=60)

    program = threading.Thread(target=use_slots)
    program.start()
    try:
        yield
    finally:
        stop.set()
        program.join()


def _most_at_once(jobs: list) -> int:  # type: ignore[type-arg]
    moments = sorted([(job.created_at, 1) for job in jobs] + [(job.ended_at, -1) for job in jobs])
    active = most = 0
    for _, step in moments:
        active += step
        most = max(most, active)
    return most

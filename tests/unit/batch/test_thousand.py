# SPDX-License-Identifier: Apache-2.0
"""A thousand jobs, faults of every kind, workers killed at random moments: a thousand results and charges.

Takes about a minute on a quiet machine; ``make test-live`` runs it.
"""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from airflow_provider_kling.emulator.server import Emulator
from scripts.local_airflow import wait_until
from tests.unit.batch.conftest import SLUG, Batch, rows
from tests.unit.batch.workers import SUCCESS, Workers

COUNT = 1000
KILLS = 12
UNITS = 8
HELD_BACK = 150
"""Jobs that are not made before the last kill."""

MOST_REQUESTS = 80
"""Requests from the last job to the kill, at most."""

MOST_SECONDS = 900
"""Only a test that hangs takes so long."""

FAULTS = {
    "lost_response": 13,
    "late_error": 17,
    "lost_request": 19,
    "server_error": 23,
    "proxy_page": 29,
    "download_error": 20,
    "expired_url": 20,
}


@pytest.mark.slow
def test_a_thousand_jobs_survive_kills_and_faults(
    start: Callable[..., Emulator], batch: Batch, tmp_path: Path
) -> None:
    kling, chance = start(job_seconds=0.5, slots=40), random.Random(20261120)
    with Workers(tmp_path / "workers.log") as workers:

        def try_number(number: int) -> int:
            arguments = {
                "endpoint": SLUG,
                "requests": rows(COUNT),
                "output_path": batch.output,
                "concurrency": 60,
                "poll_interval": 0.2,
                "retries": KILLS,
                "contact_sheet": False,
            }
            return workers.start(
                connection=kling.connection_json(),
                arguments=arguments,
                ti={"try_number": number, "max_tries": KILLS},
            )

        def reached(jobs: int, requests: int, pid: int) -> bool:
            """Whether the emulator has made jobs and answered requests, or the try has failed by itself."""
            if len(kling.jobs) >= COUNT - HELD_BACK:
                # A try that is killed late must not finish before: on a slow machine each lasts longer.
                kling.faults.set({"slots_taken": 10**9})
            ended = not Path(f"/proc/{pid}").exists()
            return ended or (len(kling.jobs) >= jobs and sum(kling.requests.values()) >= requests)

        # Moments are numbers of jobs and requests, not seconds, which are worth less on a busy machine.
        for kill in range(KILLS):
            # Every fault occurs repeatedly; some are counted down and set again.
            kling.faults.set({**FAULTS, "slots_taken": 5, "rate_limited": 2})
            pid = try_number(kill + 1)
            jobs = min(len(kling.jobs) + chance.randint(0, 2 * COUNT // KILLS // 3), COUNT - HELD_BACK)
            wait_until(lambda to=(jobs, 0, pid): reached(*to), MOST_SECONDS, "more jobs", every=0.01)
            requests = sum(kling.requests.values()) + chance.randint(0, MOST_REQUESTS)
            wait_until(lambda to=(0, requests, pid): reached(*to), MOST_SECONDS, "requests", every=0.01)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM if kill % 4 == 3 else signal.SIGKILL)
            assert workers.wait() != SUCCESS
        kling.faults.set({"slots_taken": 0})
        for number in range(KILLS + 1, KILLS + 4):
            try_number(number)
            if workers.wait() == SUCCESS:
                break
        else:
            pytest.fail("\n".join(workers.said("")[-40:]))

    assert len(kling.jobs) == COUNT
    assert len({job.external_task_id for job in kling.jobs}) == COUNT
    assert sorted(job.body["prompt"] for job in kling.jobs) == sorted(row["prompt"] for row in rows(COUNT))
    assert float(kling.summary["charged_units"]) == COUNT * UNITS
    summary = batch.summary()
    assert (summary["rows"], summary["done"], summary["units_charged"]) == (COUNT, COUNT, str(COUNT * UNITS))
    assert batch.states() == ["done"] * COUNT
    results = batch.lines("results.jsonl")
    assert [line["row"] for line in results] == list(range(1, COUNT + 1))
    assert {line["task_id"] for line in results} == {job.task_id for job in kling.jobs}
    for line in results:
        (image,) = line["images"]
        assert Path(image["path"]).stat().st_size == image["bytes"]
        manifest = json.loads(Path(image["path"]).with_name("manifest.json").read_text())
        assert manifest["request"]["prompt"] == f"product {line['row']}"
    assert set(FAULTS) <= set(kling.faults.fired)
    cut_off = Path(batch.output).rglob("*.part")
    assert all(path.name.startswith(".") for path in cut_off), "what was cut off is out of sight"

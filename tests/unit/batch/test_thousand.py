# SPDX-License-Identifier: Apache-2.0
"""A thousand jobs, faults of every kind, workers killed at random moments: a thousand results and charges.

Takes about two minutes on a quiet machine; ``make test-live`` runs it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_kling.emulator.server import Emulator
from scripts.local_airflow import wait_until
from tests.unit.batch.conftest import SLUG, Batch, rows
from tests.unit.batch.workers import SUCCESS, Workers

COUNT = 1000
KILLS = 12
UNITS = 8

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

        for kill in range(KILLS):
            # Every fault occurs repeatedly; some are counted down and set again.
            kling.faults.set({**FAULTS, "slots_taken": 5, "rate_limited": 2})
            pid = try_number(kill + 1)
            made = len(kling.jobs) + chance.randint(0, 2 * COUNT // KILLS // 3)
            wait_until(lambda at=made: len(kling.jobs) >= at, 120, "more jobs", every=0.02)
            time.sleep(chance.uniform(0, 0.5))
            os.kill(pid, signal.SIGTERM if kill % 4 == 3 else signal.SIGKILL)
            assert workers.wait() != SUCCESS
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

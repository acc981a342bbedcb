# SPDX-License-Identifier: Apache-2.0
"""Two parts of one input in two processes: each has its share of the account's slots."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_kling.emulator.server import Emulator
from tests.unit.batch.conftest import SLUG, Batch, rows
from tests.unit.batch.workers import SUCCESS, Workers

COUNT, SLOTS = 60, 6
_SAMPLES = 50


@pytest.mark.slow
def test_two_processes_share_the_slots_of_one_account(
    start: Callable[..., Emulator], batch: Batch, tmp_path: Path
) -> None:
    kling = start(job_seconds=1, slots=SLOTS)
    with Workers(tmp_path / "0.log") as first, Workers(tmp_path / "1.log") as second:
        for shard, workers in enumerate((first, second)):
            arguments = {
                "endpoint": SLUG,
                "requests": rows(COUNT),
                "shard": shard,
                "shards": 2,
                "output_path": batch.output,
                "concurrency": SLOTS,
                "poll_interval": 0.2,
                "contact_sheet": False,
            }
            workers.start(
                connection=kling.connection_json(),
                arguments=arguments,
                ti={"try_number": 1, "map_index": shard},
            )
        assert [first.wait(), second.wait()] == [SUCCESS, SUCCESS]

    parts = [
        {line["task_id"] for line in batch.lines(f"{name}/results.jsonl")}
        for name in ("part-0000", "part-0001")
    ]
    jobs = kling.jobs
    assert len(jobs) == COUNT
    assert set().union(*parts) == {job.task_id for job in jobs}
    spans = [[(job.created_at, job.ended_at) for job in jobs if job.task_id in part] for part in parts]
    # While both have rows left.
    began, ended = max(min(span)[0] for span in spans), min(max(span)[0] for span in spans)
    moments = [began + (ended - began) * sample / _SAMPLES for sample in range(_SAMPLES)]
    used = [sum(made <= now < done for now in moments for made, done in span) for span in spans]
    share = used[0] / sum(used)
    assert 0.3 < share < 0.7, f"one part had {share:.0%} of the slots that both used"
    assert kling.summary["max_active"] <= SLOTS

# SPDX-License-Identifier: Apache-2.0
"""Twenty jobs wait in a real triggerer and cost the polls of one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from airflow_provider_kling.emulator.server import Emulator
from tests.e2e.live.airflow_processes import LiveAirflow

JOBS = 20
PATH = "/v1/videos/text2video"

pytestmark = pytest.mark.slow


def test_twenty_deferred_jobs_share_their_polls(
    start_airflow: Callable[..., LiveAirflow], emulator: Emulator
) -> None:
    airflow = start_airflow()
    api = airflow.api
    run_id = api.trigger("live_mapped", {"count": JOBS})
    assert api.wait_for_run("live_mapped", run_id, timeout=400) == "success", airflow.last_lines()

    instances = api.task_instances("live_mapped", run_id, "make")
    assert [each["try_number"] for each in instances] == [1] * JOBS
    results = [api.xcom("live_mapped", run_id, "make", map_index=index) for index in range(JOBS)]
    assert {result["task_id"] for result in results} == {job.task_id for job in emulator.jobs}
    assert all(result["videos"][0]["url"] for result in results)
    assert emulator.count("POST", PATH) == JOBS == len(emulator.jobs)

    first, last = min(job.created_at for job in emulator.jobs), max(job.ended_at for job in emulator.jobs)
    rounds = (last - first) / 2.0 + 2
    reads_at_the_end = JOBS
    polls = emulator.count("GET", PATH) + emulator.count("GET", f"{PATH}/{{id}}") - reads_at_the_end
    assert polls <= 2 * rounds, f"{polls} polls in {rounds:.0f} rounds for {JOBS} jobs: {emulator.requests}"

# SPDX-License-Identifier: Apache-2.0
"""``on_clear="attach"``, added to a task that has failed, makes a clear fetch its job."""

from __future__ import annotations

import pytest

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingTaskTimeout
from tests.unit.operators.conftest import TaskInstance, image_to_video, posts, run


@pytest.mark.parametrize("deferrable", [False, True], ids=["worker", "deferred"])
@pytest.mark.parametrize("clears", [0, 1, 2], ids=["never_cleared", "cleared_once", "cleared_twice"])
def test_it_attaches_to_the_first_job(
    clears: int, deferrable: bool, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    for number in range(clears + 1):
        ti = ti.cleared() if number else ti
        with pytest.raises(KlingTaskTimeout, match="do not clear"):
            run(image_to_video(timeout=0.3, retries=3, deferrable=deferrable), ti)
    calls = posts(kling_emulator)
    ti = ti.cleared()
    result = run(image_to_video(on_clear="attach", retries=3, deferrable=deferrable), ti)
    assert result["task_id"] == kling_emulator.jobs[0].task_id
    assert len(kling_emulator.jobs) == clears + 1
    assert posts(kling_emulator) == calls

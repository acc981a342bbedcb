# SPDX-License-Identifier: Apache-2.0
"""Jobs at the emulator, storages, and tasks that store results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.hooks.kling import KlingHook
from tests.unit.operators.conftest import TaskInstance, ti
from tests.unit.results.conftest import no_long_pauses, shelf

__all__ = ["no_long_pauses", "shelf", "ti"]

DAY = 86_400

Make = Callable[..., list[str]]


@pytest.fixture
def kling_emulator_options() -> dict[str, Any]:
    return {"scale": 0.1, "slots": 0, "speed": 1.0}


@pytest.fixture
def make(kling_emulator: Emulator) -> Make:
    """Make jobs that have ended, outside of any task; return their ids."""

    def make_jobs(count: int = 1, slug: str = "videos/text2video", **body: Any) -> list[str]:
        hook = KlingHook()
        model = {} if slug.startswith("audio/") else {"model_name": "kling-v3"}
        request = {"prompt": "A boat", **model, **body}
        ids = [hook.submit(slug, request).task_id for _ in range(count)]
        kling_emulator.advance(120)
        return ids

    return make_jobs


def context(ti: TaskInstance | None = None) -> Any:
    return {"ti": ti or TaskInstance()}

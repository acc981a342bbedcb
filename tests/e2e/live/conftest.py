# SPDX-License-Identifier: Apache-2.0
"""A live Airflow and an emulator, for the tests of this directory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.emulator.server import Emulator
from tests.e2e.live.airflow_processes import LiveAirflow
from tests.support.processes import in_one_process

DAGS = Path(__file__).parent / "dags"


# Two Airflows at once would only slow each other down.
pytest_collection_modifyitems = in_one_process(Path(__file__).parent, "live", pytest.mark.live)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """A Kling without limits whose jobs take 15 seconds; tests set ``faults`` as they need."""
    with Emulator(job_seconds=15, slots=0) as running:
        yield running


@pytest.fixture
def start_airflow(tmp_path: Path, emulator: Emulator) -> Iterator[Callable[..., LiveAirflow]]:
    """Start an Airflow that is connected with the emulator; afterwards none of its processes is left."""
    with ExitStack() as stack:
        started: list[LiveAirflow] = []

        def start(**options: Any) -> LiveAirflow:
            home = tmp_path / f"airflow-{len(started)}"
            home.mkdir()
            connections = {"kling_default": emulator.connection_json()}
            started.append(stack.enter_context(LiveAirflow(home, DAGS, connections, **options)))
            return started[-1]

        yield start
    left = [pid for airflow in started for pid in airflow.processes()]
    assert not left, f"Airflow processes outlive the test: {left}"

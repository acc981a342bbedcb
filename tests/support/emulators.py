# SPDX-License-Identifier: Apache-2.0
"""Emulators that tests share: to start and stop one takes longer than most tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from airflow_provider_kling.emulator.pytest_plugin import SPEED
from airflow_provider_kling.emulator.server import Emulator

SharedEmulator = Callable[..., Emulator]
"""Return the emulator with these options, without jobs, and let ``kling_default`` lead to it."""


@pytest.fixture(scope="session")
def running_emulators() -> Iterator[Callable[..., Emulator]]:
    """Start an emulator for each set of options once in a process."""
    running: dict[str, Emulator] = {}
    with ExitStack() as stack:

        def start(**options: Any) -> Emulator:
            key = repr(sorted(options.items()))
            if key not in running:
                running[key] = stack.enter_context(Emulator(**options))
            return running[key]

        yield start


@pytest.fixture
def shared_emulator(
    running_emulators: Callable[..., Emulator], monkeypatch: pytest.MonkeyPatch
) -> SharedEmulator:
    """A function that returns an emulator which other tests use, too, with all their jobs forgotten."""

    def prepare(**options: Any) -> Emulator:
        emulator = running_emulators(**{"speed": SPEED, **options})
        emulator.reset()
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", emulator.connection_json())
        return emulator

    return prepare

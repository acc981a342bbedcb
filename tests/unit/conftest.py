# SPDX-License-Identifier: Apache-2.0
"""An emulator that is already running, for the tests of each module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from airflow_provider_kling.emulator.server import Emulator
from tests.support.emulators import SharedEmulator


@pytest.fixture
def kling_emulator(shared_emulator: SharedEmulator, kling_emulator_options: Mapping[str, Any]) -> Emulator:
    """An emulator without jobs, which the connection ``kling_default`` leads to."""
    return shared_emulator(**kling_emulator_options)

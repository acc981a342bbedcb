# SPDX-License-Identifier: Apache-2.0
"""A pytest plugin for tests of your own DAGs.

.. code-block:: python

    # conftest.py
    pytest_plugins = ["airflow_provider_kling.emulator.pytest_plugin"]


    # test_my_dag.py
    def test_my_dag(kling_emulator):
        ...  # the connection kling_default leads to the emulator
        assert len(kling_emulator.jobs) == 1
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from .server import Emulator

SPEED = 100.0
"""A video job takes 0.6 s."""


@pytest.fixture
def kling_emulator_options() -> Mapping[str, Any]:
    """Settings of :func:`kling_emulator`, see :class:`.Options`; override this fixture to change them."""
    return {}


@pytest.fixture
def kling_emulator(
    monkeypatch: pytest.MonkeyPatch, kling_emulator_options: Mapping[str, Any]
) -> Iterator[Emulator]:
    """A running emulator without jobs, to which the Airflow connection ``kling_default`` leads.

    :param monkeypatch: pytest's fixture.
    :param kling_emulator_options: arguments of the emulator.
    :return: the emulator.
    """
    with Emulator(**{"speed": SPEED, **kling_emulator_options}) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", emulator.connection_json())
        yield emulator

# SPDX-License-Identifier: Apache-2.0
"""What every test may use, and a wall around the machine's own Airflow."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from scripts.local_airflow import environment
from tests.support.airflow_database import copy_database
from tests.support.compat_names import provide_compat_names
from tests.support.processes import COSTLY

# Loading Airflow and collecting tests makes almost no garbage; the search for it takes a fifth of the time.
gc.disable()

# Airflow reads its settings with its first import, so they stand before any test module is loaded. Every
# process of pytest-xdist loads this file and so gets a directory of its own.
_HOME = Path(tempfile.mkdtemp(prefix="kling-tests-"))
_WALLED = environment(_HOME)
os.environ.clear()
os.environ.update(_WALLED)
provide_compat_names()

# On a busy machine the making of examples takes long, which says nothing of what is tested.
# Each run tries the same examples, so that a change fails for what it does;
# `make test PYTEST_ARGS=--hypothesis-profile=explore` tries new ones.
hypothesis_settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.register_profile("kling", hypothesis_settings.get_profile("explore"), derandomize=True)
hypothesis_settings.load_profile("kling")

pytest_plugins = [
    "airflow_provider_kling.emulator.pytest_plugin",
    "tests.support.emulators",
    "tests.support.storages",
]


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Let one process run all tests that share a costly fixture, with pytest 9.2, too.

    pytest-xdist writes the group to a field that pytest 9.2 does not read (pytest-dev/pytest-xdist#1386).
    """
    for item in items:
        for name in COSTLY.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group(name))
    yield
    for item in items:
        with_group = vars(item).get("_nodeid")
        if with_group and hasattr(item, "_id"):
            item._id = type(item._id).parse(with_group)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Search for garbage from now on, but not in what was loaded, which stays."""
    gc.freeze()
    gc.enable()


def pytest_configure() -> None:
    """Let SIGTERM end the tests as Ctrl-C does, so that they end what they have started."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_unconfigure() -> None:
    """Remove what the process wrote."""
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def airflow_database() -> Path:
    """An empty Airflow database that this process's Airflow uses."""
    path = _HOME / "airflow.db"
    copy_database(path)
    return path


@pytest.fixture
def dags_folder(airflow_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as this process's DAG folder: ``dag.test()`` on Airflow 3 runs only what lies in it.

    Each run reads the whole folder again, so few files are faster.
    """
    from airflow import settings

    folder = tmp_path / "dags"
    folder.mkdir()
    # Airflow reads the variable with its first import only, which may be long past.
    monkeypatch.setattr(settings, "DAGS_FOLDER", str(folder))
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(folder))
    return folder

# SPDX-License-Identifier: Apache-2.0
"""An Airflow as teams run it: Celery workers, several triggerers, PostgreSQL and Redis."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from airflow_provider_kling.emulator.server import Emulator
from scripts.local_airflow import wait_until
from tests.e2e.distributed import services
from tests.e2e.live.airflow_api import TaskInstance
from tests.e2e.live.airflow_processes import LiveAirflow
from tests.support.processes import in_one_process

DAGS = Path(__file__).parent / "dags"
SLOTS = 25
_READY = " ready."
# Of the run in which something is killed every 20 seconds; each mapped job starts two processes.
MAPPED = int(os.environ.get("MAPPED") or 0)
ROWS = int(os.environ.get("ROWS") or 0)
WORKERS = ("worker-1", "worker-2")
TRIGGERERS = ("triggerer-1", "triggerer-2")


# With the other live tests: two Airflows at once would only slow each other down.
pytest_collection_modifyitems = in_one_process(Path(__file__).parent, "live", pytest.mark.live)


class DistributedAirflow(LiveAirflow):
    """Two Celery workers and two triggerers over PostgreSQL and Redis.

    :param folder: empty directory for ``AIRFLOW_HOME``.
    :param connections: connection id -> JSON.
    :param postgres: port of PostgreSQL.
    :param redis: port of Redis.
    """

    def __init__(self, folder: Path, connections: dict[str, str], postgres: int, redis: int) -> None:
        database = f"postgresql+psycopg2://airflow@127.0.0.1:{postgres}/postgres"
        settings = {
            "core.executor": "CeleryExecutor",
            "database.sql_alchemy_conn": database,
            "celery.broker_url": f"redis://127.0.0.1:{redis}/0",
            "celery.result_backend": f"db+{database}",
            # What a dead worker had taken from the queue and not begun must be given to another one soon.
            "scheduler.task_queued_timeout": 30,
            "scheduler.task_queued_timeout_check_interval": 5,
            # As often as workers are killed, and what waits in a dead worker waits there for an hour.
            "scheduler.num_stuck_in_queued_retries": 1000,
            "celery.worker_prefetch_multiplier": 1,
        }
        sizes = {"KLING_TEST_MAPPED": str(MAPPED), "KLING_TEST_ROWS": str(ROWS)}
        super().__init__(folder, DAGS, connections, settings, variables={"C_FORCE_ROOT": "1", **sizes})

    def prepare_database(self) -> None:
        """Migrate the empty PostgreSQL."""
        done = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]

    def boot(self) -> None:
        """Start two workers and two triggerers, and one of each other component."""
        for component in ("api-server", "scheduler", "dag-processor"):
            self.start(component)
        for name in TRIGGERERS:
            self.start("triggerer", name)
        for name in WORKERS:
            self.start("worker", name)

    def command(self, component: str, name: str) -> list[str]:
        """Arguments of ``airflow``, those of Celery workers included."""
        if component != "worker":
            return super().command(component, name)
        pid = str(self.home / f"{name}.pid")
        return ["celery", "worker", "-c", "4", "-H", f"{name}@localhost", "--pid", pid, "--skip-serve-logs"]

    def wait_until_healthy(self) -> None:
        """Wait until the components work and both workers take tasks."""
        super().wait_until_healthy()
        for name in WORKERS:
            log = self.home / f"{name}.log"
            wait_until(lambda log=log: _READY in log.read_text(errors="replace"), 120, f"{name} to be ready")

    def worker_of(self, instance: TaskInstance) -> str:
        """Return which worker runs a task."""
        above = {process.pid for process in psutil.Process(instance["pid"]).parents()}
        (name,) = [name for name in WORKERS if name in self._programs and self._programs[name].pid in above]
        return name

    def replace(self, component: str, name: str) -> None:
        """End a component with SIGKILL, and start another one in its place."""
        log = self.home / f"{name}.log"
        before = log.read_text(errors="replace").count(_READY)
        self.kill(name)
        (self.home / f"{name}.pid").unlink(missing_ok=True)
        self.start(component, name)
        if component == "worker":
            # A busy machine takes longer than the time between two kills.
            wait_until(lambda: log.read_text(errors="replace").count(_READY) > before, 120, f"{name} again")

    def kill(self, name: str) -> None:
        """End a component with SIGKILL, and what it started too, in whichever process group that is."""
        try:
            children = psutil.Process(self._programs[name].pid).children(recursive=True)
        except psutil.NoSuchProcess:
            children = []
        super().kill(name)
        for child in children:
            try:
                child.kill()
            except psutil.NoSuchProcess:
                continue


@pytest.fixture(scope="session")
def needed() -> None:
    """Skip where programs or packages are missing."""
    missing = [name for name in ("redis-server", "initdb", "postgres") if not services.find(name)]
    packages = ("airflow.providers.celery", "redis", "psycopg2", "asyncpg")
    missing += [name for name in packages if not find_spec(name)]
    if missing:
        pytest.skip(f"{', '.join(missing)} not found: `make test-distributed`, run as root, installs them")


@pytest.fixture
def kling() -> Iterator[Emulator]:
    """A Kling whose jobs take twenty seconds."""
    with Emulator(job_seconds=20, slots=SLOTS) as running:
        yield running


@pytest.fixture
def airflow(needed: None, tmp_path: Path, kling: Emulator) -> Iterator[DistributedAirflow]:
    """The whole deployment; afterwards none of its processes is left."""
    home = tmp_path / "airflow"
    home.mkdir()
    with ExitStack() as stack:
        postgres = stack.enter_context(services.postgres())
        redis = stack.enter_context(services.redis())
        connections = {"kling_default": kling.connection_json()}
        running = DistributedAirflow(home, connections, postgres, redis)
        yield stack.enter_context(running)
    assert not running.processes()

# SPDX-License-Identifier: Apache-2.0
"""Real Airflow processes for tests: api-server, scheduler, dag-processor and triggerers on SQLite.

.. code-block:: python

    with LiveAirflow(tmp_path, dags, connections={"kling_default": emulator.connection_json()}) as airflow:
        run_id = airflow.api.trigger("my_dag")
        airflow.kill("triggerer")
        airflow.start("triggerer")
        assert airflow.api.wait_for_run("my_dag", run_id, timeout=120) == "success"
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from scripts.local_airflow import Program, environment, free_ports, processes_of, wait_until
from tests.e2e.live.airflow_api import AirflowApi, TaskInstance
from tests.support.airflow_database import copy_database

_COMMANDS = {
    "api-server": ["api-server", "--workers", "1"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
_BOOT_SECONDS = 300

# Tests wait for what Airflow notices only after a while; here it notices sooner.
_IMPATIENT = {
    "scheduler.scheduler_idle_sleep_time": 0.2,
    "scheduler.task_instance_heartbeat_sec": 2,
    "scheduler.task_instance_heartbeat_timeout": 15,
    "scheduler.task_instance_heartbeat_timeout_detection_interval": 3,
    "triggerer.job_heartbeat_sec": 2,
    "triggerer.triggerer_health_check_threshold": 10,
    "dag_processor.refresh_interval": 5,
    "dag_processor.min_file_process_interval": 5,
}


class LiveAirflow:
    """A whole Airflow with LocalExecutor, in a directory of its own.

    :param folder: empty directory for ``AIRFLOW_HOME``.
    :param dags: folder of DAG files.
    :param connections: connection id -> JSON or URI.
    :param settings: more configuration, as ``{"section.key": value}``.
    :param variables: more environment variables for all processes.
    """

    def __init__(
        self,
        folder: Path,
        dags: Path,
        connections: Mapping[str, str] | None = None,
        settings: Mapping[str, Any] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.home = folder
        port = free_ports(1)[0]
        self.api = AirflowApi(f"http://127.0.0.1:{port}")
        self.env = environment(folder, dags, self._settings(port) | dict(settings or {}))
        self.env |= {f"AIRFLOW_CONN_{name.upper()}": value for name, value in (connections or {}).items()}
        self.env |= variables or {}
        self._programs: dict[str, Program] = {}

    def _settings(self, port: int) -> dict[str, Any]:
        return {
            "core.executor": "LocalExecutor",
            "core.parallelism": 8,
            "core.dags_are_paused_at_creation": False,
            "core.execution_api_server_url": f"{self.api.url}/execution/",
            "core.simple_auth_manager_all_admins": True,
            "core.fernet_key": "",
            "api.host": "127.0.0.1",
            "api.port": port,
            "api.base_url": self.api.url,
            # On a busy machine an answer takes its time.
            "workers.execution_api_timeout": 60,
            "api.secret_key": secrets.token_hex(16),
            "api_auth.jwt_secret": secrets.token_hex(32),
            **_IMPATIENT,
        }

    def __enter__(self) -> Self:
        try:
            self.prepare_database()
            self.boot()
            self.wait_until_healthy()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def prepare_database(self) -> None:
        """Make a migrated, empty metadata database."""
        copy_database(self.home / "airflow.db")

    def boot(self) -> None:
        """Start one of each component."""
        for component in _COMMANDS:
            self.start(component)

    def command(self, component: str, name: str) -> list[str]:
        """Arguments of ``airflow`` that start a component.

        :param name: what this one of its kind is called.
        """
        return _COMMANDS[component]

    def start(self, component: str, name: str | None = None) -> Program:
        """Start one component.

        :param component: ``api-server``, ``scheduler``, ``dag-processor`` or ``triggerer``.
        :param name: what to call it, for a second one of a kind.
        """
        name = name or component
        command = [sys.executable, "-m", "airflow", *self.command(component, name)]
        program = Program(command, self.env, self.home / f"{name}.log")
        self._programs[name] = program
        return program

    def kill(self, name: str) -> None:
        """End a component and all its children with SIGKILL, as a power failure would."""
        self._programs.pop(name).kill()

    def kill_task(self, instance: TaskInstance) -> None:
        """End a running task's process with SIGKILL, as the kernel does when memory runs out."""
        os.kill(instance["pid"], signal.SIGKILL)

    def wait_until_healthy(self) -> None:
        """Wait until all four components work.

        :raises RuntimeError: one of them has ended, or it takes too long; the text holds their last lines.
        """

        def up() -> bool:
            dead = [name for name, program in self._programs.items() if program.exit_code is not None]
            if dead:
                raise RuntimeError(f"{', '.join(dead)} ended.\n{self.last_lines()}")
            return self.api.healthy("metadatabase", "scheduler", "triggerer", "dag_processor")

        try:
            wait_until(up, _BOOT_SECONDS, "Airflow to be up")
        except TimeoutError as error:
            raise RuntimeError(f"{error}\n{self.last_lines()}") from error

    def last_lines(self, count: int = 30) -> str:
        """What the components wrote last, for failure reports."""
        return "\n".join(f"-- {name}\n{each.last_lines(count)}" for name, each in self._programs.items())

    def task_log(self, instance: TaskInstance) -> str:
        """The log of a task's latest try, its time in the triggerer included."""
        parts = [f"dag_id={instance['dag_id']}", f"run_id={instance['dag_run_id']}"]
        parts += [f"task_id={instance['task_id']}"]
        if instance["map_index"] >= 0:
            parts += [f"map_index={instance['map_index']}"]
        folder = (self.home / "logs").joinpath(*parts)
        files = sorted(folder.glob(f"attempt={instance['try_number']}.log*"))
        return "\n".join(file.read_text(errors="replace") for file in files)

    def stop(self) -> None:
        """End everything that was started, and all that it started, without ceremony."""
        for name in list(self._programs):
            self.kill(name)
        # Task processes may have left their parent's group.
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    @property
    def pids(self) -> list[int]:
        """Process ids of the components that run."""
        return [program.pid for program in self._programs.values()]

    def processes(self) -> list[int]:
        """Process ids of all programs that belong to this Airflow."""
        return processes_of(self.home)

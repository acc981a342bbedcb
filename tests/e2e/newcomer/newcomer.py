# SPDX-License-Identifier: Apache-2.0
"""A new user: an empty home, a release of Airflow with its own libraries, and this package's wheel."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError

from scripts.local_airflow import ROOT, Program, free_ports, wait_until
from scripts.release_environment import Release, build_wheel, find_python, install_release, install_wheel

# A machine that does much else takes long for a command.
_STEP_SECONDS = 1800
_CONNECTION = "AIRFLOW_CONN_KLING_DEFAULT"
# An exception of a task in a log, or of a DAG file on a terminal.
_ERROR = re.compile(r"^(?:\S+\.)?(?:Kling\w+|AirflowNotFoundException): (.*)$", re.MULTILINE)


@dataclass
class Newcomer:
    """What a new user has.

    :param home: their home directory; Airflow is below it, where it is by default.
    :param environment: folder of the Python environment.
    :param version: version of their Airflow.
    :param variables: environment variables that they have set.
    """

    home: Path
    environment: Path
    version: str
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def airflow_home(self) -> Path:
        return self.home / "airflow"

    def shell(self) -> dict[str, str]:
        """Return the environment variables of their shell: nothing of this machine's Airflow."""
        path = os.pathsep.join([str(self.environment / "bin"), "/usr/local/bin", "/usr/bin", "/bin"])
        known = {"PATH": path, "HOME": str(self.home), "LANG": "C.UTF-8", "NO_PROXY": "127.0.0.1,localhost"}
        return {**known, **self.variables}

    def run(self, *command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a program in their shell.

        :param command: program and arguments.
        :param variables: further environment variables.
        :return: how it ended, its output and error output in one.
        """
        return subprocess.run(
            command,
            env={**self.shell(), **variables},
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_STEP_SECONDS,
            check=False,
        )

    def airflow(self, *arguments: str | Path, **variables: str) -> str:
        """Run ``airflow`` and return its output.

        :param arguments: its arguments.
        :param variables: further environment variables.
        :raises AssertionError: it failed.
        """
        done = self.run("airflow", *arguments, **variables)
        assert done.returncode == 0, done.stdout[-5000:]
        return done.stdout

    def write_dag(self, name: str, text: str) -> Path:
        """Put a DAG file into the DAG folder, alone."""
        folder = self.airflow_home / "dags"
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.py"):
            old.unlink()
        file = folder / f"{name}.py"
        file.write_text(text)
        return file

    @contextmanager
    def emulator(self) -> Iterator[str]:
        """Start the emulator and do what it prints; yield its URL."""
        log = self.home / "emulator.log"
        port = str(free_ports(1)[0])
        command = ["python", "-m", "airflow_provider_kling.emulator", "--speed", "60", "--port", port]
        program = Program([str(self.environment / "bin" / command[0]), *command[1:]], self.shell(), log)
        try:
            line = wait_until(
                lambda: re.search(r"(http://\S+)\s+export (.*)$", log.read_text(), re.MULTILINE),
                120,
                "the emulator",
            )
            name, _, value = shlex.split(line[2])[0].partition("=")
            assert name == _CONNECTION
            self.variables[name] = value
            yield line[1]
        finally:
            program.stop()

    @contextmanager
    def airflow_ui(self) -> Iterator[str]:
        """Start Airflow's UI without a login; yield its URL."""
        port = free_ports(1)[0]
        settings = {
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        }
        command = [self.environment / "bin" / "airflow", "api-server"]
        program = Program(command, self.shell() | settings, self.home / "api-server.log")
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: answers(f"{url}/api/v2/version"), _STEP_SECONDS, "Airflow's UI", every=1)
            yield url
        finally:
            program.stop()


def answers(url: str) -> bool:
    """Return whether a server answers at a URL.

    :param url: the URL.
    """
    with suppress(URLError, OSError), urllib.request.urlopen(url, timeout=30):
        return True
    return False


def first_error(output: str) -> str:
    """Return the text of the last exception in an output: what a log shows below the stack.

    :param output: output of a program.
    :raises AssertionError: there is none.
    """
    found = _ERROR.findall(output)
    assert found, output[-5000:]
    return str(found[-1])


def quickstart_dag(folder: Path) -> str:
    """Return the DAG of the quickstart page, with another folder for its files."""
    page = (ROOT / "docs" / "quickstart.md").read_text("utf-8")
    (text,) = re.findall(r"```python\n(.*?DAG\(\"lighthouse\".*?)```", page, re.DOTALL)
    assert 'output_path="/tmp/lighthouse"' in text
    return str(text).replace("/tmp/lighthouse", str(folder))


def set_up(release: Release, folder: Path) -> Newcomer:
    """Install a release and the wheel as the documentation says.

    :param release: the release of Airflow.
    :param folder: folder of the environment; the home is next to it.
    :return: the new user.
    """
    interpreter = find_python(release.python)
    assert interpreter, f"there is no Python {release.python} on this machine"
    environment, home = folder / "venv", folder / "home"
    home.mkdir(parents=True)
    pins = install_release(release, interpreter, environment)
    install_wheel(environment, pins, build_wheel(folder / "dist"), extras=("emulator",))
    return Newcomer(home, environment, release.airflow)

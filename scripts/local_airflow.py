# SPDX-License-Identifier: Apache-2.0
"""An Airflow of one's own: a clean environment, and processes that end when their starter ends.

The demo, the benchmarks and the live tests run real Airflow programs with this.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "example_dags"

_KILL_AFTER = 10.0


def environment(
    home: Path, dags: Path = EXAMPLES, settings: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """Environment variables for Airflow programs that touch nothing but one directory.

    Whatever Airflow settings the caller's shell holds are left out: they could name a database that people
    work with.

    :param home: ``AIRFLOW_HOME``; configuration, database and logs go there.
    :param dags: the folder of DAG files.
    :param settings: more settings, as ``{"section.key": value}``.
    """
    defaults: dict[str, Any] = {
        "core.dags_folder": dags,
        "core.load_examples": False,
        "core.dagbag_import_error_tracebacks": True,
        "database.sql_alchemy_conn": f"sqlite:///{home / 'airflow.db'}",
        "database.load_default_connections": False,
        "logging.base_log_folder": home / "logs",
        "usage_data_collection.enabled": False,
    }
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    for name, value in {**defaults, **(settings or {})}.items():
        section, key = name.split(".")
        variables[f"AIRFLOW__{section.upper()}__{key.upper()}"] = str(value)
    variables["AIRFLOW_HOME"] = str(home)
    # As in a deployment: without bytecode on disk every task compiles all that it imports.
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    # Airflow starts programs by name, so they must be found without an activated environment.
    variables["PATH"] = os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    )
    # A company's proxy cannot reach what listens on this machine.
    for name in ("NO_PROXY", "no_proxy"):
        variables[name] = ",".join(filter(None, [os.environ.get(name), "127.0.0.1,localhost"]))
    return variables


def free_ports(count: int) -> list[int]:
    """Find TCP ports on which nothing listens now, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def port_is_free(port: int) -> bool:
    """Return whether nothing listens on a TCP port of this machine.

    :param port: the port.
    """
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Program:
    """A program in a process group of its own, so that ending it also ends all that it started.

    :param command: program and arguments.
    :param env: its whole environment.
    :param log: file that gets its output, appended.
    """

    def __init__(self, command: Sequence[str | Path], env: Mapping[str, str], log: Path) -> None:
        self.command = [str(part) for part in command]
        self.log = log
        try:
            with log.open("ab") as output, _delayed_signals():
                self._process = subprocess.Popen(
                    self.command,
                    env=dict(env),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                self.pid = self._process.pid
                self._starter = os.getpid()
                atexit.register(self._end_with_starter)
        except BaseException:
            # A signal that came while the program was started.
            if hasattr(self, "pid"):
                self.kill()
            raise

    @property
    def exit_code(self) -> int | None:
        """What the program ended with; ``None`` while it runs."""
        return self._process.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        :raises subprocess.TimeoutExpired: it still runs after ``timeout`` seconds.
        """
        return self._process.wait(timeout)

    def kill(self) -> None:
        """End the whole group at once, as a power failure would."""
        # The group outlives its leader while any child runs.
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        atexit.unregister(self._end_with_starter)

    def _end_with_starter(self) -> None:
        # The starter's own forks end too, and must leave alone what is not theirs.
        if os.getpid() == self._starter:
            self.kill()

    def terminate(self) -> None:
        """Ask the program to end; it ends its children itself."""
        self._process.terminate()

    def stop(self) -> None:
        """Ask the program to end, and kill what is left of its group, at the latest after ten seconds."""
        self.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_KILL_AFTER)
        self.kill()

    def last_lines(self, count: int = 20) -> str:
        """The end of its output."""
        return last_lines(self.log, count)


def last_lines(log: Path, count: int) -> str:
    """The end of a text file, or nothing when there is no such file."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])


@contextmanager
def _delayed_signals() -> Iterator[None]:
    """Handle signals at the end of the block: a process must be known before a signal can end it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    before = {number: signal.signal(number, lambda it, _: received.append(it)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for each in received:
            signal.raise_signal(each)


@contextmanager
def signals_end_this_program() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind the stack as Ctrl-C does, so that ``finally`` clauses run."""

    def end(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def processes_of(home: Path) -> list[int]:
    """Process ids of all programs that run with this ``AIRFLOW_HOME`` (Linux only)."""
    mark = f"AIRFLOW_HOME={home}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in entry.read_bytes().split(b"\0") and int(entry.parent.name) != os.getpid():
                found.append(int(entry.parent.name))
    return found


def wait_until(condition: Any, timeout: float, what: str, every: float = 0.2) -> Any:
    """Call something until its answer counts as true, and return that answer.

    :param condition: called without arguments.
    :param timeout: seconds.
    :param what: what is waited for, for the error's text.
    :param every: seconds between calls.
    :raises TimeoutError: it did not come true in time.
    """
    deadline = time.monotonic() + timeout
    while True:
        if answer := condition():
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout:g} s")
        time.sleep(every)

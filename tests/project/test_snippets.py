# SPDX-License-Identifier: Apache-2.0
"""Every snippet and command of the documents works; four pages have tests of their own."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.models import Connection
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_kling.emulator.cli import build_parser
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.get_provider_info import get_provider_info
from airflow_provider_kling.hooks.connection import KlingSettings, parse_connection
from scripts.local_airflow import ROOT, environment
from tests.support.airflow_database import copy_database

pytestmark = pytest.mark.airflow

OWN_TESTS = {"CONTRIBUTING.md", "emulator.md", "recipes.md", "results.md"}
PAGES = [
    page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if page.name not in OWN_TESTS
]


def blocks(page: Path, *languages: str) -> list[str]:
    found = re.findall(r"^```(\w+)\n(.*?)^```", page.read_text("utf-8"), flags=re.M | re.S)
    return [body for language, body in found if language in languages]


def snippets() -> list[Any]:
    return [
        pytest.param(source, id=f"{page.relative_to(ROOT)}-{number}")
        for page in PAGES
        for number, source in enumerate(blocks(page, "python"))
    ]


def commands() -> list[str]:
    texts = (text.replace("\\\n", "") for page in PAGES for text in blocks(page, "console", "bash"))
    return sorted({line.strip() for text in texts for line in text.splitlines() if line.strip()})


@pytest.fixture
def names(kling_emulator: Emulator) -> dict[str, Any]:
    """What a reader of any page would have imported and made by then."""
    from airflow.providers.http.notifications.http import HttpNotifier

    info = get_provider_info()
    modules = [name for kind in ("operators", "sensors", "hooks") for name in info[kind][0]["python-modules"]]
    known = {
        name: value
        for module in modules
        for name, value in vars(importlib.import_module(module)).items()
        if name.startswith("Kling")
    }
    hook = known["KlingHook"]()
    cloned = hook.submit(
        "general/custom-voices", {"voice_name": "Anna", "voice_url": "https://a.example/a.mp3"}
    )
    hook.wait("general/custom-voices", cloned.task_id, 0.2, timeout=20)
    now = int(time.time() * 1000)
    return {**known, "HttpNotifier": HttpNotifier, "task": task, "start": now - 86_400_000, "end": now}


@pytest.mark.parametrize("source", snippets())
def test_it_runs(source: str, names: dict[str, Any]) -> None:
    with DAG("page", schedule=None):
        for name in ("make_videos", "notify_team"):
            names[name] = task(task_id=name)(lambda: None)()
        exec(source, names)


def test_no_page_was_overlooked() -> None:
    assert len(snippets()) >= 15
    assert len(commands()) > 8
    assert {page.name for page in (ROOT / "docs").glob("*.md")} >= OWN_TESTS


@pytest.mark.parametrize("command", commands())
def test_the_command_can_be_given(command: str, tmp_path: Path) -> None:
    words = shlex.split(command, comments=True)
    (check,) = [check for start, check in CHECKS.items() if words[: len(start.split())] == start.split()]
    check(words, tmp_path)


def _make(words: list[str], _: Path) -> None:
    done = subprocess.run(["make", "--dry-run", *words[1:]], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def _connection(words: list[str], _: Path) -> None:
    name, _, value = words[1].partition("=")
    assert name == "AIRFLOW_CONN_KLING_DEFAULT"
    if value.startswith("{"):
        assert json.loads(value) == {"conn_type": "kling", "password": "YOUR-API-KEY"}
    else:
        _settings_of(Connection(conn_id="kling_default", uri=value))


def _settings_of(connection: Connection) -> KlingSettings:
    assert connection.conn_type == "kling"
    settings = parse_connection(connection, connection.extra_dejson)
    if connection.host:
        assert settings.hostname == connection.host
    return settings


def _added(words: list[str], home: Path) -> None:
    copy_database(home / "airflow.db")
    command = [sys.executable, "-m", "airflow", *words[1:]]
    done = subprocess.run(command, env=environment(home), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    export = [sys.executable, "-m", "airflow", "connections", "export", str(home / "connections.json")]
    subprocess.run(export, env=environment(home), capture_output=True, check=True)
    (made,) = [
        (name, value)
        for name, value in json.loads((home / "connections.json").read_text()).items()
        if name == words[3]
    ]
    assert made[1]["password"].startswith("YOUR-")
    kept = {key: value for key, value in made[1].items() if key != "description"}
    _settings_of(Connection(conn_id=made[0], **{**kept, "extra": kept["extra"] or None}))


def _install(words: list[str], _: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    match = re.fullmatch(r"(?:/path/to|\.)/([\w-]+)(?:\[(\w+)\])?", words[2])
    assert match
    assert match[1] == project["name"]
    assert match[2] is None or match[2] in project["optional-dependencies"]
    if len(words) > 3:
        option, constraints = words[3:]
        assert option == "--constraint"
        assert re.search(r"/constraints-3\.\d+\.\d+/constraints-3\.1[1-3]\.txt$", constraints)


def _clone(words: list[str], _: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert words[2] == project["urls"]["Source Code"]


def _benchmark(words: list[str], _: Path) -> None:
    """A run takes minutes: its options are read, and its help is printed instead."""
    read = [sys.executable, *words[1:], "--help"]
    done = subprocess.run(read, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _emulator(words: list[str], _: Path) -> None:
    build_parser().parse_args(words[3:])


def _pool(words: list[str], home: Path) -> None:
    copy_database(home / "airflow.db")
    airflow = [sys.executable, "-m", "airflow"]

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [*airflow, *arguments], env=environment(home), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(*words[1:])
    made = {pool["pool"]: pool for pool in json.loads(run("pools", "list", "--output", "json"))}
    assert made["kling"]["slots"] == words[4]
    assert made["kling"]["include_deferred"] == "True"


BENCHMARKS = ("bench_batch_page", "bench_large_batch", "bench_ledger", "bench_parse")

CHECKS: dict[str, Callable[[list[str], Path], None]] = {
    "make": _make,
    "export": _connection,
    "git clone": _clone,
    "pip install": _install,
    "python -m airflow_provider_kling.emulator": _emulator,
    **{f"python -m benchmarks.{name}": _benchmark for name in BENCHMARKS},
    "airflow connections add": _added,
    "airflow pools set": _pool,
}
"""How a command is tried, by how it begins; one that begins otherwise fails."""

# SPDX-License-Identifier: Apache-2.0
"""What the README shows works as it stands there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

from airflow_provider_kling.hooks.connection import ALLOWED_EXTRAS
from scripts.local_airflow import ROOT

README = (ROOT / "README.md").read_text()
REPOSITORY = "https://github.com/airflow-provider-kling/airflow-provider-kling"
RAW = "https://raw.githubusercontent.com/airflow-provider-kling/airflow-provider-kling"


def snippets(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.M | re.S)


def test_the_first_dag_can_be_imported(tmp_path: Path) -> None:
    source = snippets("python")[0]
    file = tmp_path / "dag.py"
    file.write_text(source + "\nprint('fine')\n")
    # Older versions of Airflow warn of themselves.
    strict = ["-W", "error"] if version("apache-airflow") >= "3.3" else []
    done = subprocess.run([sys.executable, *strict, str(file)], capture_output=True, text=True, check=False)
    assert done.stdout.endswith("fine\n"), done.stderr


def test_both_dags_side_by_side_are_those_that_tests_kill() -> None:
    """tests/airflow/test_why.py runs the DAGs of docs/why.md and kills the worker of each."""
    page = (ROOT / "docs" / "why.md").read_text("utf-8")
    ours, stock = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    shown = snippets("python")[1:]
    assert textwrap.indent(shown[0], "    ") in ours
    assert shown[1] == stock
    assert f"takes {len(shown[0].splitlines())} lines with this provider" in README
    assert len([line for line in stock.splitlines() if line.strip()]) > 40
    assert "takes more than 40" in README


def test_the_connection_it_shows_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_kling.hooks.kling import KlingHook

    (value,) = re.findall(r"AIRFLOW_CONN_KLING_DEFAULT='(.*)'", README)
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", value)
    settings = KlingHook().settings
    assert settings.base_url in README
    assert settings.dialect.name == "kling"
    assert json.loads(value)["password"] == "YOUR-API-KEY"


def test_it_names_every_extra() -> None:
    (line,) = [line for line in README.splitlines() if line.startswith("| Extra")]
    assert sorted(re.findall(r"`(\w+)`", line)) == sorted(ALLOWED_EXTRAS)


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", README, flags=re.M))
    assert {"demo", "test"} <= named <= targets


def test_every_module_it_lists_exists_and_none_is_missing() -> None:
    listed = re.findall(r"^\| `([a-z0-9._]+)` \|", README, flags=re.M)
    for module in listed:
        import_module(f"airflow_provider_kling.{module}")
    from airflow_provider_kling.get_provider_info import get_provider_info

    info = get_provider_info()
    announced = {
        module.removeprefix("airflow_provider_kling.")
        for kind in ("operators", "sensors", "hooks")
        for entry in info[kind]
        for module in entry["python-modules"]
    }
    assert announced <= set(listed)


def test_every_link_leads_somewhere() -> None:
    """A package index shows the page without the repository around it: links are absolute."""
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert target.startswith("https://"), target
        own = re.match(rf"{REPOSITORY}/(?:blob|tree)/main/([^#]+)|{RAW}/main/([^#]+)", target)
        if own:
            assert (ROOT / (own[1] or own[2])).exists(), target

# SPDX-License-Identifier: Apache-2.0
"""The rooms of the house, and which may know which: the contracts stand in pyproject.toml."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.local_airflow import ROOT

LINT = Path(sys.executable).with_name("lint-imports")


def lint(config: Path) -> subprocess.CompletedProcess[str]:
    command = [str(LINT), "--config", str(config), "--no-cache"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_imports_keep_to_the_plan() -> None:
    done = lint(ROOT / "pyproject.toml")
    assert done.returncode == 0, done.stdout


def test_a_wrong_import_would_be_found(tmp_path: Path) -> None:
    """Turn two layers around: what is allowed today must then be called broken."""
    text = (ROOT / "pyproject.toml").read_text()
    turned = text.replace(
        '  "hooks",\n  "exceptions",\n  "api",\n]', '  "api",\n  "hooks",\n  "exceptions",\n]'
    )
    assert turned != text
    config = tmp_path / "pyproject.toml"
    config.write_text(turned)
    done = lint(config)
    assert done.returncode != 0
    assert "Imports run downwards BROKEN" in done.stdout


@pytest.mark.parametrize("name", ["airflow.sdk", "airflow.models"])
def test_airflow_is_known_by_its_compatible_names(name: str) -> None:
    package = ROOT / "airflow_provider_kling"
    found = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in package.rglob("*.py")
        if "plugins" not in file.parts
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if line.strip().startswith((f"from {name}", f"import {name}"))
    ]
    assert not found

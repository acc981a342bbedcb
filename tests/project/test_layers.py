# SPDX-License-Identifier: Apache-2.0
"""Layers and module sizes. The contracts of the layers are in pyproject.toml."""

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


def test_imports_follow_the_layers() -> None:
    done = lint(ROOT / "pyproject.toml")
    assert done.returncode == 0, done.stdout


def test_a_wrong_import_would_be_found(tmp_path: Path) -> None:
    """Turn two layers around: what is allowed today must then be called broken."""
    text = (ROOT / "pyproject.toml").read_text()
    turned = text.replace(
        '  "hooks | retry_policy",\n  "exceptions",\n', '  "exceptions",\n  "hooks | retry_policy",\n'
    )
    assert turned != text
    config = tmp_path / "pyproject.toml"
    config.write_text(turned)
    done = lint(config)
    assert done.returncode != 0
    assert "Imports run downwards BROKEN" in done.stdout


@pytest.mark.parametrize("name", ["airflow.sdk", "airflow.models", "airflow.providers.common"])
def test_only_version_compat_imports_names_that_moved(name: str) -> None:
    package = ROOT / "airflow_provider_kling"
    found = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in package.rglob("*.py")
        if "plugins" not in file.parts and file.name != "version_compat.py"
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if line.strip().startswith((f"from {name}", f"import {name}"))
    ]
    assert not found


def test_no_module_is_longer_than_400_lines() -> None:
    package = ROOT / "airflow_provider_kling"
    lines = {path: len(path.read_text().splitlines()) for path in package.rglob("*.py")}
    assert len(lines) > 100
    assert {str(path.relative_to(package)): count for path, count in lines.items() if count > 400} == {}

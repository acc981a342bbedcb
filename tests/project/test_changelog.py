# SPDX-License-Identifier: Apache-2.0
"""The changelog's fragments can be read, by this project's own program and by towncrier."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from scripts import changelog
from scripts.local_airflow import ROOT


def test_all_fragments_can_be_read() -> None:
    changelog.fragments()


def test_the_readme_lists_every_type() -> None:
    text = (changelog.FOLDER / "README.md").read_text("utf-8")
    assert set(changelog.TITLES) <= set(re.findall(r"^\| `([a-z]+)` \|", text, re.M))


def test_sections_are_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changelog, "FOLDER", tmp_path)
    (tmp_path / "7.bugfix.md").write_text("A retry\nre-attaches.\n")
    (tmp_path / "+word.feature.2.md").write_text("A sensor.\n")
    assert changelog.unreleased() == "### New\n\n- A sensor.\n\n### Fixed\n\n- A retry re-attaches. (#7)"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("7.md", "Text."),
        ("7.fix.md", "Text."),
        ("Fix.bugfix.md", "Text."),
        ("7.bugfix.rst", "Text."),
        ("7.bugfix.md", ""),
        ("7.bugfix.md", "# Heading"),
        ("7.bugfix.md", "long " * 100),
    ],
)
def test_other_files_are_refused(
    name: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changelog, "FOLDER", tmp_path)
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match="Invalid"):
        changelog.fragments()


@pytest.mark.skipif(find_spec("towncrier") is None, reason="towncrier is not installed")
def test_towncrier_reads_the_same(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(changelog.FOLDER, tmp_path / "changelog.d")
    command = [
        sys.executable,
        "-m",
        "towncrier",
        "build",
        "--draft",
        "--version",
        "9.9",
        "--date",
        "2026-01-02",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = {line for line in done.stdout.splitlines() if line.startswith("- ")}
    assert lines == {line for line in changelog.unreleased().splitlines() if line.startswith("- ")}

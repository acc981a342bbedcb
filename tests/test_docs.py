# SPDX-License-Identifier: Apache-2.0
"""The documents tell the truth about files and words that they name."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from scripts.local_airflow import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")
HEADING = re.compile(r"^#+ (.*)$", re.M)


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = [(target, mark) for target, mark in LINK.findall(page.read_text()) if "://" not in target]
    for target, mark in links:
        file = (page.parent / target).resolve()
        assert file.exists(), target
        if mark and file.suffix == ".md":
            assert mark[1:] in {anchor(each) for each in HEADING.findall(file.read_text())}, target + mark


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert pages <= {Path(target).name for target, _ in LINK.findall(index)}


def test_troubleshooting_names_texts_that_the_package_writes() -> None:
    """Look each quoted text up among the strings of the package, f-strings included."""
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    quoted = [text for row in rows for text in re.findall(r"`([^`]+)`", row)]
    assert len(quoted) > 15
    strings = " ".join(
        node.value
        for file in (ROOT / "airflow_provider_kling").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    squeezed = " ".join(strings.split())
    lost = [
        text
        for text in quoted
        if not all(" ".join(part.split()) in squeezed for part in re.split(r"\s*\.\.\.\s*|'", text) if part)
    ]
    assert not lost

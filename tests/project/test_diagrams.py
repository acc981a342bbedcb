# SPDX-License-Identifier: Apache-2.0
"""Each Mermaid text of the pages has a drawing, and each drawing a text."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

pytest.importorskip("playwright")

from scripts.render_diagrams import DOCS, drawing_of, texts


def test_drawings_are_up_to_date() -> None:
    wanted = {drawing_of(text) for text in texts()}
    assert wanted == set((DOCS / "diagrams").glob("*.svg")), "run `make diagrams`"
    assert len(wanted) >= 4


def test_drawings_load_nothing_and_run_nothing() -> None:
    for text in texts():
        tags = [element.tag for element in ElementTree.parse(drawing_of(text)).iter()]
        assert not [tag for tag in tags if tag.endswith(("script", "foreignObject", "}image"))]

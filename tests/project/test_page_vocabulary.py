# SPDX-License-Identifier: Apache-2.0
"""Pages use one word for one thing: the table is in scripts/vocabulary.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.local_airflow import ROOT
from scripts.vocabulary import misused, pages, problems, prose


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_uses_the_words_of_the_table(page: Path) -> None:
    assert problems(page) == []


def test_words_are_found_in_prose_only() -> None:
    page = (
        "A picture.\n```python\npicture = 1\n```\nThe field `picture` of [it](picture.md), an IP address.\n"
    )
    assert list(misused(prose(page))) == [(1, "picture", "image")]
    assert [word for _, word, _ in misused("It is told at this address.")] == ["address", "told"]

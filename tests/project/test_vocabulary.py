# SPDX-License-Identifier: Apache-2.0
"""The package uses one word for one thing: the table is in scripts/vocabulary.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.vocabulary import ALLOWED_IN, PACKAGE, misused_in_module, misused_in_name, modules, problems


@pytest.mark.parametrize("folder", sorted({path.parent for path in modules()}), ids=lambda path: path.name)
def test_modules_use_the_words_of_the_table(folder: Path) -> None:
    found = {path.name: problems(path) for path in sorted(folder.glob("*.py"))}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_allowed_modules_exist() -> None:
    assert [place for place in ALLOWED_IN if not (PACKAGE / place).exists()] == []


def test_words_are_found_in_names_and_texts(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        '"""A picture,\n``picture``, kept."""\nclipPicture = sound_file = 1  # beside\nx = "picture"\n'
        'y = "the address of a video"; z = f"an IP address {address}"\n'
    )
    assert {(line, word) for line, word, _ in misused_in_module(module)} == {
        *((1, "picture"), (2, "kept"), (3, "picture"), (3, "clip"), (3, "beside"), (5, "address"))
    }


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("landedFile", ["landed"]),
        ("LANDED", ["landed"]),
        ("keep_it", ["keep"]),
        ("generation", ["generation"]),
        ("island", []),
        ("Sounds_of_clips", ["sounds", "clips"]),
    ],
)
def test_words_are_found_as_parts_of_names(name: str, words: list[str]) -> None:
    assert [word for word, _ in misused_in_name(name)] == words

# SPDX-License-Identifier: Apache-2.0
"""Foreign text shows what it says, and no more of it than fits."""

from __future__ import annotations

import pytest

from airflow_provider_kling.utils.redaction import sanitize_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines\r\nand\ttabs", "two lines and tabs"),
        ("\x1b[31mred\x1b[0m\x00\x07", "[31mred[0m"),
        ("a\u202efdp.exe\u2066b\u200f", "afdp.exeb"),
        ("half \ud83d a character", "half  a character"),
        ("\ufeffa\u2028b\x85c", "a b c"),
        ("Überraschung 雪 👩\u200d🚀", "Überraschung 雪 👩\u200d🚀"),
        ("see https://h/a?Signa\x00ture=1", "see https://h/a"),
        ("x " * 300, "x " * 100 + "…"),
    ],
)
def test_foreign_text_is_one_line_of_what_can_be_seen(text: str, shown: str) -> None:
    assert sanitize_text(text, 200) == shown
    assert sanitize_text(text, 200).encode()

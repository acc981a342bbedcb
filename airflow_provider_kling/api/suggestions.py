# SPDX-License-Identifier: Apache-2.0
"""The word that was meant by a misspelled one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def did_you_mean(value: Any, words: Sequence[str]) -> str:
    """Return the end of a sentence that names the word which was meant; empty where none comes near.

    :param value: what was given.
    :param words: what could have been meant.
    :return: ``; did you mean 'pro'?`` or nothing.
    """
    if not isinstance(value, str):
        return ""
    from difflib import get_close_matches

    by_text = {word.lower(): word for word in words}
    near = get_close_matches(value.strip().lower(), by_text, 1)
    return f"; did you mean {by_text[near[0]]!r}?" if near else ""

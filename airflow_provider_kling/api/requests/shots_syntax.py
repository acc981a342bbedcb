# SPDX-License-Identifier: Apache-2.0
"""The syntax of several shots in the prompts of API 2.0: ``shot 1, 2, words; shot 2, 3, words;``.

A prompt is text, and only the vendor can tell what it makes of it: what looks wrong is worth a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .rules import Rule, join_names

_SHOT = re.compile(
    r"(?:^|[;\uff1b\n])\s*shot\s*(\d+)\s*[,\uff0c]\s*(\d+(?:\.\d+)?)\s*s?\s*[,\uff0c]([^;\uff1b]*)",
    re.IGNORECASE,
)
_MOST_SHOTS = 6
_LONGEST_WORDS = 512
_LEAST_SECONDS = 1
_DEFAULT_SECONDS = 5
_ONE_SHOT = ("kling-2.6", "kling-2.5-turbo", "kling-o1")

_TEXT = (
    f"several shots in a prompt: at most {_MOST_SHOTS}, each at least {_LEAST_SECONDS} s and at most"
    f" {_LONGEST_WORDS} characters, their seconds add up to duration"
)


def shots_hint(*more: str) -> Rule:
    """Build the hint for the shots that a prompt describes.

    :param more: fields with which the vendor does not read ``duration``.
    :return: the hint.
    """

    def broken(request: Any) -> str | None:
        found = _SHOT.findall(request.prompt or "")
        if not found or request.multi_shot is False or request.model_name in _ONE_SHOT:
            return None
        unread = any(getattr(request, name) for name in more)
        wanted = None if unread else int(request.duration or _DEFAULT_SECONDS)
        faults = list(_faults(found, wanted))
        return f"prompt holds shots that Kling may refuse: {'; '.join(faults)}" if faults else None

    return Rule(("prompt", "duration", "multi_shot", "model_name", *more), _TEXT, broken)


def _faults(shots: list[tuple[str, str, str]], wanted: int | None) -> Iterator[str]:
    if len(shots) > _MOST_SHOTS:
        yield f"{len(shots)} shots, at most {_MOST_SHOTS} are possible"
    if short := [number for number, seconds, _ in shots if float(seconds) < _LEAST_SECONDS]:
        yield f"shot {join_names(short, 'and')} is shorter than {_LEAST_SECONDS} s"
    if long := [number for number, _, words in shots if len(words.strip()) > _LONGEST_WORDS]:
        yield f"shot {join_names(long, 'and')} has more than {_LONGEST_WORDS} characters"
    total = sum(float(seconds) for _, seconds, _ in shots)
    if wanted is not None and total != wanted:
        yield f"their seconds add up to {total:g}, duration is {wanted}"

# SPDX-License-Identifier: Apache-2.0
"""Rules that hold wherever a request can tell its video in several shots."""

from __future__ import annotations

from typing import Any

from .rules import Rule, given, rule

DEFAULT_SECONDS = 5
"""What the vendor makes when ``duration`` is not sent."""


def _sum_is_off(request: Any) -> str | None:
    if not given(request, "multi_prompt"):
        return None
    total = sum(int(shot.duration) for shot in request.multi_prompt)
    wanted = int(request.duration or DEFAULT_SECONDS)
    if total == wanted:
        return None
    return f"the durations of multi_prompt must add up to duration ({wanted} s); they add up to {total} s"


MULTI_SHOT_RULES = (
    rule(
        "shot_type",
        "multi_shot",
        text="shot_type must be given when multi_shot is true",
        broken=lambda request: request.multi_shot and not request.shot_type,
    ),
    rule(
        "multi_shot",
        "shot_type",
        "multi_prompt",
        text="shot_type and multi_prompt have a meaning only when multi_shot is true",
        broken=lambda request: not request.multi_shot and given(request, "shot_type", "multi_prompt"),
    ),
    rule(
        "multi_prompt",
        "shot_type",
        text="multi_prompt must hold 1 to 6 shots when shot_type is customize",
        broken=lambda request: request.shot_type == "customize" and not request.multi_prompt,
    ),
    Rule(
        ("multi_prompt", "duration"),
        "the durations of multi_prompt must add up to duration",
        _sum_is_off,
    ),
)
"""For requests with ``multi_shot``, ``shot_type``, ``multi_prompt`` and ``duration``."""

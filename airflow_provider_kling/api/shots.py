# SPDX-License-Identifier: Apache-2.0
"""Rules that hold wherever a request can tell its video in several shots."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from .objects import Shot
from .rules import Rule, given, rule

DEFAULT_SECONDS = 5
"""What the vendor makes when ``duration`` is not sent."""

MultiShot = Annotated[
    bool | None,
    Field(description="Whether the video has several shots; no when unset. Then shot_type is needed."),
]
ShotType = Annotated[
    Literal["customize", "intelligence"] | None,
    Field(description="customize: shots as in multi_prompt; intelligence: shots taken from the prompt."),
]
MultiPrompt = Annotated[
    Annotated[list[Shot], Field(max_length=6)] | None,
    Field(
        description="With shot_type customize: 1 to 6 shots {'index', 'prompt', 'duration'}; a prompt has at"
        " most 512 characters, and the durations (whole seconds) add up to duration."
    ),
]


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
    rule(
        "prompt",
        "shot_type",
        text="prompt must be given when shot_type is intelligence: the shots are taken from it",
        broken=lambda request: request.shot_type == "intelligence" and not request.prompt,
    ),
    Rule(
        ("multi_prompt", "duration"),
        "the durations of multi_prompt must add up to duration",
        _sum_is_off,
    ),
)
"""For requests with ``prompt``, ``multi_shot``, ``shot_type``, ``multi_prompt`` and ``duration``."""

PROMPT_UNLESS_SHOTS = rule(
    "prompt",
    "shot_type",
    text="prompt must be given, unless shot_type is customize and multi_prompt holds the shots",
    broken=lambda request: not request.prompt and not request.shot_type,
)

MULTI_SHOT_HINTS = (
    rule(
        "prompt",
        "shot_type",
        text="prompt has no effect when shot_type is customize: multi_prompt holds the shots",
        broken=lambda request: request.prompt and request.shot_type == "customize",
    ),
    rule(
        "multi_prompt",
        "shot_type",
        text="multi_prompt has no effect when shot_type is intelligence: the shots come from the prompt",
        broken=lambda request: request.multi_prompt and request.shot_type == "intelligence",
    ),
)

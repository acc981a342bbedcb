# SPDX-License-Identifier: Apache-2.0
"""Objects inside request bodies that several requests share, and the rules of several shots."""

# No deferred annotations in modules of models: pydantic would have to evaluate each one again at import.
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from .base import KlingObject
from .field_types import ElementId, Id, Image, OneToFifteen
from .rules import Rule, custom_rule, join_names, set_fields


class WatermarkInfo(KlingObject):
    """Whether the vendor also renders a copy with a watermark."""

    enabled: bool = Field(False, description="True: the result also has a watermark_url.")


Watermark = Annotated[
    WatermarkInfo | None,
    Field(
        description="Whether to also create a copy with a watermark: {'enabled': True}; no copy when unset."
    ),
]


class Element(KlingObject):
    """A subject of the account's element library."""

    element_id: ElementId = Field(description="Id of the element, a whole number.")


class Voice(KlingObject):
    """A voice of the account's or the vendor's custom voice catalogue (not a text-to-speech voice)."""

    voice_id: Id = Field(description="Id of the voice.")


class ImageItem(KlingObject):
    """One image of a list."""

    image: Image = Field(description="The image.")


class Shot(KlingObject):
    """One shot of a multi-shot video."""

    index: Annotated[int, Field(ge=1, lt=2**31)] = Field(description="Position of the shot, starting at 1.")
    prompt: Annotated[str, Field(min_length=1, max_length=512)] = Field(
        description="What happens in the shot; at most 512 characters."
    )
    duration: OneToFifteen = Field(description="Length of the shot in whole seconds, at least 1.")


Pixel = Annotated[int, Field(gt=-(2**31), lt=2**31)]


class Point(KlingObject):
    """A pixel of the image; the origin is its lower left corner."""

    x: Pixel = Field(description="Distance from the left in pixels.")
    y: Pixel = Field(description="Distance from the bottom in pixels.")


class DynamicMask(KlingObject):
    """An area of the image and the path it moves along."""

    mask: Image = Field(description="Mask of the area, of the same size as the image.")
    trajectories: Annotated[list[Point], Field(min_length=2, max_length=77)] = Field(
        description="The path: 2 to 77 points {'x', 'y'} in pixels from the lower left corner."
    )


StaticMask = Annotated[
    Image | None, Field(description="Mask of the same size as the image; its white area does not move.")
]

DynamicMasks = Annotated[
    Annotated[list[DynamicMask], Field(max_length=6)] | None,
    Field(description="Masks of areas that move, each with its path of 2 to 77 points; at most 6."),
]

_CameraAxis = Annotated[float, Field(ge=-10, le=10)]


class CameraConfig(KlingObject):
    """How the camera moves with ``type: simple``; exactly one of the six is other than zero."""

    horizontal: _CameraAxis | None = Field(None, description="Left (-10) to right (10).")
    vertical: _CameraAxis | None = Field(None, description="Down (-10) to up (10).")
    pan: _CameraAxis | None = Field(None, description="Rotation around the horizontal axis, -10 to 10.")
    tilt: _CameraAxis | None = Field(None, description="Rotation around the vertical axis, -10 to 10.")
    roll: _CameraAxis | None = Field(None, description="Rotation around the line of sight, -10 to 10.")
    zoom: _CameraAxis | None = Field(None, description="Longer (-10) to shorter (10) focal length.")


class CameraControl(KlingObject):
    """How the camera moves."""

    type: Literal["simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward"] = Field(
        description="simple: the movement in config; the other four are fixed movements."
    )
    config: CameraConfig | None = Field(
        None, description="With type simple only: one of horizontal, vertical, pan, tilt, roll, zoom."
    )

    @property
    def is_valid(self) -> bool:
        """Whether the movement is named in full, and once."""
        return self._moved == (1 if self.type == "simple" else 0)

    @property
    def is_idle(self) -> bool:
        """Whether there is a config that says nothing: gateways ask for one with every type."""
        return self.config is not None and self.type != "simple" and not self._moved

    @property
    def _moved(self) -> int:
        return sum(map(bool, self.config.model_dump().values())) if self.config else 0


CAMERA_RULE = custom_rule(
    "camera_control",
    text="camera_control needs config with type simple, and only then, with exactly one value other than 0",
    violated=lambda request: request.camera_control and not request.camera_control.is_valid,
)

CAMERA_WARNING = custom_rule(
    "camera_control",
    text="camera_control.config has no effect unless type is simple; leave it out, or set no value in it",
    violated=lambda request: request.camera_control and request.camera_control.is_idle,
)

DEFAULT_SECONDS = 5
"""What the vendor makes when ``duration`` is not sent."""

MultiShot = Annotated[
    bool | None,
    Field(
        description="Whether the video has several shots; false when unset. If true, shot_type is required."
    ),
]
ShotType = Annotated[
    Literal["customize", "intelligence"] | None,
    Field(
        description="customize: shots as in multi_prompt; intelligence: Kling takes the shots from the"
        " prompt."
    ),
]
MultiPrompt = Annotated[
    Annotated[list[Shot], Field(max_length=6)] | None,
    Field(
        description="With shot_type customize: 1 to 6 shots {'index', 'prompt', 'duration'}; a prompt has at"
        " most 512 characters, and the durations (whole seconds) add up to duration."
    ),
]


def _duration_mismatch(request: Any) -> str | None:
    if not set_fields(request, "multi_prompt"):
        return None
    total = sum(int(shot.duration) for shot in request.multi_prompt)
    expected = int(request.duration or DEFAULT_SECONDS)
    if total == expected:
        return None
    return f"the durations of multi_prompt must add up to duration ({expected} s); they add up to {total} s"


MULTI_SHOT_RULES = (
    custom_rule(
        "shot_type",
        "multi_shot",
        text="shot_type must be given when multi_shot is true",
        violated=lambda request: request.multi_shot and not request.shot_type,
    ),
    custom_rule(
        "multi_shot",
        "shot_type",
        "multi_prompt",
        text="shot_type and multi_prompt have an effect only when multi_shot is true",
        violated=lambda request: not request.multi_shot and set_fields(request, "shot_type", "multi_prompt"),
    ),
    custom_rule(
        "multi_prompt",
        "shot_type",
        text="multi_prompt must hold 1 to 6 shots when shot_type is customize",
        violated=lambda request: request.shot_type == "customize" and not request.multi_prompt,
    ),
    custom_rule(
        "prompt",
        "shot_type",
        text="prompt must be given when shot_type is intelligence: the shots are taken from it",
        violated=lambda request: request.shot_type == "intelligence" and not request.prompt,
    ),
    Rule(
        ("multi_prompt", "duration"),
        "the durations of multi_prompt must add up to duration",
        _duration_mismatch,
    ),
)
"""For requests with ``prompt``, ``multi_shot``, ``shot_type``, ``multi_prompt`` and ``duration``."""

PROMPT_REQUIRED_WITHOUT_SHOTS = custom_rule(
    "prompt",
    "shot_type",
    text="prompt must be given, unless shot_type is customize and multi_prompt holds the shots",
    violated=lambda request: not request.prompt and not request.shot_type,
)

MULTI_SHOT_WARNINGS = (
    custom_rule(
        "prompt",
        "shot_type",
        text="prompt has no effect when shot_type is customize: multi_prompt holds the shots",
        violated=lambda request: request.prompt and request.shot_type == "customize",
    ),
    custom_rule(
        "multi_prompt",
        "shot_type",
        text="multi_prompt has no effect when shot_type is intelligence: the shots come from the prompt",
        violated=lambda request: request.multi_prompt and request.shot_type == "intelligence",
    ),
)


# Several shots in the prompts of API 2.0: ``shot 1, 2, words; shot 2, 3, words;``. A prompt is text
# that only the vendor interprets, so apparent mistakes are only warnings.
_SHOT = re.compile(
    r"(?:^|[;\uff1b\n])\s*shot\s*(\d+)\s*[,\uff0c]\s*(\d+(?:\.\d+)?)\s*s?\s*[,\uff0c]([^;\uff1b]*)",
    re.IGNORECASE,
)
_MAX_SHOTS = 6
_MAX_SHOT_TEXT = 512
_MIN_SHOT_SECONDS = 1
_DEFAULT_SECONDS = 5
_ONE_SHOT = ("kling-2.6", "kling-2.5-turbo", "kling-o1")

_SHOTS_TEXT = (
    f"several shots in a prompt: at most {_MAX_SHOTS}, each at least {_MIN_SHOT_SECONDS} s and at most"
    f" {_MAX_SHOT_TEXT} characters, their seconds add up to duration"
)


def shots_warning(*more: str) -> Rule:
    """Build the warning rule for the shots that a prompt describes.

    :param more: fields with which the vendor does not read ``duration``.
    :return: the warning rule.
    """

    def violation(request: Any) -> str | None:
        found = _SHOT.findall(request.prompt or "")
        if not found or request.multi_shot is False or request.model_name in _ONE_SHOT:
            return None
        unread = any(getattr(request, name) for name in more)
        expected = None if unread else int(request.duration or _DEFAULT_SECONDS)
        problems = list(_shot_problems(found, expected))
        return f"prompt holds shots that Kling may refuse: {'; '.join(problems)}" if problems else None

    return Rule(("prompt", "duration", "multi_shot", "model_name", *more), _SHOTS_TEXT, violation)


def _shot_problems(shots: list[tuple[str, str, str]], expected: int | None) -> Iterator[str]:
    if len(shots) > _MAX_SHOTS:
        yield f"{len(shots)} shots, at most {_MAX_SHOTS} are possible"
    if short := [number for number, seconds, _ in shots if float(seconds) < _MIN_SHOT_SECONDS]:
        yield f"shot {join_names(short, 'and')} is shorter than {_MIN_SHOT_SECONDS} s"
    if long := [number for number, _, words in shots if len(words.strip()) > _MAX_SHOT_TEXT]:
        yield f"shot {join_names(long, 'and')} has more than {_MAX_SHOT_TEXT} characters"
    total = sum(float(seconds) for _, seconds, _ in shots)
    if expected is not None and total != expected:
        yield f"their seconds add up to {total:g}, duration is {expected}"

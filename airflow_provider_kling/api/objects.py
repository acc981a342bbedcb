# SPDX-License-Identifier: Apache-2.0
"""Objects inside request bodies that several requests share."""

# No deferred annotations in modules of models: pydantic would have to evaluate each one again at import.

from typing import Annotated, Literal

from pydantic import Field

from .fields import ElementId, Id, Image, OneToFifteen
from .request import KlingObject
from .rules import rule


class WatermarkInfo(KlingObject):
    """Whether the vendor also renders a copy with a watermark."""

    enabled: bool = Field(False, description="True: the result also has a watermark_url.")


Watermark = Annotated[
    WatermarkInfo | None,
    Field(description="Whether to also make a copy with a watermark: {'enabled': True}; no when unset."),
]


class Element(KlingObject):
    """A subject of the account's element library."""

    element_id: ElementId = Field(description="Id of the element, a whole number.")


class Voice(KlingObject):
    """A voice of the account's or the vendor's custom voice catalogue (not a text-to-speech voice)."""

    voice_id: Id = Field(description="Id of the voice.")


class ImageItem(KlingObject):
    """One picture of a list."""

    image: Image = Field(description="The picture.")


class Shot(KlingObject):
    """One shot of a multi-shot video."""

    index: Annotated[int, Field(ge=1, lt=2**31)] = Field(description="Place of the shot, from 1.")
    prompt: Annotated[str, Field(min_length=1, max_length=512)] = Field(
        description="What happens in the shot; at most 512 characters."
    )
    duration: OneToFifteen = Field(description="Length of the shot in whole seconds, at least 1.")


Pixel = Annotated[int, Field(gt=-(2**31), lt=2**31)]


class Point(KlingObject):
    """A pixel of the picture; the origin is its lower left corner."""

    x: Pixel = Field(description="Pixels from the left.")
    y: Pixel = Field(description="Pixels from below.")


class DynamicMask(KlingObject):
    """An area of the picture and the path it moves along."""

    mask: Image = Field(description="Mask of the area, as large as the picture.")
    trajectories: Annotated[list[Point], Field(min_length=2, max_length=77)] = Field(
        description="The path: 2 to 77 points {'x', 'y'} in pixels from the lower left corner."
    )


StaticMask = Annotated[
    Image | None, Field(description="Mask whose white area stays still, as large as the picture.")
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
    pan: _CameraAxis | None = Field(None, description="Turn about the horizontal axis, -10 to 10.")
    tilt: _CameraAxis | None = Field(None, description="Turn about the vertical axis, -10 to 10.")
    roll: _CameraAxis | None = Field(None, description="Turn about the line of sight, -10 to 10.")
    zoom: _CameraAxis | None = Field(None, description="Longer (-10) to shorter (10) focal length.")


class CameraControl(KlingObject):
    """How the camera moves."""

    type: Literal["simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward"] = Field(
        description="simple: as config says; the other four are fixed movements."
    )
    config: CameraConfig | None = Field(
        None, description="With type simple only: one of horizontal, vertical, pan, tilt, roll, zoom."
    )

    @property
    def clear(self) -> bool:
        """Whether the movement is named in full, and once."""
        if self.type != "simple":
            return self.config is None
        return self.config is not None and sum(map(bool, self.config.model_dump().values())) == 1


CAMERA_RULE = rule(
    "camera_control",
    text="camera_control needs config with type simple, and only then, with exactly one value other than 0",
    broken=lambda request: request.camera_control and not request.camera_control.clear,
)

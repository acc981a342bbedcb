# SPDX-License-Identifier: Apache-2.0
"""Requests that make videos, each followed by its endpoint."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from .endpoint import Endpoint, Result
from .fields import (
    CameraControl,
    DynamicMask,
    Element,
    ExternalTaskId,
    HttpUrl,
    Image,
    OnOff,
    Prompt,
    Shot,
    ThreeToFifteen,
    Unit,
    Voice,
    WatermarkInfo,
)
from .request import KlingRequest
from .rules import Rule, at_least_one, at_most_one_group, given, rule
from .shots import MULTI_SHOT_RULES

_CAMERA_RULE = rule(
    "camera_control",
    text="camera_control needs config with type simple, and only then, with exactly one value other than 0",
    broken=lambda request: request.camera_control and not _camera_is_clear(request.camera_control),
)
_VOICE_RULE = rule(
    "voice_list",
    "sound",
    text="voice_list needs sound='on'",
    broken=lambda request: given(request, "voice_list") and request.sound != "on",
)


def _camera_is_clear(camera: CameraControl) -> bool:
    if camera.type != "simple":
        return camera.config is None
    return camera.config is not None and sum(map(bool, camera.config.model_dump().values())) == 1


class ImageToVideo(KlingRequest):
    """Body of ``POST /v1/videos/image2video``: animate one picture."""

    model_name: str = Field("kling-v3", min_length=1, description="Model that makes the video.")
    image: Image | None = Field(None, description="First frame.")
    image_tail: Image | None = Field(None, description="Last frame.")
    prompt: Prompt | None = Field(None, description="What happens in the video.")
    negative_prompt: Prompt | None = Field(None, description="What must not be seen.")
    duration: ThreeToFifteen | None = Field(
        None, description="Length of the video in seconds; 5 when unset. Models before v3 make 5 or 10."
    )
    mode: Literal["std", "pro", "4k"] | None = Field(
        None, description="Quality: std is 720p, pro 1080p, 4k 2160p; std when unset."
    )
    sound: OnOff | None = Field(None, description="Whether the video has sound; off when unset.")
    cfg_scale: Unit | None = Field(
        None, description="How closely to follow the prompt, 0 to 1; 0.5 when unset. v1 models only."
    )
    multi_shot: bool | None = Field(None, description="Whether the video has several shots.")
    shot_type: Literal["customize", "intelligence"] | None = Field(
        None, description="customize: shots as in multi_prompt; intelligence: shots taken from the prompt."
    )
    multi_prompt: Annotated[list[Shot], Field(max_length=6)] | None = Field(
        None, description="The shots: index, prompt (at most 512 characters), duration in seconds."
    )
    element_list: Annotated[list[Element], Field(max_length=3)] | None = Field(
        None, description="Subjects of the element library, at most 3."
    )
    voice_list: Annotated[list[Voice], Field(max_length=2)] | None = Field(
        None, description="Voices that speak, at most 2; the prompt names them <<<voice_1>>>."
    )
    static_mask: Image | None = Field(
        None, description="Mask of the area that stays still, as large as image."
    )
    dynamic_masks: Annotated[list[DynamicMask], Field(max_length=6)] | None = Field(
        None, description="Masks of areas that move, each with its path of 2 to 77 points; at most 6."
    )
    camera_control: CameraControl | None = Field(None, description="Movement of the camera.")
    watermark_info: WatermarkInfo | None = Field(None, description="Whether to also make a marked copy.")
    callback_url: HttpUrl | None = Field(None, description="Address that Kling tells of status changes.")
    external_task_id: ExternalTaskId | None = Field(
        None, description="Your own id of the task, unique in the account; made by the operator when unset."
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        at_least_one("image", "image_tail"),
        at_most_one_group(("image_tail",), ("static_mask", "dynamic_masks"), ("camera_control",)),
        at_most_one_group(("element_list",), ("voice_list",)),
        *MULTI_SHOT_RULES,
        _CAMERA_RULE,
        _VOICE_RULE,
    )


IMAGE_TO_VIDEO = Endpoint("/v1/videos/image2video", ImageToVideo, Result.VIDEOS)

# SPDX-License-Identifier: Apache-2.0
"""Requests that make videos, each followed by its endpoint."""

# No deferred annotations in modules of models: pydantic would have to evaluate each one again at import.

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ..endpoint import Endpoint, ResultType, kling_page
from ..model_rules import CFG_SCALE_WARNING, model_rules, model_warnings
from .base import KlingRequest
from .components import (
    CAMERA_RULE,
    CAMERA_WARNING,
    MULTI_SHOT_RULES,
    MULTI_SHOT_WARNINGS,
    PROMPT_REQUIRED_WITHOUT_SHOTS,
    CameraControl,
    DynamicMasks,
    Element,
    ImageItem,
    MultiPrompt,
    MultiShot,
    ShotType,
    StaticMask,
    Voice,
    Watermark,
)
from .field_types import (
    CallbackUrl,
    CfgScale,
    ExternalTaskId,
    FiveOrTen,
    Image,
    ImageOfAnyRatio,
    ModelName,
    NegativePrompt,
    OnOff,
    Prompt,
    StdPro,
    StdPro4k,
    ThreeToFifteen,
    VideoRatio,
)
from .rules import Rule, at_least_one, at_most_one_group, custom_rule, set_fields

Duration = Annotated[
    ThreeToFifteen | None,
    Field(
        description="Length of the video in seconds; 5 when unset. v3 accepts 3 to 15, older models 5 or 10."
    ),
]
Mode = Annotated[
    StdPro4k | None,
    Field(description="Quality: std is 720p, pro 1080p, 4k (v3 only) 2160p; std when unset."),
]
AudioSwitch = Annotated[
    OnOff | None,
    Field(description="Whether the video has audio; off when unset. v2-6 (mode pro only) and later models."),
]
Voices = Annotated[
    Annotated[list[Voice], Field(max_length=2)] | None,
    Field(
        description="Voices that speak, at most 2 {'voice_id'}; the prompt names them <<<voice_1>>>,"
        " <<<voice_2>>>. Needs sound='on'."
    ),
]
Camera = Annotated[
    CameraControl | None,
    Field(description="Movement of the camera: {'type', 'config'}. Only for retired v1 models."),
]

_VOICE_RULE = custom_rule(
    "voice_list",
    "sound",
    text="voice_list needs sound='on'",
    violated=lambda request: set_fields(request, "voice_list") and request.sound != "on",
)


class TextToVideo(KlingRequest):
    """Body of ``POST /v1/videos/text2video``: make a video from words."""

    model_name: ModelName = Field(
        "kling-v3", description="Model that generates the video: kling-v3, kling-v2-6, kling-v2-5-turbo."
    )
    prompt: Prompt | None = Field(
        None,
        description="What happens in the video; at most 2,500 characters. Required without multi_prompt.",
    )
    negative_prompt: NegativePrompt = None
    duration: Duration = None
    aspect_ratio: Literal["16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3"] | None = Field(
        None,
        description="Aspect ratio (width to height); 16:9 when unset. Kling documents 16:9, 9:16 and 1:1;"
        " the others are CometAPI's.",
    )
    mode: Mode = None
    sound: AudioSwitch = None
    cfg_scale: CfgScale = None
    multi_shot: MultiShot = None
    shot_type: ShotType = None
    multi_prompt: MultiPrompt = None
    voice_list: Voices = None
    camera_control: Camera = None
    watermark_info: Watermark = None
    callback_url: CallbackUrl = None
    external_task_id: ExternalTaskId = None

    rules: ClassVar[tuple[Rule, ...]] = (
        PROMPT_REQUIRED_WITHOUT_SHOTS,
        *MULTI_SHOT_RULES,
        CAMERA_RULE,
        _VOICE_RULE,
        *model_rules("videos/text2video"),
    )
    warning_rules: ClassVar[tuple[Rule, ...]] = (
        *model_warnings("videos/text2video"),
        *MULTI_SHOT_WARNINGS,
        CFG_SCALE_WARNING,
        CAMERA_WARNING,
        custom_rule(
            "voice_list",
            text="voice_list is accepted here, but Kling's capability map lists no model that"
            " follows it without an image",
            violated=lambda request: set_fields(request, "voice_list"),
        ),
    )


TEXT_TO_VIDEO = Endpoint(
    "/v1/videos/text2video", TextToVideo, ResultType.VIDEOS, source=kling_page("Text to Video")
)


class ImageToVideo(KlingRequest):
    """Body of ``POST /v1/videos/image2video``: animate one image."""

    model_name: ModelName = Field(
        "kling-v3", description="Model that generates the video: kling-v3, kling-v2-6, kling-v2-5-turbo."
    )
    image: Image | None = Field(None, description="First frame.")
    image_tail: ImageOfAnyRatio | None = Field(
        None,
        description="Last frame; needs image too. mode pro for models before v3, without audio for v2-6.",
    )
    prompt: Prompt | None = Field(None, description="What happens in the video; at most 2,500 characters.")
    negative_prompt: NegativePrompt = None
    duration: Duration = None
    mode: Mode = None
    sound: AudioSwitch = None
    cfg_scale: CfgScale = None
    multi_shot: MultiShot = None
    shot_type: ShotType = None
    multi_prompt: MultiPrompt = None
    element_list: Annotated[list[Element], Field(max_length=3)] | None = Field(
        None,
        description="Subjects of the element library, at most 3 {'element_id'}; the prompt names them"
        " <<<element_1>>>. v3 only, and not together with voice_list.",
    )
    voice_list: Voices = None
    static_mask: StaticMask = None
    dynamic_masks: DynamicMasks = None
    camera_control: Camera = None
    watermark_info: Watermark = None
    callback_url: CallbackUrl = None
    external_task_id: ExternalTaskId = None

    rules: ClassVar[tuple[Rule, ...]] = (
        at_least_one("image", "image_tail"),
        at_most_one_group(("image_tail",), ("static_mask", "dynamic_masks"), ("camera_control",)),
        at_most_one_group(("element_list",), ("voice_list",)),
        *MULTI_SHOT_RULES,
        CAMERA_RULE,
        _VOICE_RULE,
        *model_rules("videos/image2video"),
    )
    warning_rules: ClassVar[tuple[Rule, ...]] = (
        *model_warnings("videos/image2video"),
        *MULTI_SHOT_WARNINGS,
        CFG_SCALE_WARNING,
        CAMERA_WARNING,
    )


IMAGE_TO_VIDEO = Endpoint(
    "/v1/videos/image2video", ImageToVideo, ResultType.VIDEOS, source=kling_page("Image to Video")
)


class MultiImageToVideo(KlingRequest):
    """Body of ``POST /v1/videos/multi-image2video``: make one video of several images.

    Kling retired the only model that it listed here; gateways still serve it.
    """

    model_name: ModelName = Field(
        "kling-v1-6",
        description="Model that generates the video. Kling documented only kling-v1-6 and has retired it; a"
        " gateway may accept others.",
    )
    image_list: Annotated[list[ImageItem], Field(min_length=1, max_length=4)] = Field(
        description="The images, 1 to 4 {'image'}; CometAPI documents 2 to 4."
    )
    prompt: Prompt | None = Field(None, description="What happens in the video; at most 2,500 characters.")
    negative_prompt: NegativePrompt = None
    duration: FiveOrTen | None = Field(None, description="Length in seconds, 5 or 10; 5 when unset.")
    mode: StdPro | None = Field(None, description="Quality: std is 720p, pro 1080p; std when unset.")
    aspect_ratio: VideoRatio | None = Field(
        None, description="Aspect ratio (width to height); 16:9 when unset."
    )
    cfg_scale: CfgScale = None
    static_mask: StaticMask = None
    dynamic_masks: DynamicMasks = None
    callback_url: CallbackUrl = None
    external_task_id: ExternalTaskId = None

    rules: ClassVar[tuple[Rule, ...]] = model_rules("videos/multi-image2video")
    warning_rules: ClassVar[tuple[Rule, ...]] = model_warnings("videos/multi-image2video")


MULTI_IMAGE_TO_VIDEO = Endpoint(
    "/v1/videos/multi-image2video",
    MultiImageToVideo,
    ResultType.VIDEOS,
    source=kling_page("Multi-Image to Video", "2025-12"),
)

# SPDX-License-Identifier: Apache-2.0
"""The request that makes a video from text, images, elements and another video at once."""

# No deferred annotations in modules of models: pydantic would have to evaluate each one again at import.

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ..endpoint import Endpoint, ResultType, kling_page
from ..model_rules import model_rules, model_warnings
from .base import KlingObject, KlingRequest
from .components import (
    MULTI_SHOT_RULES,
    MULTI_SHOT_WARNINGS,
    PROMPT_REQUIRED_WITHOUT_SHOTS,
    Element,
    MultiPrompt,
    MultiShot,
    ShotType,
    Watermark,
)
from .field_types import (
    MAX_VIDEO_AREA,
    CallbackUrl,
    ExternalTaskId,
    Image,
    ModelName,
    OnOff,
    Prompt,
    StdPro4k,
    ThreeToFifteen,
    VideoRatio,
    YesNo,
    video,
)
from .rules import Rule, custom_rule, set_fields

MAX_REFERENCES = 7
MAX_REFERENCES_WITH_VIDEO = 4
MAX_ELEMENTS_WITH_FRAMES = 3

ReferenceVideo = Annotated[
    str,
    video(
        *(3, 15.5),
        megabytes=200,
        min_side=700,
        max_side=4553,
        ratio=(0.4, 2),
        max_area=MAX_VIDEO_AREA,
        fps=(24, 60),
    ),
    Field(min_length=1),
]
"""A video: public URL, or an object-storage URI whose filesystem can sign URLs. mp4 or mov, 3 to 15 s
(kling-video-o1: 10 s), at most 200 MB, 24 to 60 fps."""


class OmniImageItem(KlingObject):
    """One image to refer to, or to begin or end with."""

    image_url: Image = Field(description="The image.")
    type: Literal["first_frame", "end_frame"] | None = Field(
        None, description="first_frame or end_frame; leave unset for an image to refer to."
    )


class OmniVideoItem(KlingObject):
    """The video to refer to, or to edit."""

    video_url: ReferenceVideo = Field(description="The video.")
    refer_type: Literal["feature", "base"] | None = Field(
        None, description="feature: use its look or movement; base: edit it. base when unset."
    )
    keep_original_sound: YesNo | None = Field(None, description="Whether the result has the video's audio.")


def _frames(request: Any) -> list[str]:
    return [item.type for item in request.image_list or () if item.type]


def _base_video(request: Any) -> bool:
    return any(item.refer_type != "feature" for item in request.video_list or ())


def _invalid_frames(request: Any) -> str | None:
    frames = _frames(request)
    for kind in ("first_frame", "end_frame"):
        if frames.count(kind) > 1:
            return f"image_list may hold one {kind}; it holds {frames.count(kind)}"
    if "end_frame" not in frames:
        return None
    if "first_frame" not in frames:
        return "image_list holds an end_frame and needs a first_frame too"
    if len(request.image_list) > len(frames):
        return "image_list may hold no other image than a first_frame and an end_frame"
    return None


def _too_many_references(request: Any) -> str | None:
    images, elements = len(request.image_list or ()), len(request.element_list or ())
    most = MAX_REFERENCES_WITH_VIDEO if request.video_list else MAX_REFERENCES
    if images + elements <= most:
        return None
    return (
        f"image_list and element_list may hold {most} entries together"
        f" {'with' if request.video_list else 'without'} video_list; they hold {images} + {elements}"
    )


def _invalid_o1_duration(request: Any) -> str | None:
    if request.model_name != "kling-video-o1" or request.duration in (None, "5", "10"):
        return None
    alone = [item.type for item in request.image_list or ()] in ([], ["first_frame"])
    if not alone or set_fields(request, "video_list", "element_list"):
        return None
    return (
        "kling-video-o1 generates 5 or 10 s from a prompt alone or from a first frame alone;"
        f" given: {request.duration}; duration {request.duration} is possible with kling-v3-omni"
    )


_RULES = (
    PROMPT_REQUIRED_WITHOUT_SHOTS,
    *MULTI_SHOT_RULES,
    Rule(
        ("image_list",),
        "image_list may hold one first_frame and one end_frame; an end_frame needs a first_frame and no other"
        " image",
        _invalid_frames,
    ),
    Rule(
        ("image_list", "element_list", "video_list"),
        f"image_list and element_list may hold {MAX_REFERENCES} entries together,"
        f" {MAX_REFERENCES_WITH_VIDEO} with video_list",
        _too_many_references,
    ),
    custom_rule(
        "element_list",
        "image_list",
        text=f"element_list may hold {MAX_ELEMENTS_WITH_FRAMES} elements with a first_frame in image_list",
        violated=lambda r: len(r.element_list or ()) > MAX_ELEMENTS_WITH_FRAMES and _frames(r),
    ),
    custom_rule(
        "sound",
        "video_list",
        text="sound must be off when video_list is given",
        violated=lambda request: request.video_list and request.sound == "on",
    ),
    custom_rule(
        "image_list",
        "video_list",
        text="image_list may hold no first_frame or end_frame when video_list holds a video to edit"
        " (refer_type base, the default)",
        violated=lambda request: _base_video(request) and _frames(request),
    ),
    custom_rule(
        "multi_shot",
        "video_list",
        text="multi_shot cannot be used when video_list holds a video to edit (refer_type base, which is what"
        " unset means)",
        violated=lambda request: _base_video(request) and request.multi_shot,
    ),
    custom_rule(
        "shot_type",
        "video_list",
        text="shot_type must be intelligence when video_list is given",
        violated=lambda request: request.video_list and request.shot_type == "customize",
    ),
    custom_rule(
        "aspect_ratio",
        "image_list",
        "video_list",
        text="aspect_ratio must be given, unless image_list has a first_frame or video_list a video to edit",
        violated=lambda r: not r.aspect_ratio and not _frames(r) and not _base_video(r),
    ),
    Rule(
        ("duration", "model_name", "image_list", "element_list", "video_list"),
        "kling-video-o1 generates 5 or 10 s from a prompt alone or from a first frame alone",
        _invalid_o1_duration,
    ),
    custom_rule(
        "element_list",
        "image_list",
        "model_name",
        text="kling-video-o1 does not accept element_list when image_list holds an end_frame;"
        " kling-v3-omni does",
        violated=lambda r: r.model_name == "kling-video-o1" and r.element_list and "end_frame" in _frames(r),
    ),
)


_IGNORED_DURATION = custom_rule(
    "duration",
    "video_list",
    text="duration has no effect: the result is as long as the video to edit, and that length is charged",
    violated=lambda request: request.duration and _base_video(request),
)


class OmniVideo(KlingRequest):
    """Body of ``POST /v1/videos/omni-video``: make or edit a video with words, images, elements."""

    model_name: ModelName = Field(
        "kling-video-o1",
        description="Model that generates the video: kling-video-o1 or kling-v3-omni (audio, shots, 15 s,"
        " 4k).",
    )
    prompt: Prompt | None = Field(
        None,
        description="What happens; at most 2,500 characters. Refers to its inputs as <<<image_1>>>,"
        " <<<element_1>>>, <<<video_1>>> by place in the lists. Required unless shot_type is customize.",
    )
    image_list: Annotated[list[OmniImageItem], Field(max_length=MAX_REFERENCES)] | None = Field(
        None,
        description="Images {'image_url', 'type'}: to refer to, or as first_frame and end_frame. Together"
        " with element_list at most 7, with video_list at most 4.",
    )
    element_list: Annotated[list[Element], Field(max_length=MAX_REFERENCES)] | None = Field(
        None, description="Subjects of the element library {'element_id'}; at most 3 next to a first_frame."
    )
    video_list: Annotated[list[OmniVideoItem], Field(max_length=1)] | None = Field(
        None,
        description="One video {'video_url', 'refer_type', 'keep_original_sound'} to refer to (feature) or to"
        " edit (base).",
    )
    duration: ThreeToFifteen | None = Field(
        None,
        description="Length in seconds; 5 when unset. kling-v3-omni accepts 3 to 15, kling-video-o1 3 to 10"
        " (5 or 10 from a prompt or a first frame alone). The result of an edit is as long as the"
        " edited video.",
    )
    aspect_ratio: VideoRatio | None = Field(
        None,
        description="Aspect ratio (width to height). Required without a first_frame and without a video to"
        " edit.",
    )
    mode: StdPro4k | None = Field(
        None, description="Quality: std is 720p, pro 1080p, 4k (kling-v3-omni) 2160p; pro when unset."
    )
    sound: OnOff | None = Field(
        None, description="Whether the video has audio; off when unset. kling-v3-omni, without video_list."
    )
    multi_shot: MultiShot = None
    shot_type: ShotType = None
    multi_prompt: MultiPrompt = None
    watermark_info: Watermark = None
    callback_url: CallbackUrl = None
    external_task_id: ExternalTaskId = None

    rules: ClassVar[tuple[Rule, ...]] = (
        *_RULES,
        *model_rules("videos/omni-video", ignored_when=(_IGNORED_DURATION,)),
    )
    warning_rules: ClassVar[tuple[Rule, ...]] = (
        *model_warnings("videos/omni-video"),
        *MULTI_SHOT_WARNINGS,
        _IGNORED_DURATION,
    )


OMNI_VIDEO = Endpoint("/v1/videos/omni-video", OmniVideo, ResultType.VIDEOS, source=kling_page("Omni Video"))

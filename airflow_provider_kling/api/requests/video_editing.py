# SPDX-License-Identifier: Apache-2.0
"""Requests that make a new video of an existing one, and the effects; each followed by its endpoint.

The calls that mark elements in a video before it is edited are declared like endpoints, so that an operator
derives its parameters from them too, but are no part of the registry: there is nothing to submit, to wait for
or to look up.
"""

# No deferred annotations in modules of models: pydantic would have to evaluate each one again at import.

from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, JsonValue

from ..endpoint import Endpoint, ResultType, kling_page
from ..model_rules import model_rules, model_warnings
from .base import KlingObject, KlingRequest
from .components import Element, ImageItem, Watermark
from .field_types import (
    CallbackUrl,
    CfgScale,
    ExternalTaskId,
    FiveOrTen,
    Id,
    Image,
    ModelName,
    NegativePrompt,
    Prompt,
    StdPro,
    UnitInterval,
    YesNo,
    video,
)
from .rules import Rule, custom_rule, exactly_one, orientation_rule

MotionVideo = Annotated[str, video(3, 30, min_side=340, max_side=3850), Field(min_length=1)]
"""A video: public URL, or an object-storage URI whose filesystem can sign URLs. mp4 or mov, at most
100 MB, 3 to 30 s."""


class MotionControl(KlingRequest):
    """Body of ``POST /v1/videos/motion-control``: let the person of an image move as in a video."""

    model_name: ModelName = Field(
        "kling-v2-6", description="Model that generates the video: kling-v2-6 or kling-v3."
    )
    image_url: Image = Field(description="Image of the person.")
    video_url: MotionVideo = Field(
        description="Video whose movement is transferred: mp4 or mov, 340 to 3,850 px per side, 3 to 30 s (at"
        " most 10 s when character_orientation is image). The result is as long."
    )
    character_orientation: Literal["image", "video"] = Field(
        description="Orientation of the person: as in the image (video of at most 10 s) or as in the video."
    )
    mode: StdPro = Field(description="Quality: std is 720p, pro 1080p.")
    prompt: Prompt | None = Field(None, description="What else the video shows; at most 2,500 characters.")
    keep_original_sound: YesNo | None = Field(
        None, description="Whether the result has the video's audio; true when unset."
    )
    element_list: Annotated[list[Element], Field(max_length=1)] | None = Field(
        None,
        description="One subject of the element library {'element_id'}, for a constant look of the person."
        " kling-v3 only, with the orientation of the video.",
    )
    watermark_info: Watermark = None
    callback_url: CallbackUrl = None
    external_task_id: ExternalTaskId = None

    rules: ClassVar[tuple[Rule, ...]] = model_rules("videos/motion-control")
    warning_rules: ClassVar[tuple[Rule, ...]] = (
        *model_warnings("videos/motion-control"),
        orientation_rule("element_list"),
    )


MOTION_CONTROL = Endpoint(
    "/v1/videos/motion-control", MotionControl, ResultType.VIDEOS, source=kling_page("Motion Control")
)


class VideoExtend(KlingRequest):
    """Body of ``POST /v1/videos/video-extend``: add 4 to 5 seconds to a video that Kling made.

    Kling retired the models whose videos could be extended; gateways may still serve it.
    """

    video_id: Id = Field(
        description="Id of a video of text2video, image2video or video-extend, at most 30 days old; the"
        " extended video may last at most 3 minutes."
    )
    prompt: Prompt | None = Field(None, description="What happens next; at most 2,500 characters.")
    negative_prompt: NegativePrompt = None
    cfg_scale: CfgScale = None
    callback_url: CallbackUrl = None
    external_task_id: ExternalTaskId = None

    warning_rules: ClassVar[tuple[Rule, ...]] = (
        custom_rule(
            "video_id",
            text="video-extend works on videos of kling-v1, kling-v1-5 and kling-v1-6 only, which Kling"
            " retired on 2026-09-15 (a gateway may still have them)",
            violated=lambda _: True,
        ),
    )


# The vendor documents the query by task id only, so an unknown outcome cannot be looked up.
VIDEO_EXTEND = Endpoint(
    "/v1/videos/video-extend",
    VideoExtend,
    ResultType.VIDEOS,
    external_id=False,
    source=kling_page("Video Extension", "2025-12"),
)


class EffectInput(KlingObject):
    """What an effect works on. The fields depend on the scene; others than these are passed on as given."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue]

    image: Image | None = Field(None, description="The image, for scenes of one person.")
    images: Annotated[list[Image], Field(min_length=2, max_length=2)] | None = Field(
        None, description="Two images, left and right, for scenes of two persons."
    )
    model_name: ModelName | None = Field(None, description="Model; only older scenes and gateways use it.")
    mode: StdPro | None = Field(None, description="std or pro; only older scenes and gateways use it.")
    duration: FiveOrTen | None = Field(
        None, description="Length in seconds, 5 or 10; only older scenes and gateways use it."
    )


_TWO_IMAGE_SCENES = frozenset(
    (
        *("pet_skateboard", "daily_ootd", "toss_run", "switch_to_silk", "studio_look", "french_elegance"),
        *("finger_swipe", "smooth_transition", "kiss_pro", "snow_night_kiss", "eternal_kiss", "cheers_2026"),
        *("fight_pro", "hug_pro", "heart_gesture_pro", "hug", "kiss", "fight", "heart_gesture"),
    )
)

_DISCONTINUED_SCENES = {
    **dict.fromkeys(("celebration", "c4d_cartoon"), "2025-12-30"),
    **dict.fromkeys(
        ("kiss", "fight", "hug", "thumbs_up", "tiger_hug", "pet_lion", "3d_cartoon_1"), "2026-01-30"
    ),
    "magic_match_tree": "2026-07-03",
}


def _discontinued(request: Any) -> str | None:
    day = _DISCONTINUED_SCENES.get(request.effect_scene)
    return f"effect_scene {request.effect_scene!r} was ended by Kling on {day}" if day else None


def _needs_two_images(request: Any) -> str | None:
    if request.effect_scene not in _TWO_IMAGE_SCENES or request.input.images or not request.input.image:
        return None
    return f"effect_scene {request.effect_scene!r} is made of two images: input.images"


class VideoEffects(KlingRequest):
    """Body of ``POST /v1/videos/effects``: put one or two persons into a ready-made scene."""

    effect_scene: Annotated[str, Field(min_length=1)] = Field(
        description="Name of the scene; Kling's effects center lists over 200."
    )
    input: EffectInput = Field(
        description="Inputs of the scene: {'image'} for one person, {'images': [left, right]} for two;"
        " other entries are sent unchanged."
    )
    callback_url: CallbackUrl = None
    external_task_id: ExternalTaskId = None

    rules: ClassVar[tuple[Rule, ...]] = (
        custom_rule(
            "input",
            text="input must hold the inputs of the scene, such as image or images",
            violated=lambda request: not request.input.wire(),
        ),
    )
    warning_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(("effect_scene",), "scenes that Kling has discontinued may be rejected", _discontinued),
        Rule(("input", "effect_scene"), "scenes of two persons need two images", _needs_two_images),
    )


VIDEO_EFFECTS = Endpoint(
    "/v1/videos/effects", VideoEffects, ResultType.VIDEOS, source=kling_page("Video Effects")
)


def _invalid_images(request: Any) -> str | None:
    least, most = {"addition": (1, 2), "swap": (1, 1), "removal": (0, 0)}[request.edit_mode]
    found = len(request.image_list or ())
    if least <= found <= most:
        return None
    wanted = f"{least} or {most}" if most > least else str(most)
    return f"image_list must hold {wanted} images when edit_mode is {request.edit_mode}; it holds {found}"


class MultiElements(KlingRequest):
    """Body of ``POST /v1/videos/multi-elements``: add, swap or remove something in a video.

    The session comes from ``init-selection``; what to swap or remove is marked there first.
    """

    model_name: ModelName | None = Field(
        None, description="Model; Kling's page of 2026 has no such field; gateways document kling-v1-6."
    )
    session_id: Id = Field(description="Id of the session that init-selection returned; valid for 24 hours.")
    edit_mode: Literal["addition", "swap", "removal"] = Field(
        description="addition, swap or removal of an element."
    )
    image_list: Annotated[list[ImageItem], Field(max_length=2)] | None = Field(
        None,
        description="Images {'image'} of the new element, cut out of its background: 1 or 2 to add, 1 to"
        " swap.",
    )
    prompt: Prompt = Field(
        description="What to change; refers to the inputs as <<<video_1>>> and <<<image_1>>>; at most 2,500"
        " characters."
    )
    negative_prompt: NegativePrompt = None
    mode: StdPro | None = Field(None, description="Quality: std or pro; std when unset.")
    duration: FiveOrTen | None = Field(
        None,
        description="Length in seconds: 5 for a video of 2 to 5 s, 10 for one of 7 to 10 s; 5 when unset.",
    )
    watermark_info: Watermark = None
    callback_url: CallbackUrl = None
    external_task_id: ExternalTaskId = None

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            ("image_list", "edit_mode"),
            "image_list must hold 1 or 2 images for addition, 1 for swap, none for removal",
            _invalid_images,
        ),
        *model_rules("videos/multi-elements"),
    )
    warning_rules: ClassVar[tuple[Rule, ...]] = model_warnings("videos/multi-elements")


MULTI_ELEMENTS = Endpoint(
    "/v1/videos/multi-elements", MultiElements, ResultType.VIDEOS, source=kling_page("Multi-Elements")
)


INIT_SELECTION = "/v1/videos/multi-elements/init-selection"
ADD_SELECTION = "/v1/videos/multi-elements/add-selection"
DELETE_SELECTION = "/v1/videos/multi-elements/delete-selection"
CLEAR_SELECTION = "/v1/videos/multi-elements/clear-selection"
PREVIEW_SELECTION = "/v1/videos/multi-elements/preview-selection"

EditedVideo = Annotated[
    str,
    replace(
        video(2, 10, megabytes=None, min_side=720, max_side=2160),
        rates=(24, 30, 60),
        seconds_between=(5, 7),
    ),
    Field(min_length=1),
]
"""A video: public URL, or an object-storage URI whose filesystem can sign URLs. mp4 or mov, 2 to 5 s
or 7 to 10 s, 24, 30 or 60 fps."""


class SelectionPoint(KlingObject):
    """A point of a frame; the origin is its upper left corner."""

    x: UnitInterval = Field(description="Horizontal position as a fraction of the width, 0 to 1.")
    y: UnitInterval = Field(description="Vertical position as a fraction of the height, 0 to 1.")


FrameIndex = Annotated[int, Field(ge=0, lt=2**31, description="Number of the frame, from 0.")]
Points = Annotated[
    list[SelectionPoint],
    Field(
        min_length=1,
        max_length=10,
        description="1 to 10 points {'x', 'y'} of the element, as fractions of width and height.",
    ),
]


class InitSelection(KlingRequest):
    """Body of ``init-selection``: open a session on the video to edit."""

    video_id: Id | None = Field(None, description="Id of a video that Kling generated, at most 30 days old.")
    video_url: EditedVideo | None = Field(
        None, description="Your own video: mp4 or mov, 2 to 5 s or 7 to 10 s, 720 to 2,160 px per side."
    )

    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("video_id", "video_url"),)


class AddSelection(KlingRequest):
    """Body of ``add-selection``: mark an element in one frame; at most 10 frames a session."""

    session_id: Id = Field(description="Id of the session that init-selection returned.")
    frame_index: FrameIndex
    points: Points


class DeleteSelection(AddSelection):
    """Body of ``delete-selection``: take back points, with the coordinates they were added with."""


class ClearSelection(KlingRequest):
    """Body of ``clear-selection``: take back all points."""

    session_id: Id = Field(description="Id of the session that init-selection returned.")


class PreviewSelection(ClearSelection):
    """Body of ``preview-selection``: have the marked elements shown in a video."""


class MarkedFrame(KlingObject):
    """One frame and the points that mark an element in it."""

    frame_index: FrameIndex
    points: Points


class SelectElements(InitSelection):
    """What to mark in a video, with all calls at once: ``init``, ``add`` for each frame, ``preview``."""

    frames: Annotated[list[MarkedFrame], Field(max_length=10)] | None = Field(
        None,
        description="Frames to mark {'frame_index', 'points': [{'x', 'y'}]}, at most 10; points are fractions"
        " of width and height. Swapping or removing needs at least one, adding none.",
    )
    preview: bool = Field(False, description="Whether to also create a video that shows the marked areas.")


SELECT_ELEMENTS = Endpoint(
    INIT_SELECTION, SelectElements, ResultType.VIDEOS, synchronous=True, external_id=False, listable=False
)
"""The first of several calls; the request holds what all of them need."""

# SPDX-License-Identifier: Apache-2.0
"""Requests of the vendor's API 2.0 that make videos, each followed by its endpoint.

The newest models, kling-3.0-turbo among them, exist there only. An API key is needed: Kling refuses
AccessKey and SecretKey there.
"""

# No deferred annotations in modules of models: pydantic would have to evaluate each one again at import.

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from ..endpoint import Endpoint, ResultType, kling_page
from ..model_rules import model_rules, model_warnings
from .base import KlingObject
from .components import Watermark, shots_warning
from .field_types import CallbackUrl, Id, VideoRatio, video
from .omni_video import MAX_ELEMENTS_WITH_FRAMES, MAX_REFERENCES, MAX_REFERENCES_WITH_VIDEO, ReferenceVideo
from .rules import Rule, at_least_one, at_most_one_group, custom_rule, orientation_rule, requires, set_fields
from .v2_base import (
    TASKS,
    CommaFreeTaskId,
    Duration,
    LargeImage,
    LongPrompt,
    MultiShot,
    NamedElement,
    NamedImage,
    NamedVoice,
    NativeAudio,
    OriginalAudio,
    PathModel,
    Resolution,
    V2Request,
    parse_audio,
    unique_names,
)

_SHORT_PROMPTS = ("kling-2.6", "kling-2.5-turbo", "kling-o1")
_SHORT_PROMPT = 2500

_PROMPT = "at most 3,072 characters (2.x models and kling-o1: 2,500)"
_SHOTS_SYNTAX = "Several shots: 'shot 1, 2, words; shot 2, 3, words;', with number and seconds of each shot."

_Element = Annotated[
    Annotated[list[NamedElement], Field(max_length=MAX_ELEMENTS_WITH_FRAMES)] | None,
    Field(description="Subjects of the element library {'element_id', 'id'}, at most 3. kling-3.0."),
]


def _short_prompt_rule(*models: str) -> Rule:
    def check(request: Any) -> str | None:
        length = len(request.prompt or "")
        if request.model_name not in models or length <= _SHORT_PROMPT:
            return None
        return (
            f"prompt may have at most {_SHORT_PROMPT:,} characters with {request.model_name}; it has {length}"
        )

    text = f"prompt may have at most {_SHORT_PROMPT:,} characters with {', '.join(models)}"
    return Rule(("prompt", "model_name"), text, check)


PROMPT_LENGTH_RULE = _short_prompt_rule(*_SHORT_PROMPTS)
# The page of kling-3.0-turbo's image-to-video gives 2,500; its text-to-video has 3,072.
_SHORT_TURBO_PROMPT = _short_prompt_rule("kling-3.0-turbo")


class TextToVideo2(V2Request):
    """Body of ``POST /text-to-video/{model_name}``: make a video from words, with API 2.0."""

    model_name: PathModel = Field(
        "kling-3.0-turbo",
        description="Model that generates the video: kling-3.0-turbo, kling-3.0, kling-2.6, kling-2.5-turbo.",
    )
    prompt: LongPrompt = Field(description=f"What happens in the video; {_PROMPT}. {_SHOTS_SYNTAX}")
    duration: Duration = None
    aspect_ratio: VideoRatio | None = Field(
        None, description="Aspect ratio (width to height); 16:9 when unset."
    )
    resolution: Resolution = None
    audio: NativeAudio = None
    multi_shot: MultiShot = None
    watermark_info: Watermark = None
    callback_url: CallbackUrl = None
    external_task_id: CommaFreeTaskId = None

    settings: ClassVar[tuple[str, ...]] = ("duration", "aspect_ratio", "resolution", "audio", "multi_shot")
    rules: ClassVar[tuple[Rule, ...]] = (PROMPT_LENGTH_RULE, *model_rules("text-to-video"))
    warning_rules: ClassVar[tuple[Rule, ...]] = (*model_warnings("text-to-video"), shots_warning())


TEXT_TO_VIDEO_2 = Endpoint(
    "/text-to-video/{model_name}",
    TextToVideo2,
    ResultType.VIDEOS,
    listable=False,
    tasks_path=TASKS,
    source=kling_page("API 2.0, Text to Video"),
)


class ImageToVideo2(V2Request):
    """Body of ``POST /image-to-video/{model_name}``: animate one image, with API 2.0."""

    model_name: PathModel = Field(
        "kling-3.0-turbo",
        description="Model that generates the video: kling-3.0-turbo, kling-3.0, kling-2.6, kling-2.5-turbo.",
    )
    first_frame: LargeImage = Field(
        description="The image that the video begins with: jpg or png, at most 50 MB, at least 300 px per"
        " side, aspect ratio 1:2.5 to 2.5:1."
    )
    last_frame: LargeImage | None = Field(
        None,
        description="The image that it ends with. Not with kling-3.0-turbo; 2.x models need 1080p for it.",
    )
    prompt: LongPrompt | None = Field(
        None, description=f"What happens in the video; {_PROMPT}. {_SHOTS_SYNTAX}"
    )
    elements: _Element = None
    voices: Annotated[list[NamedVoice], Field(max_length=2)] | None = Field(
        None,
        description="Voices that speak, at most 2 {'voice_id', 'id'}; the prompt names them @id. kling-2.6,"
        " with audio='native'.",
    )
    duration: Duration = None
    resolution: Resolution = None
    audio: NativeAudio = None
    multi_shot: MultiShot = None
    watermark_info: Watermark = None
    callback_url: CallbackUrl = None
    external_task_id: CommaFreeTaskId = None

    contents: ClassVar[dict[str, str]] = {
        "prompt": "prompt",
        "first_frame": "first_frame",
        "last_frame": "last_frame",
        "elements": "element",
        "voices": "voice",
    }
    settings: ClassVar[tuple[str, ...]] = ("duration", "resolution", "audio", "multi_shot")
    rules: ClassVar[tuple[Rule, ...]] = (
        PROMPT_LENGTH_RULE,
        _SHORT_TURBO_PROMPT,
        unique_names("elements", "voices"),
        *model_rules("image-to-video"),
    )
    warning_rules: ClassVar[tuple[Rule, ...]] = (*model_warnings("image-to-video"), shots_warning())


IMAGE_TO_VIDEO_2 = Endpoint(
    "/image-to-video/{model_name}",
    ImageToVideo2,
    ResultType.VIDEOS,
    listable=False,
    tasks_path=TASKS,
    source=kling_page("API 2.0, Image to Video"),
)


class NamedVideo(KlingObject):
    """A video that the prompt can name."""

    url: ReferenceVideo = Field(description="The video.")
    id: Id | None = Field(None, description="Name for the prompt, which refers to it as @name.")


def _too_many_references(request: Any) -> str | None:
    images, elements = len(request.refer_images or ()), len(request.elements or ())
    video = bool(set_fields(request, "feature_video", "base_video"))
    most = MAX_REFERENCES_WITH_VIDEO if video else MAX_REFERENCES
    if images + elements <= most:
        return None
    return (
        f"refer_images and elements may hold {most} entries together {'with' if video else 'without'} a"
        f" video; they hold {images} + {elements}"
    )


def _invalid_o1_duration(request: Any) -> bool:
    alone = set_fields(request, "first_frame") and not set_fields(
        request, "last_frame", "refer_images", "feature_video", "base_video", "elements"
    )
    return bool(alone) and request.model_name == "kling-o1" and request.duration not in (None, 5, 10)


_OMNI_RULES = (
    at_least_one(
        "prompt", "first_frame", "last_frame", "refer_images", "feature_video", "base_video", "elements"
    ),
    requires("last_frame", "first_frame"),
    at_most_one_group(("feature_video",), ("base_video",)),
    at_most_one_group(("base_video",), ("first_frame", "last_frame")),
    Rule(
        ("refer_images", "elements", "feature_video", "base_video"),
        f"refer_images and elements may hold {MAX_REFERENCES} entries together,"
        f" {MAX_REFERENCES_WITH_VIDEO} with a video",
        _too_many_references,
    ),
    custom_rule(
        "elements",
        "first_frame",
        text=f"elements may hold {MAX_ELEMENTS_WITH_FRAMES} entries next to a first_frame",
        violated=lambda r: len(r.elements or ()) > MAX_ELEMENTS_WITH_FRAMES and r.first_frame,
    ),
    custom_rule(
        "audio",
        "feature_video",
        text="audio must be off when feature_video is given",
        violated=lambda r: r.feature_video and r.audio not in (None, "off"),
    ),
    custom_rule(
        "audio",
        "base_video",
        text="audio must be original or off when base_video is given",
        violated=lambda r: r.base_video and r.audio == "native",
    ),
    custom_rule(
        "multi_shot",
        "feature_video",
        text="multi_shot cannot be false when feature_video is given",
        violated=lambda r: r.feature_video and r.multi_shot is False,
    ),
    custom_rule(
        "multi_shot",
        "base_video",
        text="multi_shot cannot be true when base_video is given",
        violated=lambda r: r.base_video and r.multi_shot,
    ),
    custom_rule(
        "elements",
        "refer_images",
        "feature_video",
        "last_frame",
        "model_name",
        text="kling-o1 does not accept elements, refer_images or feature_video with a last_frame",
        violated=lambda r: (
            r.model_name == "kling-o1"
            and r.last_frame
            and set_fields(r, "elements", "refer_images", "feature_video")
        ),
    ),
    custom_rule(
        "duration",
        "model_name",
        "first_frame",
        "last_frame",
        "refer_images",
        "feature_video",
        "base_video",
        "elements",
        text="kling-o1 generates 5 or 10 s from a first_frame alone",
        violated=_invalid_o1_duration,
    ),
    unique_names("first_frame", "last_frame", "refer_images", "feature_video", "base_video", "elements"),
)


_IGNORED_DURATION = custom_rule(
    "duration",
    "base_video",
    text="duration has no effect: the result is as long as the video to edit, and that length is charged",
    violated=lambda request: request.duration and request.base_video,
)


class OmniVideo2(V2Request):
    """Body of ``POST /omni-video/{model_name}``: make or edit a video with words, images and elements."""

    model_name: PathModel = Field(
        "kling-3.0-omni",
        description="Model that generates the video: kling-3.0-omni or kling-o1 (3 to 10 s, no native"
        " audio).",
    )
    prompt: LongPrompt | None = Field(
        None,
        description=f"What happens; {_PROMPT}. It refers to inputs by their ids, as @id. {_SHOTS_SYNTAX}",
    )
    first_frame: LargeImage | NamedImage | None = Field(
        None,
        description="The image that the video begins with, or {'url', 'id'} to give it a name for"
        " the prompt.",
    )
    last_frame: LargeImage | NamedImage | None = Field(
        None, description="The image that it ends with; needs a first_frame."
    )
    refer_images: Annotated[list[LargeImage | NamedImage], Field(max_length=MAX_REFERENCES)] | None = Field(
        None,
        description="Images to refer to, each a path or URL, or {'url', 'id'}. Together with elements at most"
        " 7; with a video at most 4.",
    )
    feature_video: ReferenceVideo | NamedVideo | None = Field(
        None, description="A video whose look or movement is transferred; 3 to 15.5 s."
    )
    base_video: ReferenceVideo | NamedVideo | None = Field(
        None, description="A video to edit; 3 to 15.5 s. The result is as long, and that length is charged."
    )
    elements: Annotated[list[NamedElement], Field(max_length=MAX_REFERENCES)] | None = Field(
        None, description="Subjects of the element library {'element_id', 'id'}; at most 3 next to a frame."
    )
    duration: Duration = None
    aspect_ratio: VideoRatio | None = Field(
        None, description="Aspect ratio (width to height); 16:9 when unset and no frame or video sets it."
    )
    resolution: Resolution = None
    audio: OriginalAudio = None
    multi_shot: MultiShot = None
    watermark_info: Watermark = None
    callback_url: CallbackUrl = None
    external_task_id: CommaFreeTaskId = None

    contents: ClassVar[dict[str, str]] = {
        "prompt": "prompt",
        "first_frame": "first_frame",
        "last_frame": "last_frame",
        "refer_images": "refer_image",
        "feature_video": "feature_video",
        "base_video": "base_video",
        "elements": "element",
    }
    settings: ClassVar[tuple[str, ...]] = ("duration", "aspect_ratio", "resolution", "audio", "multi_shot")
    rules: ClassVar[tuple[Rule, ...]] = (
        PROMPT_LENGTH_RULE,
        *_OMNI_RULES,
        *model_rules("omni-video", ignored_when=(_IGNORED_DURATION,)),
    )
    warning_rules: ClassVar[tuple[Rule, ...]] = (
        *model_warnings("omni-video"),
        _IGNORED_DURATION,
        shots_warning("base_video"),
    )


OMNI_VIDEO_2 = Endpoint(
    "/omni-video/{model_name}",
    OmniVideo2,
    ResultType.VIDEOS,
    listable=False,
    tasks_path=TASKS,
    source=kling_page("API 2.0, Omni Video"),
)

MotionVideo = Annotated[str, video(3, 30, megabytes=100, min_side=340, max_side=3850), Field(min_length=1)]
"""A video: public URL, or an object-storage URI whose filesystem can sign URLs. mp4 or mov, 3 to 30 s
(10 s with ``character_orientation="image"``), at most 100 MB, 340 to 3,850 px per side."""


class MotionControl2(V2Request):
    """Body of ``POST /motion-control/{model_name}``: let an image move as a video does, with API 2.0."""

    model_name: PathModel = Field(
        "kling-3.0", description="Model that generates the video: kling-3.0 or kling-2.6."
    )
    image: LargeImage = Field(description="The image of the person to move; at most 50 MB.")
    video: MotionVideo = Field(
        description="The video whose movement is transferred: mp4 or mov, 3 to 30 s, at most 100 MB, 340 to"
        " 3,850 px per side. The result is as long."
    )
    character_orientation: Literal["image", "video"] = Field(
        description="Orientation of the character: image (as in the image; video of at most 10 s) or video"
        " (as in the video)."
    )
    prompt: Annotated[str, Field(min_length=1, max_length=_SHORT_PROMPT)] | None = Field(
        None, description="What else the video shows; at most 2,500 characters."
    )
    elements: Annotated[list[NamedElement], Field(max_length=1)] | None = Field(
        None, description="One subject of the element library {'element_id', 'id'}. kling-3.0."
    )
    resolution: Literal["720p", "1080p"] | None = Field(None, description="Size; 720p when unset.")
    audio: Annotated[Literal["original", "off"], BeforeValidator(parse_audio)] | None = Field(
        None, description="original: the audio of video, also when unset; off: none."
    )
    watermark_info: Watermark = None
    callback_url: CallbackUrl = None
    external_task_id: CommaFreeTaskId = None

    contents: ClassVar[dict[str, str]] = {
        "prompt": "prompt",
        "image": "image",
        "video": "video",
        "elements": "element",
    }
    settings: ClassVar[tuple[str, ...]] = ("character_orientation", "resolution", "audio")
    rules: ClassVar[tuple[Rule, ...]] = model_rules("motion-control")
    warning_rules: ClassVar[tuple[Rule, ...]] = (
        *model_warnings("motion-control"),
        orientation_rule("elements"),
    )


MOTION_CONTROL_2 = Endpoint(
    "/motion-control/{model_name}",
    MotionControl2,
    ResultType.VIDEOS,
    listable=False,
    tasks_path=TASKS,
    source=kling_page("API 2.0, Motion Control"),
)

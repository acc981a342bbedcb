# SPDX-License-Identifier: Apache-2.0
"""Requests that make, change or read images, each followed by its endpoint."""

# No deferred annotations in modules of models: pydantic would have to evaluate each one again at import.

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ..endpoint import Endpoint, ResultType, kling_page
from ..model_rules import model_rules, model_warnings
from .base import KlingObject, KlingRequest
from .components import Element, ImageItem, Watermark
from .field_types import (
    CallbackUrl,
    ExternalTaskId,
    Image,
    ImageCount,
    ImageOfAnyRatio,
    ImageRatio,
    ModelName,
    NegativePrompt,
    Prompt,
    UnitInterval,
)
from .rules import Rule, custom_rule, requires

MAX_REFERENCES = 10
MAX_EXPANDED_AREA = 3

Ratio = Annotated[ImageRatio | None, Field(description="Aspect ratio (width to height); 16:9 when unset.")]
Elements = Annotated[
    Annotated[list[Element], Field(max_length=MAX_REFERENCES)] | None,
    Field(description="Subjects of the element library {'element_id'}; at most 10 images and elements."),
]


class ImageRecognize(KlingRequest):
    """Body of ``POST /v1/videos/image-recognize``: cut an image into object, head, face and clothes.

    Synchronous: the response holds the images, and there is no job that could be looked up. If the response
    is lost, the call may have been charged, and the task fails with ``KlingSubmissionUnknown``.
    """

    image: Image = Field(description="The image.")


IMAGE_RECOGNIZE = Endpoint(
    "/v1/videos/image-recognize",
    ImageRecognize,
    ResultType.IMAGES,
    synchronous=True,
    external_id=False,
    listable=False,
    source=kling_page("Image Recognition"),
)


class ImageGeneration(KlingRequest):
    """Body of ``POST /v1/images/generations``: make images from words, or words and an image."""

    model_name: ModelName = Field(
        "kling-v3", description="Model that generates the images: kling-v3 or kling-v2-1."
    )
    prompt: Prompt = Field(description="What the image shows; at most 2,500 characters.")
    negative_prompt: Annotated[
        NegativePrompt,
        Field(description="What to avoid; at most 2,500 characters. Not together with image."),
    ] = None
    image: Image | None = Field(None, description="Reference image.")
    image_reference: Literal["subject", "face"] | None = Field(
        None,
        description="What the image is a reference for: subject, or face (of one person). kling-v2-1; needs"
        " image.",
    )
    image_fidelity: UnitInterval | None = Field(
        None, description="How close the result stays to the image, 0 to 1; 0.5 when unset. kling-v2-1."
    )
    human_fidelity: UnitInterval | None = Field(
        None,
        description="How close the result stays to the face, 0 to 1; 0.45 when unset. kling-v2-1, used with"
        " image_reference subject only.",
    )
    element_list: Elements = None
    resolution: Literal["1k", "2k"] | None = Field(None, description="1k or 2k; 1k when unset.")
    n: ImageCount = None
    aspect_ratio: Ratio = None
    watermark_info: Watermark = None
    callback_url: CallbackUrl = None
    external_task_id: ExternalTaskId = None

    rules: ClassVar[tuple[Rule, ...]] = (
        custom_rule(
            "negative_prompt",
            "image",
            text="negative_prompt cannot be used together with image",
            violated=lambda request: request.negative_prompt and request.image,
        ),
        requires("image_reference", "image"),
        custom_rule(
            "element_list",
            "image",
            text=f"element_list and image may be {MAX_REFERENCES} together",
            violated=lambda r: len(r.element_list or ()) + bool(r.image) > MAX_REFERENCES,
        ),
        *model_rules("images/generations"),
    )
    warning_rules: ClassVar[tuple[Rule, ...]] = (
        *model_warnings("images/generations"),
        custom_rule(
            "human_fidelity",
            "image_reference",
            text="human_fidelity has no effect without image_reference subject",
            violated=lambda r: r.human_fidelity is not None and r.image_reference != "subject",
        ),
    )


IMAGE_GENERATION = Endpoint(
    "/v1/images/generations", ImageGeneration, ResultType.IMAGES, source=kling_page("Image Generation")
)


def _auto_ratio_without_image(request: Any) -> str | None:
    if request.model_name != "kling-v3-omni" or request.aspect_ratio != "auto":
        return None
    if request.image_list or request.element_list:
        return None
    return (
        "kling-v3-omni uses aspect_ratio auto only with image_list or element_list;"
        " auto from words alone is possible with kling-image-o1"
    )


class OmniImage(KlingRequest):
    """Body of ``POST /v1/images/omni-image``: make images or a series from words, images and elements."""

    model_name: ModelName = Field(
        "kling-image-o1",
        description="Model that generates the images: kling-image-o1 or kling-v3-omni (4k, series).",
    )
    prompt: Prompt = Field(
        description="What the image shows; at most 2,500 characters. Refers to its inputs as <<<image_1>>>,"
        " <<<element_1>>>."
    )
    image_list: Annotated[list[ImageItem], Field(max_length=MAX_REFERENCES)] | None = Field(
        None, description="Images to refer to {'image'}; at most 10 images and elements."
    )
    element_list: Elements = None
    resolution: Literal["1k", "2k", "4k"] | None = Field(
        None, description="1k, 2k or (kling-v3-omni) 4k; 1k when unset."
    )
    result_type: Literal["single", "series"] | None = Field(
        None,
        description="single images or (kling-v3-omni) a series that belongs together; single when unset.",
    )
    n: ImageCount = None
    series_amount: Annotated[int, Field(ge=2, le=9)] | Literal["auto"] | None = Field(
        None, description="Images of the series, 2 to 9 or auto; 4 when unset. With result_type series."
    )
    aspect_ratio: ImageRatio | Literal["auto"] | None = Field(
        None, description="Aspect ratio (width to height), or auto: chosen from the inputs; auto when unset."
    )
    watermark_info: Watermark = None
    callback_url: CallbackUrl = None
    external_task_id: ExternalTaskId = None

    rules: ClassVar[tuple[Rule, ...]] = (
        custom_rule(
            "image_list",
            "element_list",
            text=f"image_list and element_list may hold {MAX_REFERENCES} entries together",
            violated=lambda r: len(r.image_list or ()) + len(r.element_list or ()) > MAX_REFERENCES,
        ),
        *model_rules("images/omni-image"),
    )
    warning_rules: ClassVar[tuple[Rule, ...]] = (
        *model_warnings("images/omni-image"),
        # Only the capability map says so; the page of the endpoint has auto as its default.
        Rule(
            ("aspect_ratio", "model_name", "image_list", "element_list"),
            "kling-v3-omni uses aspect_ratio auto only with image_list or element_list",
            _auto_ratio_without_image,
        ),
        custom_rule(
            "n",
            "result_type",
            text="n has no effect with result_type series: series_amount counts",
            violated=lambda request: request.n is not None and request.result_type == "series",
        ),
        custom_rule(
            "series_amount",
            "result_type",
            text="series_amount has no effect without result_type series",
            violated=lambda r: r.series_amount is not None and r.result_type != "series",
        ),
    )


OMNI_IMAGE = Endpoint("/v1/images/omni-image", OmniImage, ResultType.IMAGES, source=kling_page("Omni Image"))


class SubjectImage(KlingObject):
    """One image of a subject."""

    subject_image: Image = Field(description="The image, cropped to the subject.")


class MultiImageToImage(KlingRequest):
    """Body of ``POST /v1/images/multi-image2image``: put subjects, a scene and a style into one image."""

    model_name: ModelName = Field("kling-v2-1", description="Model that generates the images: kling-v2-1.")
    prompt: Prompt | None = Field(None, description="What the image shows; at most 2,500 characters.")
    subject_image_list: Annotated[list[SubjectImage], Field(min_length=1, max_length=4)] = Field(
        description="Images of the subjects, 1 to 4 {'subject_image'}, each cropped to its subject."
    )
    scene_image: Image | None = Field(None, description="Image of the scene.")
    style_image: Image | None = Field(None, description="Image of the style.")
    n: ImageCount = None
    aspect_ratio: Ratio = None
    watermark_info: Watermark = None
    callback_url: CallbackUrl = None
    external_task_id: ExternalTaskId = None

    rules: ClassVar[tuple[Rule, ...]] = model_rules("images/multi-image2image")
    warning_rules: ClassVar[tuple[Rule, ...]] = model_warnings("images/multi-image2image")


MULTI_IMAGE_TO_IMAGE = Endpoint(
    "/v1/images/multi-image2image",
    MultiImageToImage,
    ResultType.IMAGES,
    source=kling_page("Multi-Image to Image"),
)

_Growth = Annotated[float, Field(ge=0, le=2)]


def _expanded_area_too_large(request: Any) -> str | None:
    height = 1 + request.up_expansion_ratio + request.down_expansion_ratio
    width = 1 + request.left_expansion_ratio + request.right_expansion_ratio
    growth = height * width
    # The vendor's own sample is three times as large but for rounding.
    if growth <= MAX_EXPANDED_AREA + 0.001:
        return None
    return f"the new image may have {MAX_EXPANDED_AREA} times the area of the old; it would have {growth:.2f}"


class ImageExpand(KlingRequest):
    """Body of ``POST /v1/images/editing/expand``: paint on beyond the borders of an image."""

    image: Image = Field(description="The image.")
    up_expansion_ratio: _Growth = Field(
        description="How much to add at the top, as a multiple of the image's height, 0 to 2."
    )
    down_expansion_ratio: _Growth = Field(
        description="How much to add at the bottom, as a multiple of the image's height, 0 to 2."
    )
    left_expansion_ratio: _Growth = Field(
        description="How much to add on the left, as a multiple of the image's width, 0 to 2."
    )
    right_expansion_ratio: _Growth = Field(
        description="How much to add on the right, as a multiple of the image's width, 0 to 2."
    )
    prompt: Prompt | None = Field(
        None, description="What the extended image shows; at most 2,500 characters."
    )
    n: ImageCount = None
    watermark_info: Watermark = None
    callback_url: CallbackUrl = None
    external_task_id: ExternalTaskId = None

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            ("up_expansion_ratio", "down_expansion_ratio", "left_expansion_ratio", "right_expansion_ratio"),
            f"the new image may have at most {MAX_EXPANDED_AREA} times the area of the old one",
            _expanded_area_too_large,
        ),
    )


IMAGE_EXPAND = Endpoint(
    "/v1/images/editing/expand", ImageExpand, ResultType.IMAGES, source=kling_page("Image Expansion")
)


class VirtualTryOn(KlingRequest):
    """Body of ``POST /v1/images/kolors-virtual-try-on``: dress a person in a piece of clothing.

    Kling moved it to another API on 2026-09-15; gateways may still serve it.
    """

    model_name: ModelName = Field(
        "kolors-virtual-try-on-v1-5",
        description="Model: kolors-virtual-try-on-v1-5 or kolors-virtual-try-on-v1, both retired.",
    )
    human_image: ImageOfAnyRatio = Field(description="Image of the person.")
    cloth_image: ImageOfAnyRatio | None = Field(None, description="Image of the clothing.")
    callback_url: CallbackUrl = None
    external_task_id: ExternalTaskId = None

    rules: ClassVar[tuple[Rule, ...]] = model_rules("images/kolors-virtual-try-on")
    warning_rules: ClassVar[tuple[Rule, ...]] = model_warnings("images/kolors-virtual-try-on")


# Only the newest of the vendor's pages has an external id, and no gateway's has: a look-up that finds nothing
# could mean that the id was never read.
VIRTUAL_TRY_ON = Endpoint(
    "/v1/images/kolors-virtual-try-on",
    VirtualTryOn,
    ResultType.IMAGES,
    external_id=False,
    source=kling_page("Virtual Try-On", "2026-03"),
)


class AiMultiShot(KlingRequest):
    """Body of ``POST /v1/general/ai-multi-shot``: see a subject from other sides, three times."""

    element_frontal_image: Image = Field(description="Image of the subject from the front.")
    callback_url: CallbackUrl = None
    external_task_id: ExternalTaskId = None


AI_MULTI_SHOT = Endpoint(
    "/v1/general/ai-multi-shot", AiMultiShot, ResultType.IMAGES, source=kling_page("AI Multi-Shot")
)

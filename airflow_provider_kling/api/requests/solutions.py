# SPDX-License-Identifier: Apache-2.0
"""Requests of the vendor's ready-made solutions for clothes and goods, each followed by its endpoint."""

# No deferred annotations in modules of models: pydantic would have to evaluate each one again at import.

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from ..endpoint import Endpoint, ResultType, kling_page
from .components import Watermark
from .field_types import IMAGE, MAX_VIDEO_AREA, MEGABYTE, CallbackUrl, MediaConstraints, StripDataUri
from .rules import Rule
from .v2_base import CommaFreeTaskId, V2Request, to_int

SOLUTIONS = "/solutions"
"""Where the tasks of all solutions are queried."""


def _as_list(value: Any) -> Any:
    # One entry is as good as a list of one.
    return [value] if isinstance(value, str) and value else value


OneOrMore = BeforeValidator(_as_list)

TryOnImage = Annotated[
    str,
    MediaConstraints(
        "image",
        inline=False,
        formats=("jpg", "jpeg", "png", "webp"),
        max_bytes=10 * MEGABYTE,
        min_side=301,
        max_side=2048,
    ),
    Field(min_length=1),
]
"""An image: public URL, or an object-storage URI whose filesystem can sign URLs. jpg, png or webp, at
most 10 MB, each side longer than 300 px and at most 2,048 px."""


class VirtualTryOn2(V2Request):
    """Body of ``POST /solutions/virtual_try_on``: dress a person in a garment."""

    person_image: TryOnImage = Field(
        description="The person: public URL of a jpg, png or webp, at most 10 MB, 301 to 2,048 px per side."
    )
    product_image: TryOnImage = Field(description="The garment, with the same limits.")
    keep_face: bool | None = Field(None, description="Whether the face is unchanged; true when unset.")
    keep_pose: bool | None = Field(None, description="Whether the pose is unchanged; true when unset.")
    keep_background: bool | None = Field(
        None, description="Whether the background is unchanged; true when unset."
    )
    watermark: Watermark = None
    callback_url: CallbackUrl = None
    external_task_id: CommaFreeTaskId = None

    contents: ClassVar[dict[str, str]] = {"product_image": "product_image", "person_image": "person_image"}
    settings: ClassVar[tuple[str, ...]] = ("keep_face", "keep_pose", "keep_background")
    options: ClassVar[tuple[str, ...]] = ("callback_url", "external_task_id", "watermark")


VIRTUAL_TRY_ON_2 = Endpoint(
    "/solutions/virtual_try_on",
    VirtualTryOn2,
    ResultType.IMAGES,
    listable=False,
    tasks_path=SOLUTIONS,
    source=kling_page("Solutions, Virtual Try-On"),
)

SolutionImage = Annotated[
    str,
    MediaConstraints(
        "image",
        formats=("jpg", "jpeg", "png", "webp"),
        max_bytes=50 * MEGABYTE,
        min_side=300,
        ratio=IMAGE.ratio,
    ),
    Field(min_length=1),
    StripDataUri,
]
"""An image: URL, base64, ``data:`` URI, local path or object-storage URI. jpg, png or webp, at most 50 MB,
at least 300 px per side, aspect ratio 1:2.5 to 2.5:1."""

IMAGE_LIMITS = "jpg, png or webp, at most 50 MB, at least 300 px per side, aspect ratio 1:2.5 to 2.5:1"
Images = Annotated[list[SolutionImage], Field(min_length=1, max_length=5)]
TwoSizes = Literal["720p", "1080p"]


class GoodsStudio(V2Request):
    """Body of ``POST /solutions/e-commerce/goods_studio``: make a video of a product."""

    ref_image: Annotated[Images, OneOrMore] = Field(
        description=f"Images of the product, 1 to 5: each {IMAGE_LIMITS}."
    )
    goods_title: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        description="Name of the product; at most 200 characters."
    )
    goods_description: Annotated[str, Field(max_length=2000)] | None = Field(
        None, description="What the video says about the product; at most 2,000 characters."
    )
    resolution: TwoSizes = Field(description="Size of the video.")
    aspect_ratio: Literal["9:16", "1:1", "16:9"] = Field(description="Aspect ratio (width to height).")
    duration: Annotated[Literal[15, 30, 60], BeforeValidator(to_int)] = Field(
        description="Length of the video in seconds."
    )
    watermark: Watermark = None
    callback_url: CallbackUrl = None
    external_task_id: CommaFreeTaskId = None

    contents: ClassVar[dict[str, str]] = {
        name: name for name in ("ref_image", "goods_title", "goods_description")
    }
    plain: ClassVar[dict[str, str]] = {"goods_title": "text", "goods_description": "text"}
    settings: ClassVar[tuple[str, ...]] = ("resolution", "aspect_ratio", "duration")
    options: ClassVar[tuple[str, ...]] = ("callback_url", "external_task_id", "watermark")


GOODS_STUDIO = Endpoint(
    "/solutions/e-commerce/goods_studio",
    GoodsStudio,
    ResultType.VIDEOS,
    listable=False,
    tasks_path=SOLUTIONS,
    source=kling_page("Solutions, Goods Studio"),
)

SHOP_VOICES = (
    "energetic_sales_girl",
    "gentle_sales_woman",
    "crisp_sales_girl",
    "mature_sales_woman",
    "calm_sales_woman",
    "soft_sales_woman",
    "energetic_sales_boy",
    "enthusiastic_sales_man",
    "steady_sales_man",
    "calm_sales_man",
)
"""Voices of the Apparel Replicator, which has a catalogue of its own."""


def not_in_catalogue(field: str, names: tuple[str, ...], *, wanted: str) -> Rule:
    """Build the hint that a name is not in the documented catalogue.

    :param field: the field that holds the name.
    :param names: the documented names.
    :param wanted: what the catalogue lists, such as voices.
    :return: the hint.
    """
    text = f"{field} is documented as one of {', '.join(names)}"
    return Rule(
        (field,),
        text,
        lambda request: (
            f"{field} {getattr(request, field)!r} is not in the documented list of {wanted}; it is sent as"
            " given"
            if getattr(request, field) not in (None, *names)
            else None
        ),
    )


class ClothingDupe(V2Request):
    """Body of ``POST /solutions/e-commerce/clothing_dupe``: remake a video of clothes."""

    product_info: Annotated[str, Field(min_length=1, max_length=2500)] = Field(
        description="Description of the garment; at most 2,500 characters."
    )
    source_video: Annotated[
        str,
        MediaConstraints(
            "video",
            inline=False,
            formats=("mp4", "mov"),
            max_bytes=100 * MEGABYTE,
            min_side=576,
            max_side=4553,
            ratio=(0.4, 2),
            seconds=(5, 180),
            max_area=MAX_VIDEO_AREA,
            fps=(24, 60),
        ),
        Field(min_length=1),
    ] = Field(
        description="The video to remake: public URL of an mp4 or mov, 5 to 180 s, at most 100 MB, 576 to"
        " 4,553 px per side and 8,294,400 px in all, aspect ratio 0.4 to 2, 24 to 60 fps."
    )
    product_image: Annotated[Images, OneOrMore] = Field(
        description=f"Images of the garment, 1 to 5: each {IMAGE_LIMITS}."
    )
    model_image: Annotated[Images, OneOrMore] | None = Field(
        None,
        description="Images of the person who wears it, at most 5, with the same limits; the person of"
        " source_video when unset.",
    )
    bgm: (
        Annotated[
            str,
            MediaConstraints(
                "audio", inline=False, formats=("mp3", "m4a", "wav", "wave"), max_bytes=50 * MEGABYTE
            ),
            Field(min_length=1),
        ]
        | None
    ) = Field(
        None,
        description="Music: public URL of an mp3, m4a or wav, at most 50 MB; chosen by Kling when unset.",
    )
    voice: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="Id of the voice that speaks, from a separate catalogue, such as calm_sales_woman; the"
        " model's own voice when unset.",
    )
    aspect_ratio: Literal["9:16", "2:3", "3:4", "1:1", "4:3", "3:2", "16:9", "21:9"] | None = Field(
        None, description="Aspect ratio (width to height)."
    )
    resolution: TwoSizes | None = Field(None, description="Size of the video; 720p when unset.")
    watermark_info: Watermark = None
    callback_url: CallbackUrl = None
    external_task_id: CommaFreeTaskId = None

    contents: ClassVar[dict[str, str]] = {
        name: name
        for name in ("product_info", "source_video", "product_image", "model_image", "bgm", "voice")
    }
    plain: ClassVar[dict[str, str]] = {"product_info": "text", "voice": "voice_id"}
    settings: ClassVar[tuple[str, ...]] = ("resolution", "aspect_ratio")
    warning_rules: ClassVar[tuple[Rule, ...]] = (not_in_catalogue("voice", SHOP_VOICES, wanted="voices"),)


CLOTHING_DUPE = Endpoint(
    "/solutions/e-commerce/clothing_dupe",
    ClothingDupe,
    ResultType.PRODUCT_VIDEOS,
    listable=False,
    tasks_path=SOLUTIONS,
    source=kling_page("Solutions, Apparel Replicator"),
)

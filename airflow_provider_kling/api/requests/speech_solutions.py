# SPDX-License-Identifier: Apache-2.0
"""Requests of the vendor's ready-made solutions for speech, each followed by its endpoint."""

# No deferred annotations in modules of models: pydantic would have to evaluate each one again at import.

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from ..endpoint import Endpoint, ResultType, kling_page
from .base import KlingObject
from .components import Watermark
from .field_types import MEGABYTE, CallbackUrl, MediaConstraints
from .rules import Rule, custom_rule, exactly_one, requires, set_fields
from .solutions import IMAGE_LIMITS, SOLUTIONS, Images, OneOrMore, SolutionImage, TwoSizes, not_in_catalogue
from .v2_base import CommaFreeTaskId, V2Request, to_int

SPEAKERS = (
    "avatar_vivian_female",
    "avatar_lee_male",
    "avatar_chenjing_female",
    "avatar_zhaochen_male",
    "avatar_wanglei_male",
    "avatar_eva_female",
    "avatar_oliver_male",
    "avatar_elena_female",
    "avatar_adam_male",
    "avatar_anna_female",
    "avatar_rajput_male",
    "avatar_mia_female",
    "avatar_river_male",
    "avatar_marcus_male",
    "avatar_toto_cartoon",
)
"""Avatars of the Video Commerce library, each with a voice of its own."""

SPEAKER_VOICES = (
    "male_calm_informative",
    "female_clear_rational",
    "female_gentle_soothing",
    "female_bright_engaging",
    "male_crisp_persuasive",
    "female_intelligent_narrative",
    "male_clear_professional",
    "male_energetic_sporty",
    "female_warm_rich",
)
"""Voices of Video Commerce."""

_RATES = (0.8, 1.0, 1.2)
_GOODS = ("ref_image", "goods_title", "goods_price", "goods_target_audience", "goods_selling_point")
_GOODS_WORDS = ", ".join(_GOODS)


def _as_rate(value: float) -> float:
    if value not in _RATES:
        raise ValueError("must be 0.8, 1.0 or 1.2")
    return value


_Audience = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=20), OneOrMore
]
_SellingPoints = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=500)]], Field(max_length=20), OneOrMore
]


class TalkingAgent(V2Request):
    """Body of ``POST /solutions/talking_agent``: let a person speak, of a product or not."""

    avatar_image: SolutionImage | None = Field(
        None, description=f"Image of the person who speaks: {IMAGE_LIMITS}. Needs voice_id."
    )
    avatar_id: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        None,
        description="Id of a person of Kling's library instead, such as avatar_anna_female, who has a voice.",
    )
    speech_script: Annotated[str, Field(min_length=1, max_length=2000)] = Field(
        description="Text to speak, at most 2,000 characters; its length determines the length and price of"
        " the video."
    )
    ref_image: Annotated[Images, OneOrMore] | None = Field(
        None,
        description=f"Images of a product to show, at most 5: each {IMAGE_LIMITS}. Needs goods_title.",
    )
    goods_title: Annotated[str, Field(min_length=1, max_length=500)] | None = Field(
        None, description="Name of the product; at most 500 characters. Needs ref_image."
    )
    goods_price: Annotated[str, Field(max_length=256)] | None = Field(
        None, description="Price of the product, as text; at most 256 characters."
    )
    goods_target_audience: _Audience | None = Field(
        None, description="Target audience: at most 20 entries of at most 200 characters."
    )
    goods_selling_point: _SellingPoints | None = Field(
        None, description="Selling points: at most 20 entries of at most 500 characters."
    )
    resolution: TwoSizes | None = Field(None, description="Size of the video; 720p when unset.")
    aspect_ratio: Literal["9:16", "16:9"] | None = Field(
        None, description="Aspect ratio (width to height); 9:16 when unset."
    )
    voice_id: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="Id of the voice, from a separate catalogue, such as female_warm_rich. Required with"
        " avatar_image, rejected with avatar_id.",
    )
    speech_rate: Annotated[float, AfterValidator(_as_rate)] | None = Field(
        None, description="Speed of the speech: 0.8, 1.0 or 1.2; 1.0 when unset. Rejected with a product."
    )
    allow_polish: bool | None = Field(
        None, description="Whether Kling may rewrite speech_script; false when unset."
    )
    action_prompt: Annotated[str, Field(max_length=2500)] | None = Field(
        None, description="What the person does; at most 2,500 characters."
    )
    bgm_enabled: bool | None = Field(None, description="Whether to add music; false when unset.")
    watermark: Watermark = None
    callback_url: CallbackUrl = None
    external_task_id: CommaFreeTaskId = None

    contents: ClassVar[dict[str, str]] = {
        name: name for name in ("avatar_image", "avatar_id", *_GOODS, "speech_script")
    }
    plain: ClassVar[dict[str, str]] = dict.fromkeys(("avatar_id", *_GOODS[1:], "speech_script"), "text")
    settings: ClassVar[tuple[str, ...]] = (
        "resolution",
        "aspect_ratio",
        "voice_id",
        "speech_rate",
        "allow_polish",
        "action_prompt",
        "bgm_enabled",
    )
    options: ClassVar[tuple[str, ...]] = ("callback_url", "external_task_id", "watermark")
    rules: ClassVar[tuple[Rule, ...]] = (
        exactly_one("avatar_image", "avatar_id"),
        requires("avatar_image", "voice_id"),
        custom_rule(
            "voice_id",
            "avatar_id",
            text="voice_id is not accepted with avatar_id, which has its own voice",
            violated=lambda request: request.voice_id and request.avatar_id,
        ),
        custom_rule(
            *_GOODS,
            text=f"a product ({_GOODS_WORDS}) needs ref_image and goods_title",
            violated=lambda r: set_fields(r, *_GOODS) and not (r.ref_image and r.goods_title),
        ),
        custom_rule(
            "speech_rate",
            *_GOODS,
            text=f"speech_rate is not accepted with a product ({_GOODS_WORDS})",
            violated=lambda r: r.speech_rate is not None and set_fields(r, *_GOODS),
        ),
    )
    warning_rules: ClassVar[tuple[Rule, ...]] = (
        not_in_catalogue("avatar_id", SPEAKERS, wanted="avatars"),
        not_in_catalogue("voice_id", SPEAKER_VOICES, wanted="voices"),
    )


TALKING_AGENT = Endpoint(
    "/solutions/talking_agent",
    TalkingAgent,
    ResultType.VIDEOS,
    listable=False,
    tasks_path=SOLUTIONS,
    source=kling_page("Solutions, Video Commerce"),
)

_Term = Annotated[str, Field(min_length=1, max_length=100)]


class GlossaryEntry(KlingObject):
    """How one word is translated."""

    source: _Term = Field(description="The name in the language of the video; at most 100 characters.")
    target: _Term = Field(description="Its translation; at most 100 characters.")


class DramaSubtitle(V2Request):
    """Body of ``POST /solutions/drama_subtitle``: translate what is spoken in a video, as subtitles."""

    source_video: Annotated[
        str,
        MediaConstraints(
            "video",
            inline=False,
            formats=("mp4", "mov", "mkv", "webm", "avi", "flv", "mpg", "ts"),
            max_bytes=500 * MEGABYTE,
            seconds=(0, 300),
        ),
        Field(min_length=1),
    ] = Field(
        description="The video, with audio and spoken Chinese: public URL, at most 300 s and 500 MB;"
        " mp4 is the safest format."
    )
    glossary: Annotated[list[GlossaryEntry], Field(max_length=200)] | None = Field(
        None, description="Translations of names, at most 200 entries {'source', 'target'}."
    )
    target_cps: Annotated[int, BeforeValidator(to_int), Field(ge=10, le=20)] | None = Field(
        None, description="Reading speed in characters per second, 10 to 20; 17 when unset."
    )
    target_language: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="Language of the subtitles: en, also when unset."
    )
    margin_v: Annotated[int, BeforeValidator(to_int), Field(ge=1, le=4096)] | None = Field(
        None,
        description="Distance of the subtitles from the bottom in pixels, 1 to 4,096; chosen by Kling"
        " when unset.",
    )
    font_size: Annotated[int, BeforeValidator(to_int), Field(ge=1, le=512)] | None = Field(
        None, description="Font size, 1 to 512; chosen by Kling when unset."
    )
    callback_url: CallbackUrl = None
    external_task_id: CommaFreeTaskId = None

    contents: ClassVar[dict[str, str]] = {"source_video": "source_video", "glossary": "glossary"}
    settings: ClassVar[tuple[str, ...]] = ("target_cps", "target_language", "margin_v", "font_size")
    options: ClassVar[tuple[str, ...]] = ("callback_url", "external_task_id")
    warning_rules: ClassVar[tuple[Rule, ...]] = (
        not_in_catalogue("target_language", ("en",), wanted="languages"),
    )


DRAMA_SUBTITLE = Endpoint(
    "/solutions/drama_subtitle",
    DramaSubtitle,
    ResultType.SUBBED_VIDEOS,
    listable=False,
    tasks_path=SOLUTIONS,
    source=kling_page("Solutions, Drama Subtitle"),
)

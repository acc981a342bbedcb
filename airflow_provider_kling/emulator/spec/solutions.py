# SPDX-License-Identifier: Apache-2.0
"""Rules for the bodies of the solutions that make videos, from the vendor's pages of 2026-09.

Many of their error texts name no field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..errors import invalid_value
from ..media.inputs import IMAGE, MediaLimits
from .rules import COMMON, VIDEO_FORMATS, WATERMARK, Body, BodySpec, CrossRule, Media
from .schema import Check, ValidationState, audio, boolean, by_url_only, image, object_, string, video
from .v2 import contents, of_type

_MEGABYTES = 50
_MODES = {"720p": "std", "1080p": "pro"}
_SIZES = tuple(_MODES)
_IMAGE = object_(
    "url", type=string(), url=image(replace(IMAGE, formats=(*IMAGE.formats, "webp"), megabytes=_MEGABYTES))
)
_CLOTHING_VIDEO = MediaLimits(
    VIDEO_FORMATS, (5, 180), (576, 4553), ratio=(0.4, 2), pixels=8_294_400, fps=(24, 60)
)
_DRAMA_VIDEO = MediaLimits(VIDEO_FORMATS, megabytes=500)
_MUSIC = MediaLimits(("mp3", "wav", "m4a"), megabytes=_MEGABYTES)
_WATERMARK_OPTIONS = object_(**COMMON, watermark=object_(enabled=boolean()))
_RATIOS = ("9:16", "2:3", "3:4", "1:1", "4:3", "3:2", "16:9", "21:9")
_GOODS_TYPES = ("ref_image", "goods_title", "goods_price", "goods_target_audience", "goods_selling_point")
_MAX_PHRASES, _MAX_TERM_LENGTH = 200, 100

_SHOP_VOICES = (
    *("energetic_sales_girl", "gentle_sales_woman", "crisp_sales_girl", "mature_sales_woman"),
    *("calm_sales_woman", "soft_sales_woman", "energetic_sales_boy", "enthusiastic_sales_man"),
    *("steady_sales_man", "calm_sales_man"),
)
_SPEAKER_VOICES = (
    *("male_calm_informative", "female_clear_rational", "female_gentle_soothing"),
    *("female_bright_engaging", "male_crisp_persuasive", "female_intelligent_narrative"),
    *("male_clear_professional", "male_energetic_sporty", "female_warm_rich"),
)
_SPEAKERS = (
    *("avatar_vivian_female", "avatar_lee_male", "avatar_chenjing_female", "avatar_zhaochen_male"),
    *("avatar_wanglei_male", "avatar_eva_female", "avatar_oliver_male", "avatar_elena_female"),
    *("avatar_adam_male", "avatar_anna_female", "avatar_rajput_male", "avatar_mia_female"),
    *("avatar_river_male", "avatar_marcus_male", "avatar_toto_cartoon"),
)


def _text(name: str, limit: int) -> Check:
    def check(_: ValidationState, __: str, value: Any) -> str:
        if not isinstance(value, str) or not value.strip():
            raise invalid_value(f"{name} must not be empty.")
        if len(value) > limit:
            raise invalid_value(f"{name} exceeds the {limit}-character limit.")
        return value

    return object_("text", type=string(), text=check)


def _one_of(message: str, *values: Any) -> Check:
    def check(_: ValidationState, __: str, value: Any) -> Any:
        if isinstance(value, bool) or value not in values:
            raise invalid_value(message)
        return value

    return check


def _range(name: str, low: int, high: int) -> Check:
    def check(_: ValidationState, __: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise invalid_value("margin_v, font_size and target_cps must be positive integers.")
        if not low <= value <= high:
            raise invalid_value(f"{name} out of range. Please provide a value between {low} and {high}.")
        return value

    return check


def _term(_: ValidationState, __: str, value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= _MAX_TERM_LENGTH:
        raise invalid_value("Each glossary entry must be non-empty and no longer than 100 characters.")
    return value


def _required(kind: str, message: str) -> CrossRule:
    return lambda body, _: None if of_type(body, kind) else message


def _at_most_one(*kinds: str) -> CrossRule:
    def check(body: Body, _: Media) -> str | None:
        duplicates = [kind for kind in kinds if len(of_type(body, kind)) > 1]
        return f"Only one {duplicates[0]} item is allowed in contents." if duplicates else None

    return check


def _at_most(limit: int, *kinds: str) -> CrossRule:
    def check(body: Body, _: Media) -> str | None:
        exceeded = [kind for kind in kinds if len(of_type(body, kind)) > limit]
        return f"At most {limit} {exceeded[0]} items are allowed in contents." if exceeded else None

    return check


_NO_IMAGE = "Product image is missing. Please upload a product image."


def _speaker(body: Body, _: Media) -> str | None:
    images, ids = of_type(body, "avatar_image"), of_type(body, "avatar_id")
    if len(images) + len(ids) != 1:
        return "Exactly one of avatar_image and avatar_id is required in contents."
    has_voice = "voice_id" in body.get("settings", {})
    if images and not has_voice:
        return "settings.voice_id is required with avatar_image."
    if ids and has_voice:
        return "settings.voice_id is not allowed with avatar_id."
    return None


def _product(body: Body, _: Media) -> str | None:
    if not any(of_type(body, kind) for kind in _GOODS_TYPES):
        return None
    if not of_type(body, "ref_image"):
        return _NO_IMAGE
    if not of_type(body, "goods_title"):
        return "Product title is missing. Please provide a product title."
    if "speech_rate" in body.get("settings", {}):
        return "settings.speech_rate is not supported with goods content."
    return None


def _glossary(body: Body, _: Media) -> str | None:
    too_many = len(of_type(body, "glossary")) > _MAX_PHRASES
    return "Glossary exceeds the limit of 200 entries." if too_many else None


def _to_v1_body(body: dict[str, Any], _: str) -> dict[str, Any]:
    settings, options = body.get("settings", {}), body.get("options", {})
    kinds = ("goods_title", "product_info", "speech_script")
    texts = [entry["text"] for kind in kinds for entry in of_type(body, kind)]
    return {
        **body,
        **settings,
        **options,
        "watermark_info": options.get("watermark") or options.get("watermark_info") or {},
        "mode": _MODES[settings.get("resolution", "720p")],
        **({"prompt": "\n".join(texts)} if texts else {}),
    }


_SPEAKER_ID = _one_of("Invalid avatar_id.", *_SPEAKERS)

RULES: Mapping[str, BodySpec] = {
    "solutions/e-commerce/goods_studio": BodySpec(
        object_(
            "contents",
            "settings",
            contents=contents(
                ref_image=_IMAGE,
                goods_title=_text("goods_title", 200),
                goods_description=_text("goods_description", 2000),
            ),
            settings=object_(
                "resolution",
                "aspect_ratio",
                "duration",
                resolution=_one_of("Unsupported resolution. Only 720p and 1080p are supported.", *_SIZES),
                aspect_ratio=_one_of("aspect_ratio only supports 9:16, 1:1 and 16:9.", "9:16", "1:1", "16:9"),
                duration=_one_of(
                    "Unsupported duration. Only 15, 30 and 60 seconds are supported.", 15, 30, 60
                ),
            ),
            options=_WATERMARK_OPTIONS,
        ),
        (
            _required("ref_image", _NO_IMAGE),
            _required("goods_title", "Product title is missing. Please provide a product title."),
            _at_most(5, "ref_image"),
            _at_most_one("goods_title", "goods_description"),
        ),
        normalize=_to_v1_body,
    ),
    "solutions/e-commerce/clothing_dupe": BodySpec(
        object_(
            "contents",
            contents=contents(
                product_info=_text("product_info", 2500),
                source_video=object_("url", type=string(), url=video(_CLOTHING_VIDEO)),
                product_image=_IMAGE,
                model_image=_IMAGE,
                bgm=object_("url", type=string(), url=by_url_only(audio(_MUSIC))),
                voice=object_(
                    "voice_id",
                    type=string(),
                    voice_id=_one_of(
                        "Invalid voice_id. Please select a valid voice from the voice library.",
                        *_SHOP_VOICES,
                    ),
                ),
            ),
            settings=object_(
                resolution=_one_of("Unsupported resolution. Only 720P and 1080P are supported.", *_SIZES),
                aspect_ratio=_one_of(
                    "aspect_ratio only supports 9:16, 2:3, 3:4, 1:1, 4:3, 3:2, 16:9 and 21:9.", *_RATIOS
                ),
            ),
            options=object_(**COMMON, **WATERMARK),
        ),
        (
            _required("source_video", "Reference video is missing. Please upload a reference video."),
            _required("product_image", _NO_IMAGE),
            _required(
                "product_info", "Product description is missing. Please provide a product description."
            ),
            _at_most(5, "product_image", "model_image"),
            _at_most_one("product_info", "source_video", "bgm", "voice"),
        ),
        normalize=_to_v1_body,
    ),
    "solutions/talking_agent": BodySpec(
        object_(
            "contents",
            contents=contents(
                60,
                avatar_image=_IMAGE,
                avatar_id=object_("text", type=string(), text=_SPEAKER_ID),
                ref_image=_IMAGE,
                goods_title=_text("goods_title", 500),
                goods_price=_text("goods_price", 256),
                goods_target_audience=_text("goods_target_audience", 200),
                goods_selling_point=_text("goods_selling_point", 500),
                speech_script=_text("speech_script", 2000),
            ),
            settings=object_(
                resolution=_one_of("Unsupported resolution. Only 720p and 1080p are supported.", *_SIZES),
                aspect_ratio=_one_of("aspect_ratio only supports 9:16 and 16:9.", "9:16", "16:9"),
                allow_polish=boolean(),
                voice_id=_one_of("Invalid voice_id.", *_SPEAKER_VOICES),
                speech_rate=_one_of("speech_rate only supports 0.8, 1.0 and 1.2.", 0.8, 1, 1.2),
                action_prompt=string(2500),
                bgm_enabled=boolean(),
            ),
            options=_WATERMARK_OPTIONS,
        ),
        (
            _required("speech_script", "speech_script is missing. Please provide exactly one speech_script."),
            _speaker,
            _product,
            _at_most(5, "ref_image"),
            _at_most(20, "goods_target_audience", "goods_selling_point"),
            _at_most_one("goods_title", "goods_price", "speech_script"),
        ),
        normalize=_to_v1_body,
    ),
    "solutions/drama_subtitle": BodySpec(
        object_(
            "contents",
            contents=contents(
                1000,
                source_video=object_("url", type=string(), url=video(_DRAMA_VIDEO)),
                glossary=object_("source", "target", type=string(), source=_term, target=_term),
            ),
            settings=object_(
                target_cps=_range("target_cps", 10, 20),
                target_language=string(one_of=("en",)),
                margin_v=_range("margin_v", 1, 4096),
                font_size=_range("font_size", 1, 512),
            ),
            options=object_(**COMMON),
        ),
        (
            _required("source_video", "Source video is missing. Please provide a source video URL."),
            _at_most_one("source_video"),
            _glossary,
        ),
        normalize=_to_v1_body,
    ),
}

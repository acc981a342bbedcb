# SPDX-License-Identifier: Apache-2.0
"""Bodies of the solutions that make videos."""

from __future__ import annotations

from typing import Any

from airflow_provider_kling.api.requests.solutions import ClothingDupe, GoodsStudio
from airflow_provider_kling.api.requests.speech_solutions import DramaSubtitle, TalkingAgent

from .common import AUDIO_URL, IMAGE_URL, LONG, OTHER_IMAGE_URL, VIDEO, Accepted, Refused


def goods(**values: Any) -> dict[str, Any]:
    return {
        "ref_image": [IMAGE_URL],
        "goods_title": "Umbrella",
        "resolution": "1080p",
        "aspect_ratio": "16:9",
        "duration": 15,
        **values,
    }


def clothes(**values: Any) -> dict[str, Any]:
    return {"product_info": "A coat", "source_video": VIDEO, "product_image": [IMAGE_URL], **values}


def speech(**values: Any) -> dict[str, Any]:
    return {"avatar_id": "avatar_anna_female", "speech_script": "Slow down a little.", **values}


def person(**values: Any) -> dict[str, Any]:
    return {
        "avatar_image": IMAGE_URL,
        "voice_id": "female_warm_rich",
        "speech_script": "Slow down a little.",
        **values,
    }


PRODUCT = {"ref_image": [IMAGE_URL], "goods_title": "Speaker"}


def drama(**values: Any) -> dict[str, Any]:
    return {"source_video": VIDEO, **values}


TERM = {"source": "\u5b8b\u68e0", "target": "Song Tang"}

ACCEPTED = [
    Accepted(GoodsStudio, goods()),
    Accepted(GoodsStudio, goods(ref_image=IMAGE_URL, duration="60", aspect_ratio="9:16")),
    Accepted(GoodsStudio, goods(ref_image=[IMAGE_URL] * 5, goods_title="x" * 200, duration=30.0)),
    Accepted(GoodsStudio, goods(goods_description="x" * 2000, watermark={"enabled": True})),
    Accepted(GoodsStudio, goods(goods_description="", resolution="720p", external_task_id="sku-7")),
    Accepted(ClothingDupe, clothes()),
    Accepted(ClothingDupe, clothes(product_info="x" * 2500, product_image=IMAGE_URL, model_image=IMAGE_URL)),
    Accepted(
        ClothingDupe,
        clothes(
            model_image=[OTHER_IMAGE_URL] * 5,
            bgm=AUDIO_URL,
            voice="calm_sales_woman",
            aspect_ratio="21:9",
            resolution="1080p",
            watermark_info={"enabled": True},
        ),
    ),
    Accepted(ClothingDupe, clothes(voice="a_voice_of_tomorrow")),
    Accepted(TalkingAgent, speech()),
    Accepted(TalkingAgent, speech(speech_rate="0.8", allow_polish=True, bgm_enabled=False)),
    Accepted(TalkingAgent, speech(speech_rate=1, aspect_ratio="16:9", resolution="1080p")),
    Accepted(TalkingAgent, speech(avatar_id="avatar_of_tomorrow")),
    Accepted(TalkingAgent, person()),
    Accepted(TalkingAgent, person(**PRODUCT)),
    Accepted(
        TalkingAgent,
        speech(
            **PRODUCT,
            goods_price="399",
            goods_target_audience="campers",
            goods_selling_point=["waterproof"] * 20,
            action_prompt="x" * 2500,
            watermark={"enabled": True},
        ),
    ),
    Accepted(DramaSubtitle, drama()),
    Accepted(DramaSubtitle, drama(glossary=[TERM] * 200, target_cps="17", target_language="en")),
    Accepted(DramaSubtitle, drama(margin_v=4096, font_size=1, target_cps=10)),
]

REFUSED = [
    Refused(GoodsStudio, goods(ref_image=[]), "ref_image"),
    Refused(GoodsStudio, goods(ref_image=[IMAGE_URL] * 6), "at most 5"),
    Refused(GoodsStudio, {"ref_image": [IMAGE_URL], "goods_title": "x"}, "resolution is required"),
    Refused(GoodsStudio, goods(goods_title="x" * 201), "at most 200"),
    Refused(GoodsStudio, goods(goods_description="x" * 2001), "at most 2000"),
    Refused(GoodsStudio, goods(duration=20), "15, 30 or 60"),
    Refused(GoodsStudio, goods(aspect_ratio="4:3"), "aspect_ratio"),
    Refused(GoodsStudio, goods(resolution="4k"), "resolution"),
    Refused(GoodsStudio, goods(watermark_info={"enabled": True}), "watermark_info is not a field"),
    Refused(ClothingDupe, {"source_video": VIDEO, "product_image": [IMAGE_URL]}, "product_info is required"),
    Refused(ClothingDupe, clothes(product_info=LONG), "at most 2500"),
    Refused(ClothingDupe, clothes(product_image=[IMAGE_URL] * 6), "at most 5"),
    Refused(ClothingDupe, clothes(model_image=[IMAGE_URL] * 6), "at most 5"),
    Refused(ClothingDupe, clothes(aspect_ratio="5:4"), "aspect_ratio"),
    Refused(ClothingDupe, clothes(watermark={"enabled": True}), "watermark is not a field"),
    Refused(TalkingAgent, {"speech_script": "Hello"}, "exactly one of avatar_image or avatar_id"),
    Refused(TalkingAgent, person(avatar_id="avatar_anna_female"), "exactly one of"),
    Refused(TalkingAgent, person(voice_id=None), "avatar_image needs voice_id"),
    Refused(TalkingAgent, speech(voice_id="female_warm_rich"), "not accepted with avatar_id"),
    Refused(TalkingAgent, speech(avatar_id="x" * 129), "at most 128"),
    Refused(TalkingAgent, speech(speech_script="x" * 2001), "at most 2000"),
    Refused(TalkingAgent, {"avatar_id": "a"}, "speech_script is required"),
    Refused(TalkingAgent, speech(goods_title="Speaker"), "needs ref_image and goods_title"),
    Refused(TalkingAgent, speech(ref_image=[IMAGE_URL]), "needs ref_image and goods_title"),
    Refused(TalkingAgent, speech(goods_price="1"), "needs ref_image and goods_title"),
    Refused(TalkingAgent, speech(**PRODUCT, speech_rate=1.0), "not accepted with a product"),
    Refused(TalkingAgent, speech(speech_rate=1.1), "0.8, 1.0 or 1.2"),
    Refused(TalkingAgent, speech(**PRODUCT, goods_selling_point=["x"] * 21), "at most 20"),
    Refused(TalkingAgent, speech(**PRODUCT, goods_selling_point=["x" * 501]), "at most 500"),
    Refused(TalkingAgent, speech(**PRODUCT, goods_target_audience=["x" * 201]), "at most 200"),
    Refused(TalkingAgent, speech(**PRODUCT, goods_price="x" * 257), "at most 256"),
    Refused(TalkingAgent, speech(aspect_ratio="1:1"), "aspect_ratio"),
    Refused(DramaSubtitle, {}, "source_video is required"),
    Refused(DramaSubtitle, drama(glossary=[TERM] * 201), "at most 200"),
    Refused(DramaSubtitle, drama(glossary=[{"source": "x" * 101, "target": "y"}]), "at most 100"),
    Refused(DramaSubtitle, drama(glossary=[{"source": "x"}]), "target is required"),
    Refused(DramaSubtitle, drama(target_cps=9), "greater than or equal to 10"),
    Refused(DramaSubtitle, drama(margin_v=4097), "less than or equal to 4096"),
    Refused(DramaSubtitle, drama(font_size=0), "greater than or equal to 1"),
    Refused(DramaSubtitle, drama(watermark={"enabled": True}), "watermark is not a field"),
]

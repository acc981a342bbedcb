# SPDX-License-Identifier: Apache-2.0
"""The pages on solutions; content types and settings are flat fields of the models."""

from __future__ import annotations

from .common import AUDIO_FIELD, FILM, IMAGE_URL, MARK, MARKED, NEEDED_IMAGE, TASK, Field, Page, Rule

_FLAG = Field(values=(True, False), closed=False)
_GOODS = {"ref_image": [IMAGE_URL], "goods_title": "Mug"}
_PERSON = {"avatar_id": None, "avatar_image": IMAGE_URL, "voice_id": "female_warm_rich"}

SOLUTIONS = (
    Page(
        "Solutions, Virtual Try-On",
        "solutions/virtual_try_on",
        {"person_image": IMAGE_URL, "product_image": IMAGE_URL},
        {
            **TASK,
            "watermark": MARK,
            "person_image": NEEDED_IMAGE,
            "product_image": NEEDED_IMAGE,
            "keep_face": _FLAG,
            "keep_pose": _FLAG,
            "keep_background": _FLAG,
        },
    ),
    Page(
        "Solutions, Goods Studio",
        "solutions/e-commerce/goods_studio",
        {
            "ref_image": [IMAGE_URL],
            "goods_title": "Mug",
            "resolution": "720p",
            "aspect_ratio": "1:1",
            "duration": 15,
        },
        {
            **TASK,
            "watermark": MARK,
            "ref_image": Field(required=True, fewest=1, most=5, item=IMAGE_URL),
            "goods_title": Field(required=True, longest=200),
            "goods_description": Field(longest=2000),
            "resolution": Field(required=True, values=("720p", "1080p")),
            "aspect_ratio": Field(required=True, values=("9:16", "1:1", "16:9")),
            "duration": Field(required=True, values=(15, 30, 60)),
        },
    ),
    Page(
        "Solutions, Apparel Replicator",
        "solutions/e-commerce/clothing_dupe",
        {"product_info": "A coat", "source_video": FILM, "product_image": [IMAGE_URL]},
        {
            **MARKED,
            "product_info": Field(required=True, longest=2500),
            "source_video": Field(required=True, values=(FILM,), closed=False),
            "product_image": Field(required=True, fewest=1, most=5, item=IMAGE_URL),
            "model_image": Field(most=5, item=IMAGE_URL),
            "bgm": Field(values=(AUDIO_FIELD,), closed=False),
            "voice": Field(),
            "aspect_ratio": Field(values=("16:9", "9:16", "1:1")),
            "resolution": Field(values=("720p", "1080p")),
        },
    ),
    Page(
        "Solutions, Video Commerce",
        "solutions/talking_agent",
        {"avatar_id": "avatar_anna_female", "speech_script": "Hello"},
        {
            **TASK,
            "watermark": MARK,
            "avatar_image": Field(
                values=(IMAGE_URL,), closed=False, given={"avatar_id": None, "voice_id": "female_warm_rich"}
            ),
            "avatar_id": Field(values=("avatar_anna_female",), closed=False),
            "speech_script": Field(required=True, longest=2000),
            "ref_image": Field(fewest=1, most=5, item=IMAGE_URL, given={"goods_title": "Mug"}),
            "goods_title": Field(longest=500, given={"ref_image": [IMAGE_URL]}),
            "goods_price": Field(longest=256, given=_GOODS),
            "goods_target_audience": Field(most=20, item="x" * 200, given=_GOODS),
            "goods_selling_point": Field(most=20, item="x" * 500, given=_GOODS),
            "resolution": Field(values=("720p", "1080p")),
            "aspect_ratio": Field(values=("9:16", "16:9")),
            "voice_id": Field(
                values=("female_warm_rich",),
                closed=False,
                given={"avatar_id": None, "avatar_image": IMAGE_URL},
            ),
            "speech_rate": Field(values=(0.8, 1.0, 1.2)),
            "allow_polish": _FLAG,
            "action_prompt": Field(longest=2500),
            "bgm_enabled": _FLAG,
        },
        (
            Rule(
                "exactly one of avatar_image and avatar_id; an image needs voice_id, an id forbids it",
                refused=(
                    {"avatar_id": None},
                    {"avatar_image": IMAGE_URL},
                    {"avatar_id": None, "avatar_image": IMAGE_URL},
                    {"voice_id": "female_warm_rich"},
                ),
                accepted=(_PERSON,),
            ),
            Rule(
                "goods need pictures and a title, and forbid speech_rate",
                refused=(
                    {"goods_price": "9 EUR"},
                    {"goods_title": "Mug"},
                    {"ref_image": [IMAGE_URL]},
                    {**_GOODS, "speech_rate": 1.0},
                    {**_GOODS, "goods_target_audience": ["x" * 201]},
                    {**_GOODS, "goods_selling_point": ["x" * 501]},
                ),
                accepted=(_GOODS,),
            ),
        ),
    ),
    Page(
        "Solutions, Drama Subtitle",
        "solutions/drama_subtitle",
        {"source_video": FILM},
        {
            **TASK,
            "source_video": Field(required=True, values=(FILM,), closed=False),
            "glossary": Field(most=200, item={"source": "x" * 100, "target": "x" * 100}),
            "target_cps": Field(low=10, high=20),
            # Another language is sent with a warning: the vendor adds some.
            "target_language": Field(values=("en",), closed=False),
            "margin_v": Field(low=1, high=4096),
            "font_size": Field(low=1, high=512),
        },
        (
            Rule(
                "a term has 100 characters at most",
                refused=({"glossary": [{"source": "x" * 101, "target": "x"}]},),
            ),
        ),
    ),
)

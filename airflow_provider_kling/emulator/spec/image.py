# SPDX-License-Identifier: Apache-2.0
"""Rules for the bodies of the image endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .rules import (
    ANY_RATIO,
    COMMON,
    ELEMENT,
    IMAGES,
    WATERMARK,
    Body,
    BodySpec,
    Media,
    max_items_together,
    requires,
)
from .schema import any_of, array, image, number, number_or_text, object_, string

_RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9")
_COUNT = number(1, 9, whole=True)
_GROWTH = number(0, 2)
_MAX_GROWTH = 3.001
_RETIRED = ("kling-v1", "kling-v1-5", "kling-v2", "kling-v2-new")
_COMMON: dict[str, Any] = {**COMMON, **WATERMARK, "n": _COUNT}


def _reference(body: Body, _: Media) -> str | None:
    if "negative_prompt" in body and "image" in body:
        return "negative_prompt is not supported with image"
    if "image_reference" in body and body.get("model_name", "kling-v3") != "kling-v2-1":
        return f"image_reference is not supported by {body.get('model_name', 'kling-v3')}"
    return None


def _series_support(body: Body, _: Media) -> str | None:
    if body.get("model_name", "kling-image-o1") != "kling-image-o1":
        return None
    if body.get("result_type") == "series":
        return "result_type value 'series' is not supported by kling-image-o1"
    return (
        "resolution value '4k' is not supported by kling-image-o1" if body.get("resolution") == "4k" else None
    )


def _expanded_area(body: Body, _: Media) -> str | None:
    height = 1 + body["up_expansion_ratio"] + body["down_expansion_ratio"]
    width = 1 + body["left_expansion_ratio"] + body["right_expansion_ratio"]
    if height * width > _MAX_GROWTH:
        return "the area of the expanded image cannot exceed 3 times that of the original image"
    return None


RULES: Mapping[str, BodySpec] = {
    "images/generations": BodySpec(
        object_(
            "prompt",
            **_COMMON,
            model_name=string(),
            prompt=string(2500),
            negative_prompt=string(2500),
            image=image(),
            image_reference=string(one_of=("subject", "face")),
            image_fidelity=number(0, 1),
            human_fidelity=number(0, 1),
            element_list=array(ELEMENT, 1, 10),
            resolution=string(one_of=("1k", "2k")),
            aspect_ratio=string(one_of=_RATIOS),
        ),
        (_reference, requires("image_reference", "image"), max_items_together(10, "image", "element_list")),
        models=("kling-v3", "kling-v2-1"),
        retired=_RETIRED,
    ),
    "images/omni-image": BodySpec(
        object_(
            "prompt",
            **_COMMON,
            model_name=string(),
            prompt=string(2500),
            image_list=array(IMAGES, 1, 10),
            element_list=array(ELEMENT, 1, 10),
            resolution=string(one_of=("1k", "2k", "4k")),
            result_type=string(one_of=("single", "series")),
            series_amount=any_of(string(one_of=("auto",)), number_or_text(number(2, 9, whole=True))),
            aspect_ratio=string(one_of=(*_RATIOS, "auto")),
        ),
        (_series_support, max_items_together(10, "image_list", "element_list")),
        models=("kling-image-o1", "kling-v3-omni"),
    ),
    "images/multi-image2image": BodySpec(
        object_(
            "subject_image_list",
            **_COMMON,
            model_name=string(),
            prompt=string(2500),
            subject_image_list=array(object_("subject_image", subject_image=image()), 1, 4),
            scene_image=image(),
            style_image=image(),
            aspect_ratio=string(one_of=_RATIOS),
        ),
        models=("kling-v2-1",),
        retired=("kling-v2",),
    ),
    "images/editing/expand": BodySpec(
        object_(
            "image",
            "up_expansion_ratio",
            "down_expansion_ratio",
            "left_expansion_ratio",
            "right_expansion_ratio",
            **_COMMON,
            image=image(),
            up_expansion_ratio=_GROWTH,
            down_expansion_ratio=_GROWTH,
            left_expansion_ratio=_GROWTH,
            right_expansion_ratio=_GROWTH,
            prompt=string(2500),
        ),
        (_expanded_area,),
    ),
    "images/kolors-virtual-try-on": BodySpec(
        object_(
            "human_image",
            **COMMON,
            model_name=string(),
            human_image=image(ANY_RATIO),
            cloth_image=image(ANY_RATIO),
        ),
        # Announced as retired; that the vendor refuses the only models of this path is written nowhere.
        models=("kolors-virtual-try-on-v1", "kolors-virtual-try-on-v1-5"),
    ),
    "videos/image-recognize": BodySpec(object_("image", image=image())),
    "general/ai-multi-shot": BodySpec(
        object_("element_frontal_image", **COMMON, element_frontal_image=image())
    ),
}

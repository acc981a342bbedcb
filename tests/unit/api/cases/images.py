# SPDX-License-Identifier: Apache-2.0
"""Bodies of the image endpoints."""

from __future__ import annotations

from typing import Any

from airflow_provider_kling.api.requests.image import (
    AiMultiShot,
    ImageExpand,
    ImageGeneration,
    ImageRecognize,
    MultiImageToImage,
    OmniImage,
    VirtualTryOn,
)

from .common import IMAGE_URL, LONG, Accepted, Refused

ITEM = {"image": IMAGE_URL}
V21 = "kling-v2-1"
V3_OMNI = "kling-v3-omni"


def image(**values: Any) -> dict[str, Any]:
    return {"prompt": "a puppy", **values}


def elements(count: int) -> list[dict[str, int]]:
    return [{"element_id": at} for at in range(1, count + 1)]


def expand(up: float, down: float, remaining: float, right: float, **values: Any) -> dict[str, Any]:
    names = ("up_expansion_ratio", "down_expansion_ratio", "left_expansion_ratio", "right_expansion_ratio")
    return {"image": IMAGE_URL, **dict(zip(names, (up, down, remaining, right), strict=True)), **values}


def merge(count: int, **values: Any) -> dict[str, Any]:
    return {"subject_image_list": [{"subject_image": IMAGE_URL}] * count, **values}


ACCEPTED = [
    Accepted(ImageRecognize, {"image": IMAGE_URL}),
    Accepted(ImageGeneration, image()),
    Accepted(ImageGeneration, image(negative_prompt="cats", n="9", resolution="2k", aspect_ratio="21:9")),
    Accepted(
        ImageGeneration,
        image(
            model_name=V21, image=IMAGE_URL, image_reference="subject", image_fidelity=1, human_fidelity="0.2"
        ),
    ),
    Accepted(ImageGeneration, image(image=IMAGE_URL, element_list=elements(9), negative_prompt="")),
    Accepted(OmniImage, image()),
    Accepted(OmniImage, image(aspect_ratio="auto", image_list=[ITEM] * 4, element_list=elements(6))),
    Accepted(OmniImage, image(model_name=V3_OMNI, result_type="series", series_amount=9, resolution="4k")),
    Accepted(OmniImage, image(model_name=V3_OMNI, result_type="series", series_amount="auto")),
    Accepted(OmniImage, image(model_name=V3_OMNI, series_amount=2)),
    Accepted(OmniImage, image(model_name=V3_OMNI, aspect_ratio="auto", image_list=[ITEM])),
    Accepted(OmniImage, image(model_name=V3_OMNI, aspect_ratio="auto")),
    Accepted(MultiImageToImage, merge(1)),
    Accepted(MultiImageToImage, merge(4, scene_image=IMAGE_URL, style_image=IMAGE_URL, n=2, prompt="red")),
    # The vendor's own sample holds a field that its table does not have.
    Accepted(MultiImageToImage, merge(2, model_name=V21, negative_prompt="", n=2, aspect_ratio="9:16")),
    # The vendor's own sample, three times as large but for rounding.
    Accepted(ImageExpand, expand(0.1495, 0.1495, 0.6547, 0.6547, prompt="", n=2)),
    Accepted(ImageExpand, expand(0, 0, 0, 2)),
    Accepted(VirtualTryOn, {"human_image": IMAGE_URL, "cloth_image": IMAGE_URL}),
    Accepted(VirtualTryOn, {"human_image": IMAGE_URL, "model_name": "kolors-virtual-try-on-v1"}),
    Accepted(VirtualTryOn, {"human_image": IMAGE_URL, "external_task_id": "t1"}),
    Accepted(AiMultiShot, {"element_frontal_image": IMAGE_URL}),
]

REFUSED = [
    Refused(ImageRecognize, {}, "image"),
    Refused(ImageGeneration, {}, "prompt"),
    Refused(ImageGeneration, image(prompt=LONG), "2500"),
    Refused(ImageGeneration, image(image=IMAGE_URL, negative_prompt="cats"), "together with image"),
    Refused(ImageGeneration, image(model_name=V21, image_reference="face"), "image_reference needs image"),
    Refused(ImageGeneration, image(image=IMAGE_URL, element_list=elements(10)), "10 together"),
    Refused(ImageGeneration, image(model_name=V21, element_list=elements(1)), "possible with kling-v3"),
    Refused(ImageGeneration, image(image=IMAGE_URL, image_reference="face"), "possible with kling-v2-1"),
    Refused(ImageGeneration, image(image_fidelity=0.5), "cannot use image_fidelity"),
    Refused(ImageGeneration, image(human_fidelity=0.5), "cannot use human_fidelity"),
    Refused(ImageGeneration, image(n=10), "n"),
    Refused(ImageGeneration, image(resolution="4k"), "resolution"),
    Refused(ImageGeneration, image(aspect_ratio="auto"), "aspect_ratio"),
    Refused(OmniImage, image(image_list=[ITEM] * 5, element_list=elements(6)), "10 entries together"),
    Refused(OmniImage, image(model_name=V3_OMNI, result_type="series", series_amount=10), "series_amount"),
    Refused(OmniImage, image(resolution="4k"), "accepts resolution 1k or 2k"),
    Refused(OmniImage, image(result_type="series"), "possible with kling-v3-omni"),
    Refused(MultiImageToImage, merge(0), "at least 1"),
    Refused(MultiImageToImage, merge(5), "at most 4"),
    Refused(MultiImageToImage, merge(1, negative_prompt="cats"), "negative_prompt is not a field"),
    Refused(ImageExpand, expand(0.5, 0.5, 0.5, 0.5), "would have 4.00"),
    Refused(ImageExpand, expand(2.1, 0, 0, 0), "up_expansion_ratio"),
    Refused(ImageExpand, {"image": IMAGE_URL}, "up_expansion_ratio"),
    Refused(VirtualTryOn, {"cloth_image": IMAGE_URL}, "human_image"),
    Refused(AiMultiShot, {"element_frontal_image": ""}, "element_frontal_image"),
]

# SPDX-License-Identifier: Apache-2.0
"""The pages on images."""

from __future__ import annotations

from .common import IMAGE as PICTURE_FIELD
from .common import IMAGE_URL, MARKED, NEEDED_IMAGE, TASK, Field, Page, Rule

_RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9")
_V3 = {"model_name": "kling-v3"}
_V21 = {"model_name": "kling-v2-1"}
_OMNI = {"model_name": "kling-v3-omni"}
_N = Field(low=1, high=9)
_PROMPT = Field(required=True, longest=2500)

IMAGE = (
    Page(
        "Image Generation",
        "images/generations",
        {"prompt": "A boat"},
        {
            **MARKED,
            "model_name": Field(values=("kling-v3", "kling-v2-1"), closed=False),
            "prompt": _PROMPT,
            "negative_prompt": Field(longest=2500),
            "image": PICTURE_FIELD,
            "image_reference": Field(values=("subject", "face"), given={**_V21, "image": IMAGE_URL}),
            "image_fidelity": Field(
                low=0, high=1, given={**_V21, "image": IMAGE_URL, "image_reference": "face"}
            ),
            "human_fidelity": Field(
                low=0, high=1, given={**_V21, "image": IMAGE_URL, "image_reference": "subject"}
            ),
            "element_list": Field(most=10, item={"element_id": 1}, given=_V3),
            "resolution": Field(values=("1k", "2k"), given=_V3),
            "n": _N,
            "aspect_ratio": Field(values=_RATIOS, given=_V3),
        },
        (
            Rule("image_reference needs an image", refused=({**_V21, "image_reference": "face"},)),
            Rule(
                "image and elements are 10 at most",
                refused=({**_V3, "image": IMAGE_URL, "element_list": [{"element_id": 1}] * 10},),
                accepted=({**_V3, "image": IMAGE_URL, "element_list": [{"element_id": 1}] * 9},),
            ),
        ),
    ),
    Page(
        "Omni Image",
        "images/omni-image",
        {"prompt": "A boat"},
        {
            **MARKED,
            "model_name": Field(values=("kling-image-o1", "kling-v3-omni"), closed=False),
            "prompt": _PROMPT,
            "image_list": Field(most=10, item={"image": IMAGE_URL}),
            "element_list": Field(most=10, item={"element_id": 1}),
            "resolution": Field(values=("1k", "2k", "4k"), given=_OMNI),
            "result_type": Field(values=("single", "series"), given=_OMNI),
            "n": _N,
            "series_amount": Field(
                values=("auto", 2, 9), given={**_OMNI, "result_type": "series"}, low=2, high=9
            ),
            "aspect_ratio": Field(values=(*_RATIOS, "auto"), given=_OMNI),
        },
        (
            Rule(
                "images and elements are 10 at most",
                refused=(
                    {"image_list": [{"image": IMAGE_URL}] * 6, "element_list": [{"element_id": 1}] * 5},
                ),
            ),
            Rule(
                "image-o1 has no 4k and no series",
                refused=(
                    {"model_name": "kling-image-o1", "resolution": "4k"},
                    {"model_name": "kling-image-o1", "result_type": "series"},
                ),
            ),
            Rule(
                "series_amount with a single image has no effect",
                accepted=({**_OMNI, "result_type": "single", "series_amount": 4},),
            ),
        ),
    ),
    Page(
        "Multi-Image to Image",
        "images/multi-image2image",
        {"subject_image_list": [{"subject_image": IMAGE_URL}]},
        {
            **MARKED,
            "model_name": Field(values=("kling-v2-1",), closed=False),
            "prompt": Field(longest=2500),
            "subject_image_list": Field(required=True, fewest=1, most=4, item={"subject_image": IMAGE_URL}),
            "scene_image": PICTURE_FIELD,
            "style_image": PICTURE_FIELD,
            "n": _N,
            "aspect_ratio": Field(values=_RATIOS),
        },
    ),
    Page(
        "Image Expansion",
        "images/editing/expand",
        {
            "image": IMAGE_URL,
            "up_expansion_ratio": 0.1,
            "down_expansion_ratio": 0.1,
            "left_expansion_ratio": 0.1,
            "right_expansion_ratio": 0.1,
        },
        {
            **MARKED,
            "image": NEEDED_IMAGE,
            **{
                f"{side}_expansion_ratio": Field(required=True, low=0, values=(1.0,), closed=False)
                for side in ("up", "down", "left", "right")
            },
            "prompt": Field(longest=2500),
            "n": _N,
        },
        (
            Rule(
                "each side grows by 2 at most, the whole to 3 times its area",
                refused=(
                    {"up_expansion_ratio": 2.1, "down_expansion_ratio": 0},
                    {"up_expansion_ratio": 1.5, "left_expansion_ratio": 1.5},
                ),
                accepted=(
                    {
                        "up_expansion_ratio": 2,
                        "down_expansion_ratio": 0,
                        "left_expansion_ratio": 0,
                        "right_expansion_ratio": 0,
                    },
                ),
            ),
        ),
    ),
    Page(
        "Virtual Try-On",
        "images/kolors-virtual-try-on",
        {"human_image": IMAGE_URL, "cloth_image": IMAGE_URL},
        {
            **TASK,
            "model_name": Field(
                values=("kolors-virtual-try-on-v1", "kolors-virtual-try-on-v1-5"), closed=False
            ),
            "human_image": NEEDED_IMAGE,
            "cloth_image": PICTURE_FIELD,
        },
        date="2026-03",
    ),
    Page(
        "AI Multi-Shot",
        "general/ai-multi-shot",
        {"element_frontal_image": IMAGE_URL},
        {**TASK, "element_frontal_image": NEEDED_IMAGE},
    ),
    Page(
        "Element Management",
        "general/advanced-custom-elements",
        {
            "element_name": "Mug",
            "element_description": "A mug",
            "reference_type": "image_refer",
            "element_image_list": {"frontal_image": IMAGE_URL, "refer_images": [{"image_url": IMAGE_URL}]},
        },
        {
            **TASK,
            "element_name": Field(required=True, longest=20),
            "element_description": Field(required=True, longest=100),
            "reference_type": Field(required=True, values=("image_refer",), closed=False),
            "element_image_list": Field(),
            "element_video_list": Field(),
            "element_voice_id": Field(values=("1",), closed=False),
            "tag_list": Field(values=([{"tag_id": "o_101"}, {"tag_id": "o_108"}],), closed=False),
        },
        (
            Rule(
                "image_refer needs a front view and 1 to 3 other views",
                refused=(
                    {"element_image_list": None},
                    {"element_image_list": {"refer_images": [{"image_url": IMAGE_URL}]}},
                    {"element_image_list": {"frontal_image": IMAGE_URL, "refer_images": []}},
                    {
                        "element_image_list": {
                            "frontal_image": IMAGE_URL,
                            "refer_images": [{"image_url": IMAGE_URL}] * 4,
                        }
                    },
                    {"reference_type": "audio_refer"},
                ),
            ),
            Rule(
                "video_refer needs one video",
                refused=({"reference_type": "video_refer", "element_image_list": None},),
                accepted=(
                    {
                        "reference_type": "video_refer",
                        "element_image_list": None,
                        "element_video_list": {
                            "refer_videos": [{"video_url": "https://files.example/1.mp4"}]
                        },
                    },
                ),
            ),
        ),
    ),
)

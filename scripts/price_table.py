# SPDX-License-Identifier: Apache-2.0
"""The table of prices on the page of costs, from the list that the estimates use."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from airflow_provider_kling.api.pricing import _PER_SECOND, USD_PER_UNIT, estimate, format_usd
from airflow_provider_kling.api.requests.image import (
    IMAGE_GENERATION,
    MULTI_IMAGE_TO_IMAGE,
    OMNI_IMAGE,
    ImageGeneration,
    MultiImageToImage,
    OmniImage,
)

SECONDS = 5
MODES = ("std", "pro", "4k")

_CONTENT = {
    "silent": "without audio",
    "sound": "with audio",
    "voice": "with audio and a voice of the library",
    "video": "with a video as input",
    "motion": "motion control",
}
_IMAGES = (
    (IMAGE_GENERATION, ImageGeneration(model_name="kling-v3", prompt="a"), "an image"),
    (IMAGE_GENERATION, ImageGeneration(model_name="kling-v2-1", prompt="a"), "an image from text"),
    (OMNI_IMAGE, OmniImage(model_name="kling-v3-omni", prompt="a"), "an image"),
    (OMNI_IMAGE, OmniImage(model_name="kling-v3-omni", prompt="a", resolution="4k"), "an image in 4k"),
    (
        MULTI_IMAGE_TO_IMAGE,
        MultiImageToImage(
            model_name="kling-v2-1", subject_image_list=[{"subject_image": "https://a.example/a.png"}]
        ),
        "an image from several",
    ),
)


def price_table() -> str:
    """Return the table: each model and kind of result, with units and US dollars for each mode."""
    head = "| Model | Result | `std`, 720p | `pro`, 1080p | `4k` |"
    return "\n".join([head, "|---|---|---|---|---|", *_videos(), *_images()])


def _videos() -> Iterator[str]:
    for (model, content), prices in _PER_SECOND.items():
        name = model if model == "avatar" else f"`{model}`"
        cells = (_cell(prices[mode] * SECONDS, "video") if mode in prices else "" for mode in MODES)
        yield f"| {name} | {SECONDS} s of video, {_CONTENT[content]} | {' | '.join(cells)} |"


def _images() -> Iterator[str]:
    for endpoint, request, words in _IMAGES:
        units = estimate(endpoint, request)
        if units is None:
            raise ValueError(f"{endpoint} has no price")
        yield f"| `{request.model_name}` | {words} | {_cell(units, 'image')} | | |"


def _cell(units: Decimal, kind: str) -> str:
    return f"{units.normalize():f} units, {format_usd(units * USD_PER_UNIT[kind])}"

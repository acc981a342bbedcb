# SPDX-License-Identifier: Apache-2.0
"""Plans for jobs that make pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..spec.validation import ValidatedBody
from .kinds import ImageInfo
from .plan_context import Plan, PlanContext, Planner, content_hash, pictures_of
from .specs import ImageSpec, OutputFile, ResultEntry

_LONG_SIDE = {"1k": 1344, "2k": 2688, "4k": 5376}
_AUTO_SERIES = 3
_DEFAULT_SERIES = 4
_VIEWS = 3
_EXPANDED_LONG_SIDE = 2048
_PARTS = ("object_seg", "head_seg", "face_seg", "cloth_seg")


def images(order: ValidatedBody, bench: PlanContext) -> Plan:
    """Plan ``n`` images from a prompt or images.

    :param order: the validated body.
    :param bench: facts about the job.
    :return: the plan.
    """
    count = int(order.body.get("n", 1))
    return Plan(_numbered(order, "images", _recipes(order, bench, count)), count=count)


def _omni(order: ValidatedBody, bench: PlanContext) -> Plan:
    if order.body.get("result_type") != "series":
        return images(order, bench)
    amount = order.body.get("series_amount", _DEFAULT_SERIES)
    count = _AUTO_SERIES if amount == "auto" else int(amount)
    return Plan(_numbered(order, "series_images", _recipes(order, bench, count)), count=count)


def _expand(order: ValidatedBody, bench: PlanContext) -> Plan:
    body, picture, count = order.body, pictures_of(order)[0], int(order.body.get("n", 1))
    sides = ("up", "down", "left", "right")
    up, down, left, right = (float(body[f"{side}_expansion_ratio"]) for side in sides)
    width, height = picture.width * (1 + left + right), picture.height * (1 + up + down)
    shrink = min(1.0, _EXPANDED_LONG_SIDE * bench.scale / max(width, height))
    recipe = ImageSpec(
        picture,
        max(1, round(width * shrink)),
        max(1, round(height * shrink)),
        margins=(up, down, left, right),
    )
    recipes = [replace(recipe, variant=number) for number in range(count)]
    return Plan(_numbered(order, "images", recipes), count=count)


def _try_on_plan(order: ValidatedBody, bench: PlanContext) -> Plan:
    person, *cloth = pictures_of(order)
    return _dressed(order, bench, person, cloth[0] if cloth else None)


def _try_on_2(order: ValidatedBody, bench: PlanContext) -> Plan:
    pictures = {at: medium for at, medium in order.media.items() if isinstance(medium, ImageInfo)}
    person, product = (pictures[order.body[name]] for name in ("person_image", "product_image"))
    return _dressed(order, bench, person, product)


def _dressed(order: ValidatedBody, bench: PlanContext, person: ImageInfo, product: ImageInfo | None) -> Plan:
    width, height = _size(person.ratio, "1k", bench.scale)
    recipe = ImageSpec(person, width, height, inset=product)
    return Plan(_numbered(order, "images", [recipe]))


def _multi_angle_plan(order: ValidatedBody, bench: PlanContext) -> Plan:
    picture = pictures_of(order)[0]
    width, height = _size(picture.ratio, "1k", bench.scale)

    def view(group: int, number: int) -> OutputFile:
        variant = group + _VIEWS * (number - 1)
        return OutputFile(f"{group}-{number}.png", ImageSpec(picture, width, height, variant=variant))

    items = (
        ResultEntry("images", {"index": group, **{f"url_{n}": view(group, n) for n in range(1, _VIEWS + 1)}})
        for group in range(_VIEWS)
    )
    return Plan(tuple(items))


def _recognize(order: ValidatedBody, bench: PlanContext) -> Plan:
    picture = pictures_of(order)[0]
    width, height = _size(picture.ratio, "1k", bench.scale)
    items = (
        ResultEntry(
            "images",
            {
                "type": part,
                "is_contain": True,
                "url": OutputFile(
                    f"{part}.png", ImageSpec(picture, width, height, variant=number, mask=True)
                ),
            },
        )
        for number, part in enumerate(_PARTS)
    )
    return Plan(tuple(items))


def _recipes(order: ValidatedBody, bench: PlanContext, count: int) -> list[ImageSpec]:
    body, pictures = order.body, pictures_of(order)
    shape = body.get("aspect_ratio", "auto" if pictures else "16:9")
    if shape == "auto":
        ratio = pictures[0].ratio if pictures else 1.0
    else:
        across, _, down = shape.partition(":")
        ratio = int(across) / int(down)
    width, height = _size(ratio, body.get("resolution", "1k"), bench.scale)
    if pictures:
        inset = pictures[1] if pictures[1:] else None
        recipe = ImageSpec(pictures[0], width, height, inset=inset)
        return [replace(recipe, variant=number) for number in range(1, count + 1)]
    words = str(body.get("prompt", order.digest))
    return [
        ImageSpec(ImageInfo(content_hash(f"{words}\n{number}"), width, height), width, height)
        for number in range(count)
    ]


def _numbered(order: ValidatedBody, array: str, recipes: list[ImageSpec]) -> tuple[ResultEntry, ...]:
    marked = order.body.get("watermark_info", {}).get("enabled")
    items = []
    for index, recipe in enumerate(recipes):
        values: dict[str, object] = {"index": index, "url": OutputFile(f"{index}.png", recipe)}
        if marked:
            values["watermark_url"] = OutputFile(f"{index}-watermark.png", replace(recipe, marked=True))
        items.append(ResultEntry(array, values))
    return tuple(items)


def _size(ratio: float, resolution: str, scale: float) -> tuple[int, int]:
    long = _LONG_SIDE[resolution] * scale
    width, height = (long, long / ratio) if ratio >= 1 else (long * ratio, long)
    return max(1, round(width)), max(1, round(height))


BY_SLUG: Mapping[str, Planner] = {
    "images/omni-image": _omni,
    "images/editing/expand": _expand,
    "images/kolors-virtual-try-on": _try_on_plan,
    "solutions/virtual_try_on": _try_on_2,
    "general/ai-multi-shot": _multi_angle_plan,
    "videos/image-recognize": _recognize,
}

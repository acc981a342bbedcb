# SPDX-License-Identifier: Apache-2.0
"""Plans for jobs that make images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..spec.validation import ValidatedBody
from .plan_context import Plan, PlanContext, Planner, request_images
from .specs import ImageInfo, ImageSpec, OutputFile, ResultEntry, content_hash

_LONG_SIDE = {"1k": 1344, "2k": 2688, "4k": 5376}
_AUTO_SERIES = 3
_DEFAULT_SERIES = 4
_VIEWS = 3
_EXPANDED_LONG_SIDE = 2048
_PARTS = ("object_seg", "head_seg", "face_seg", "cloth_seg")


def images(validated: ValidatedBody, context: PlanContext) -> Plan:
    """Plan ``n`` images from a prompt or images.

    :param validated: the validated body.
    :param context: facts about the job.
    :return: the plan.
    """
    count = int(validated.body.get("n", 1))
    return Plan(_numbered(validated, "images", _specs(validated, context, count)), count=count)


def _omni(validated: ValidatedBody, context: PlanContext) -> Plan:
    if validated.body.get("result_type") != "series":
        return images(validated, context)
    amount = validated.body.get("series_amount", _DEFAULT_SERIES)
    count = _AUTO_SERIES if amount == "auto" else int(amount)
    return Plan(_numbered(validated, "series_images", _specs(validated, context, count)), count=count)


def _expand(validated: ValidatedBody, context: PlanContext) -> Plan:
    body, image, count = validated.body, request_images(validated)[0], int(validated.body.get("n", 1))
    sides = ("up", "down", "left", "right")
    up, down, left, right = (float(body[f"{side}_expansion_ratio"]) for side in sides)
    width, height = image.width * (1 + left + right), image.height * (1 + up + down)
    shrink = min(1.0, _EXPANDED_LONG_SIDE * context.scale / max(width, height))
    spec = ImageSpec(
        image,
        max(1, round(width * shrink)),
        max(1, round(height * shrink)),
        margins=(up, down, left, right),
    )
    specs = [replace(spec, variant=number) for number in range(count)]
    return Plan(_numbered(validated, "images", specs), count=count)


def _try_on_plan(validated: ValidatedBody, context: PlanContext) -> Plan:
    person, *cloth = request_images(validated)
    return _try_on(validated, context, person, cloth[0] if cloth else None)


def _try_on_2(validated: ValidatedBody, context: PlanContext) -> Plan:
    all_images = {at: medium for at, medium in validated.media.items() if isinstance(medium, ImageInfo)}
    person, product = (all_images[validated.body[name]] for name in ("person_image", "product_image"))
    return _try_on(validated, context, person, product)


def _try_on(
    validated: ValidatedBody, context: PlanContext, person: ImageInfo, product: ImageInfo | None
) -> Plan:
    width, height = _size(person.ratio, "1k", context.scale)
    spec = ImageSpec(person, width, height, inset=product)
    return Plan(_numbered(validated, "images", [spec]))


def _multi_angle_plan(validated: ValidatedBody, context: PlanContext) -> Plan:
    image = request_images(validated)[0]
    width, height = _size(image.ratio, "1k", context.scale)

    def view(group: int, number: int) -> OutputFile:
        variant = group + _VIEWS * (number - 1)
        return OutputFile(f"{group}-{number}.png", ImageSpec(image, width, height, variant=variant))

    items = (
        ResultEntry("images", {"index": group, **{f"url_{n}": view(group, n) for n in range(1, _VIEWS + 1)}})
        for group in range(_VIEWS)
    )
    return Plan(tuple(items))


def _recognize(validated: ValidatedBody, context: PlanContext) -> Plan:
    image = request_images(validated)[0]
    width, height = _size(image.ratio, "1k", context.scale)
    items = (
        ResultEntry(
            "images",
            {
                "type": part,
                "is_contain": True,
                "url": OutputFile(f"{part}.png", ImageSpec(image, width, height, variant=number, mask=True)),
            },
        )
        for number, part in enumerate(_PARTS)
    )
    return Plan(tuple(items))


def _specs(validated: ValidatedBody, context: PlanContext, count: int) -> list[ImageSpec]:
    body, all_images = validated.body, request_images(validated)
    shape = body.get("aspect_ratio", "auto" if all_images else "16:9")
    if shape == "auto":
        ratio = all_images[0].ratio if all_images else 1.0
    else:
        across, _, down = shape.partition(":")
        ratio = int(across) / int(down)
    width, height = _size(ratio, body.get("resolution", "1k"), context.scale)
    if all_images:
        inset = all_images[1] if all_images[1:] else None
        spec = ImageSpec(all_images[0], width, height, inset=inset)
        return [replace(spec, variant=number) for number in range(1, count + 1)]
    words = str(body.get("prompt", validated.digest))
    return [
        ImageSpec(ImageInfo(content_hash(f"{words}\n{number}"), width, height), width, height)
        for number in range(count)
    ]


def _numbered(validated: ValidatedBody, array: str, specs: list[ImageSpec]) -> tuple[ResultEntry, ...]:
    marked = validated.body.get("watermark_info", {}).get("enabled")
    items = []
    for index, spec in enumerate(specs):
        values: dict[str, object] = {"index": index, "url": OutputFile(f"{index}.png", spec)}
        if marked:
            values["watermark_url"] = OutputFile(f"{index}-watermark.png", replace(spec, marked=True))
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

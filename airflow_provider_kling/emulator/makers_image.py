# SPDX-License-Identifier: Apache-2.0
"""Plans for jobs that make pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .media_kinds import Picture
from .recipes import File, Item, PictureRecipe
from .rules import Order
from .work import Bench, Maker, Work, digest_of, pictures_of

_LONG_SIDE = {"1k": 1344, "2k": 2688, "4k": 5376}
_AUTO_SERIES = 3
_DEFAULT_SERIES = 4
_VIEWS = 3
_EXPANDED_LONG_SIDE = 2048
_PARTS = ("object_seg", "head_seg", "face_seg", "cloth_seg")


def images(order: Order, bench: Bench) -> Work:
    """Plan ``n`` pictures of words or pictures."""
    count = int(order.body.get("n", 1))
    return Work(_numbered(order, "images", _recipes(order, bench, count)), count=count)


def _omni(order: Order, bench: Bench) -> Work:
    if order.body.get("result_type") != "series":
        return images(order, bench)
    amount = order.body.get("series_amount", _DEFAULT_SERIES)
    count = _AUTO_SERIES if amount == "auto" else int(amount)
    return Work(_numbered(order, "series_images", _recipes(order, bench, count)), count=count)


def _expand(order: Order, bench: Bench) -> Work:
    body, picture, count = order.body, pictures_of(order)[0], int(order.body.get("n", 1))
    sides = ("up", "down", "left", "right")
    up, down, left, right = (float(body[f"{side}_expansion_ratio"]) for side in sides)
    width, height = picture.width * (1 + left + right), picture.height * (1 + up + down)
    shrink = min(1.0, _EXPANDED_LONG_SIDE * bench.scale / max(width, height))
    recipe = PictureRecipe(
        picture,
        max(1, round(width * shrink)),
        max(1, round(height * shrink)),
        margins=(up, down, left, right),
    )
    recipes = [replace(recipe, variant=number) for number in range(count)]
    return Work(_numbered(order, "images", recipes), count=count)


def _try_on(order: Order, bench: Bench) -> Work:
    person, *cloth = pictures_of(order)
    return _dressed(order, bench, person, cloth[0] if cloth else None)


def _try_on_2(order: Order, bench: Bench) -> Work:
    pictures = {at: medium for at, medium in order.media.items() if isinstance(medium, Picture)}
    person, product = (pictures[order.body[name]] for name in ("person_image", "product_image"))
    return _dressed(order, bench, person, product)


def _dressed(order: Order, bench: Bench, person: Picture, product: Picture | None) -> Work:
    width, height = _size(person.ratio, "1k", bench.scale)
    recipe = PictureRecipe(person, width, height, inset=product)
    return Work(_numbered(order, "images", [recipe]))


def _views(order: Order, bench: Bench) -> Work:
    picture = pictures_of(order)[0]
    width, height = _size(picture.ratio, "1k", bench.scale)

    def view(group: int, number: int) -> File:
        variant = group + _VIEWS * (number - 1)
        return File(f"{group}-{number}.png", PictureRecipe(picture, width, height, variant=variant))

    items = (
        Item("images", {"index": group, **{f"url_{n}": view(group, n) for n in range(1, _VIEWS + 1)}})
        for group in range(_VIEWS)
    )
    return Work(tuple(items))


def _recognize(order: Order, bench: Bench) -> Work:
    picture = pictures_of(order)[0]
    width, height = _size(picture.ratio, "1k", bench.scale)
    items = (
        Item(
            "images",
            {
                "type": part,
                "is_contain": True,
                "url": File(f"{part}.png", PictureRecipe(picture, width, height, variant=number, mask=True)),
            },
        )
        for number, part in enumerate(_PARTS)
    )
    return Work(tuple(items))


def _recipes(order: Order, bench: Bench, count: int) -> list[PictureRecipe]:
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
        recipe = PictureRecipe(pictures[0], width, height, inset=inset)
        return [replace(recipe, variant=number) for number in range(1, count + 1)]
    words = str(body.get("prompt", order.digest))
    return [
        PictureRecipe(Picture(digest_of(f"{words}\n{number}"), width, height), width, height)
        for number in range(count)
    ]


def _numbered(order: Order, array: str, recipes: list[PictureRecipe]) -> tuple[Item, ...]:
    marked = order.body.get("watermark_info", {}).get("enabled")
    items = []
    for index, recipe in enumerate(recipes):
        values: dict[str, object] = {"index": index, "url": File(f"{index}.png", recipe)}
        if marked:
            values["watermark_url"] = File(f"{index}-watermark.png", replace(recipe, marked=True))
        items.append(Item(array, values))
    return tuple(items)


def _size(ratio: float, resolution: str, scale: float) -> tuple[int, int]:
    long = _LONG_SIDE[resolution] * scale
    width, height = (long, long / ratio) if ratio >= 1 else (long * ratio, long)
    return max(1, round(width)), max(1, round(height))


BY_SLUG: Mapping[str, Maker] = {
    "images/omni-image": _omni,
    "images/editing/expand": _expand,
    "images/kolors-virtual-try-on": _try_on,
    "solutions/virtual_try_on": _try_on_2,
    "general/ai-multi-shot": _views,
    "videos/image-recognize": _recognize,
}

# SPDX-License-Identifier: Apache-2.0
"""Plans for jobs of the solutions that make videos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..errors import invalid_value
from ..spec.rules import first_video
from ..spec.v2 import of_type
from ..spec.validation import ValidatedBody
from .kinds import AudioInfo, ImageInfo
from .plan_context import Plan, PlanContext, Planner, content_hash, placeholder_image, speech_audio
from .specs import ImageSpec, OutputFile, RenderSpec, ResultEntry, TextSpec, VideoSpec
from .video import frame_size

_LONGEST_DRAMA = 300.0
_CUE_SECONDS = 2.5
_LONG_SIDE = 1024


def _goods(order: ValidatedBody, bench: PlanContext) -> Plan:
    seconds = float(order.body["duration"])
    recipe = _recipe(order, bench, _shown(order, "ref_image")[0], _music(order, seconds))
    return Plan((_item(order, "videos", "0.mp4", recipe, seconds),), seconds)


def _clothes(order: ValidatedBody, bench: PlanContext) -> Plan:
    source = first_video(order.media)
    if source is None:
        raise invalid_value("Reference video is missing. Please upload a reference video.")
    product = _shown(order, "product_image")[0]
    models = _shown(order, "model_image") or [source.picture]
    video = _recipe(order, bench, source.picture, _music(order, source.seconds))
    return Plan(
        (
            _item(order, "product_images", "product.png", _picture(product, bench)),
            _item(order, "model_images", "model.png", _picture(models[0], bench, inset=product)),
            _item(order, "product_videos", "0.mp4", video),
        ),
        source.seconds,
    )


def _speech(order: ValidatedBody, bench: PlanContext) -> Plan:
    (script,) = of_type(order.body, "speech_script")
    sound = speech_audio(script["text"], speed=order.body.get("speech_rate", 1.0))
    person = (_shown(order, "avatar_image") or [placeholder_image(order)])[0]
    recipe = _recipe(order, bench, person, sound, shape="9:16")
    return Plan((_item(order, "videos", "0.mp4", recipe, sound.seconds),), sound.seconds)


def _subtitles(order: ValidatedBody, bench: PlanContext) -> Plan:
    source = first_video(order.media)
    if source is None:
        raise invalid_value("Source video is missing. Please provide a source video URL.")
    if source.seconds > _LONGEST_DRAMA:
        return Plan((), failure="The source video exceeds the 300-second duration limit.")
    recipe = _recipe(order, bench, source.picture, _music(order, source.seconds))
    cues = _cues(order, source.seconds)
    return Plan(
        (
            _item(order, "subbed_videos", "0.mp4", recipe, source.seconds),
            ResultEntry("srts", {"url": OutputFile("0.srt", TextSpec(_srt(cues), "application/x-subrip"))}),
            ResultEntry("ass", {"url": OutputFile("0.ass", TextSpec(_ass(cues), "text/x-ssa"))}),
        ),
        source.seconds,
    )


def _shown(order: ValidatedBody, kind: str) -> list[ImageInfo]:
    entries = order.body["contents"]
    at = [f"contents[{index}].url" for index, entry in enumerate(entries) if entry["type"] == kind]
    return [found for place in at if isinstance(found := order.media[place], ImageInfo)]


def _music(order: ValidatedBody, seconds: float) -> AudioInfo:
    return AudioInfo(content_hash(order.digest), seconds)


def _recipe(
    order: ValidatedBody, bench: PlanContext, picture: ImageInfo, sound: AudioInfo, shape: str | None = None
) -> VideoSpec:
    shape = order.body.get("aspect_ratio", shape)
    across, _, down = shape.partition(":") if shape else (picture.width, "", picture.height)
    width, height = frame_size(order.body["mode"], int(across) / int(down), bench.scale)
    return VideoSpec(picture, width, height, sound.seconds, sound)


def _picture(picture: ImageInfo, bench: PlanContext, inset: ImageInfo | None = None) -> ImageSpec:
    scale = _LONG_SIDE * bench.scale / max(picture.width, picture.height)
    width, height = (max(1, round(side * scale)) for side in (picture.width, picture.height))
    return ImageSpec(picture, width, height, inset=inset)


def _item(
    order: ValidatedBody,
    array: str,
    name: str,
    recipe: VideoSpec | ImageSpec,
    seconds: float | None = None,
) -> ResultEntry:
    values: dict[str, Any] = {"url": OutputFile(name, recipe)}
    if order.body["watermark_info"].get("enabled"):
        stem, _, ending = name.rpartition(".")
        marked: RenderSpec = replace(recipe, marked=True)
        values["watermark_url"] = OutputFile(f"{stem}-watermark.{ending}", marked)
    if seconds is not None:
        values["duration"] = f"{seconds:.3f}"
    return ResultEntry(array, values)


def _cues(order: ValidatedBody, seconds: float) -> list[tuple[float, float, str]]:
    """Return what is read from when to when."""
    names = [entry["target"] for entry in of_type(order.body, "glossary")] or ["Somebody"]
    count = max(1, int(seconds / _CUE_SECONDS))
    return [
        (
            seconds * number / count,
            seconds * (number + 1) / count,
            f"{names[number % len(names)]} says line {number + 1}.",
        )
        for number in range(count)
    ]


def _srt(cues: list[tuple[float, float, str]]) -> str:
    def time(seconds: float) -> str:
        minutes, rest = divmod(round(seconds * 1000), 60_000)
        return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02},{rest % 1000:03}"

    return "\n".join(
        f"{number}\n{time(start)} --> {time(end)}\n{words}\n"
        for number, (start, end, words) in enumerate(cues, 1)
    )


def _ass(cues: list[tuple[float, float, str]]) -> str:
    def time(seconds: float) -> str:
        minutes, rest = divmod(round(seconds * 100), 6000)
        return f"{minutes // 60}:{minutes % 60:02}:{rest // 100:02}.{rest % 100:02}"

    lines = [f"Dialogue: 0,{time(start)},{time(end)},Default,,0,0,0,,{words}" for start, end, words in cues]
    head = (
        "[Script Info]\nScriptType: v4.00+\n\n[Events]\n"
        "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    )
    return head + "\n".join(lines) + "\n"


BY_SLUG: Mapping[str, Planner] = {
    "solutions/e-commerce/goods_studio": _goods,
    "solutions/e-commerce/clothing_dupe": _clothes,
    "solutions/talking_agent": _speech,
    "solutions/drama_subtitle": _subtitles,
}

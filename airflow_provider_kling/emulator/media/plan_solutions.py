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
from .plan_context import Plan, PlanContext, Planner, placeholder_image, speech_audio
from .specs import (
    AudioInfo,
    ImageInfo,
    ImageSpec,
    OutputFile,
    RenderSpec,
    ResultEntry,
    TextSpec,
    VideoSpec,
    content_hash,
)
from .video import frame_size

_MAX_DRAMA_SECONDS = 300.0
_CUE_SECONDS = 2.5
_LONG_SIDE = 1024


def _goods_studio(validated: ValidatedBody, context: PlanContext) -> Plan:
    seconds = float(validated.body["duration"])
    spec = _video_spec(
        validated, context, _images_of_type(validated, "ref_image")[0], _music(validated, seconds)
    )
    return Plan((_item(validated, "videos", "0.mp4", spec, seconds),), seconds)


def _clothing_dupe(validated: ValidatedBody, context: PlanContext) -> Plan:
    source = first_video(validated.media)
    if source is None:
        raise invalid_value("Reference video is missing. Please upload a reference video.")
    product = _images_of_type(validated, "product_image")[0]
    models = _images_of_type(validated, "model_image") or [source.image]
    video = _video_spec(validated, context, source.image, _music(validated, source.seconds))
    return Plan(
        (
            _item(validated, "product_images", "product.png", _image_spec(product, context)),
            _item(validated, "model_images", "model.png", _image_spec(models[0], context, inset=product)),
            _item(validated, "product_videos", "0.mp4", video),
        ),
        source.seconds,
    )


def _talking_agent(validated: ValidatedBody, context: PlanContext) -> Plan:
    (script,) = of_type(validated.body, "speech_script")
    audio = speech_audio(script["text"], speed=validated.body.get("speech_rate", 1.0))
    person = (_images_of_type(validated, "avatar_image") or [placeholder_image(validated)])[0]
    spec = _video_spec(validated, context, person, audio, aspect_ratio="9:16")
    return Plan((_item(validated, "videos", "0.mp4", spec, audio.seconds),), audio.seconds)


def _drama_subtitle(validated: ValidatedBody, context: PlanContext) -> Plan:
    source = first_video(validated.media)
    if source is None:
        raise invalid_value("Source video is missing. Please provide a source video URL.")
    if source.seconds > _MAX_DRAMA_SECONDS:
        return Plan((), failure="The source video exceeds the 300-second duration limit.")
    spec = _video_spec(validated, context, source.image, _music(validated, source.seconds))
    cues = _cues(validated, source.seconds)
    return Plan(
        (
            _item(validated, "subbed_videos", "0.mp4", spec, source.seconds),
            ResultEntry("srts", {"url": OutputFile("0.srt", TextSpec(_srt(cues), "application/x-subrip"))}),
            ResultEntry("ass", {"url": OutputFile("0.ass", TextSpec(_ass(cues), "text/x-ssa"))}),
        ),
        source.seconds,
    )


def _images_of_type(validated: ValidatedBody, kind: str) -> list[ImageInfo]:
    entries = validated.body["contents"]
    paths = [f"contents[{index}].url" for index, entry in enumerate(entries) if entry["type"] == kind]
    return [found for path in paths if isinstance(found := validated.media[path], ImageInfo)]


def _music(validated: ValidatedBody, seconds: float) -> AudioInfo:
    return AudioInfo(content_hash(validated.digest), seconds)


def _video_spec(
    validated: ValidatedBody,
    context: PlanContext,
    image: ImageInfo,
    audio: AudioInfo,
    aspect_ratio: str | None = None,
) -> VideoSpec:
    aspect_ratio = validated.body.get("aspect_ratio", aspect_ratio)
    ratio_width, _, ratio_height = (
        aspect_ratio.partition(":") if aspect_ratio else (image.width, "", image.height)
    )
    width, height = frame_size(validated.body["mode"], int(ratio_width) / int(ratio_height), context.scale)
    return VideoSpec(image, width, height, audio.seconds, audio)


def _image_spec(image: ImageInfo, context: PlanContext, inset: ImageInfo | None = None) -> ImageSpec:
    scale = _LONG_SIDE * context.scale / max(image.width, image.height)
    width, height = (max(1, round(side * scale)) for side in (image.width, image.height))
    return ImageSpec(image, width, height, inset=inset)


def _item(
    validated: ValidatedBody,
    array: str,
    name: str,
    spec: VideoSpec | ImageSpec,
    seconds: float | None = None,
) -> ResultEntry:
    values: dict[str, Any] = {"url": OutputFile(name, spec)}
    if validated.body["watermark_info"].get("enabled"):
        stem, _, ending = name.rpartition(".")
        watermarked: RenderSpec = replace(spec, watermarked=True)
        values["watermark_url"] = OutputFile(f"{stem}-watermark.{ending}", watermarked)
    if seconds is not None:
        values["duration"] = f"{seconds:.3f}"
    return ResultEntry(array, values)


def _cues(validated: ValidatedBody, seconds: float) -> list[tuple[float, float, str]]:
    """Return start, end and text of each subtitle."""
    names = [entry["target"] for entry in of_type(validated.body, "glossary")] or ["Somebody"]
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
        f"{number}\n{time(start)} --> {time(end)}\n{text}\n"
        for number, (start, end, text) in enumerate(cues, 1)
    )


def _ass(cues: list[tuple[float, float, str]]) -> str:
    def time(seconds: float) -> str:
        minutes, rest = divmod(round(seconds * 100), 6000)
        return f"{minutes // 60}:{minutes % 60:02}:{rest // 100:02}.{rest % 100:02}"

    lines = [f"Dialogue: 0,{time(start)},{time(end)},Default,,0,0,0,,{text}" for start, end, text in cues]
    head = (
        "[Script Info]\nScriptType: v4.00+\n\n[Events]\n"
        "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    )
    return head + "\n".join(lines) + "\n"


BY_SLUG: Mapping[str, Planner] = {
    "solutions/e-commerce/goods_studio": _goods_studio,
    "solutions/e-commerce/clothing_dupe": _clothing_dupe,
    "solutions/talking_agent": _talking_agent,
    "solutions/drama_subtitle": _drama_subtitle,
}

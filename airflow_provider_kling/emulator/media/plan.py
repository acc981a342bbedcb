# SPDX-License-Identifier: Apache-2.0
"""The result that a job will have, planned from its create call; videos are planned in other modules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...api.endpoint import Endpoint, ResultType
from ..artifacts import PRESET_VOICE_IDS
from ..errors import invalid_value
from ..spec.rules import first_audio, first_video
from ..spec.validation import ValidatedBody
from . import plan_solutions, plan_video
from .plan_context import Plan, PlanContext, Planner, request_images, speech_audio
from .specs import (
    AudioInfo,
    AudioSpec,
    ImageInfo,
    ImageSpec,
    OutputFile,
    ResultEntry,
    VideoSpec,
    content_hash,
)
from .video import frame_size

_LONG_SIDE = {"1k": 1344, "2k": 2688, "4k": 5376}
_AUTO_SERIES = 3
_DEFAULT_SERIES = 4
_VIEWS = 3
_EXPANDED_LONG_SIDE = 2048
_PARTS = ("object_seg", "head_seg", "face_seg", "cloth_seg")
_OWNER = "emulator"
_TRIAL_SECONDS = 5.0
_ELEMENT_PIXELS = 512


def _images(validated: ValidatedBody, context: PlanContext) -> Plan:
    """Plan ``n`` images from a prompt or images."""
    count = int(validated.body.get("n", 1))
    return Plan(_numbered(validated, "images", _specs(validated, context, count)), count=count)


def _omni_image(validated: ValidatedBody, context: PlanContext) -> Plan:
    if validated.body.get("result_type") != "series":
        return _images(validated, context)
    series_amount = validated.body.get("series_amount", _DEFAULT_SERIES)
    count = _AUTO_SERIES if series_amount == "auto" else int(series_amount)
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


def _try_on_v2_plan(validated: ValidatedBody, context: PlanContext) -> Plan:
    images = {
        field_path: medium for field_path, medium in validated.media.items() if isinstance(medium, ImageInfo)
    }
    person, product = (images[validated.body[name]] for name in ("person_image", "product_image"))
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
    body, images = validated.body, request_images(validated)
    aspect_ratio = body.get("aspect_ratio", "auto" if images else "16:9")
    if aspect_ratio == "auto":
        ratio = images[0].ratio if images else 1.0
    else:
        ratio_width, _, ratio_height = aspect_ratio.partition(":")
        ratio = int(ratio_width) / int(ratio_height)
    width, height = _size(ratio, body.get("resolution", "1k"), context.scale)
    if images:
        inset = images[1] if images[1:] else None
        spec = ImageSpec(images[0], width, height, inset=inset)
        return [replace(spec, variant=number) for number in range(1, count + 1)]
    prompt = str(body.get("prompt", validated.digest))
    return [
        ImageSpec(ImageInfo(content_hash(f"{prompt}\n{number}"), width, height), width, height)
        for number in range(count)
    ]


def _numbered(validated: ValidatedBody, array: str, specs: list[ImageSpec]) -> tuple[ResultEntry, ...]:
    is_watermarked = validated.body.get("watermark_info", {}).get("enabled")
    items = []
    for index, spec in enumerate(specs):
        values: dict[str, object] = {"index": index, "url": OutputFile(f"{index}.png", spec)}
        if is_watermarked:
            values["watermark_url"] = OutputFile(f"{index}-watermark.png", replace(spec, watermarked=True))
        items.append(ResultEntry(array, values))
    return tuple(items)


def _size(ratio: float, resolution: str, scale: float) -> tuple[int, int]:
    long_side = _LONG_SIDE[resolution] * scale
    width, height = (long_side, long_side / ratio) if ratio >= 1 else (long_side * ratio, long_side)
    return max(1, round(width)), max(1, round(height))


def _text_to_speech(validated: ValidatedBody, context: PlanContext) -> Plan:
    """Plan speech from text."""
    body = validated.body
    voice_id = body["voice_id"]
    if voice_id in PRESET_VOICE_IDS or context.artifacts.is_library_voice(voice_id):
        # Three catalogues of voices use the word voice_id; text-to-speech has its own.
        raise invalid_value("Voice id not found")
    audio = speech_audio(body["text"], language=body["voice_language"], speed=body.get("voice_speed", 1.0))
    values = {
        "id": f"{context.task_id}0",
        "url": OutputFile("0.mp3", AudioSpec(audio)),
        "duration": f"{audio.seconds:.3f}",
    }
    return Plan((ResultEntry("audios", values),), audio.seconds)


def _audio_from_prompt(validated: ValidatedBody, context: PlanContext) -> Plan:
    """Plan audio from a prompt."""
    seconds = float(validated.body.get("duration", _TRIAL_SECONDS))
    return Plan(
        (_audio_entry(context, AudioInfo(content_hash(str(validated.body.get("prompt", ""))), seconds)),),
        seconds,
    )


def _video_to_audio(validated: ValidatedBody, context: PlanContext) -> Plan:
    parent = first_video(validated.media)
    if parent is None:
        raise invalid_value("video_id or video_url is required")
    audio = AudioInfo(content_hash(validated.digest), parent.seconds)
    width, height = frame_size("std", parent.image.ratio, context.scale)
    spec = VideoSpec(parent.image, width, height, parent.seconds, audio)
    values = {
        "id": f"{context.task_id}0",
        "url": OutputFile("0.mp4", spec),
        "duration": f"{parent.seconds:.3f}",
    }
    return Plan((ResultEntry("videos", values), _audio_entry(context, audio)), parent.seconds, parent=parent)


def _custom_voice(validated: ValidatedBody, context: PlanContext) -> Plan:
    """Plan a custom voice from a recording."""
    audio = first_audio(validated.media) or AudioInfo(content_hash(validated.digest), _TRIAL_SECONDS)
    values = {
        "voice_id": context.task_id,
        "voice_name": validated.body.get("voice_name", ""),
        "trial_url": OutputFile("trial.mp3", AudioSpec(audio)),
        "owned_by": _OWNER,
    }
    return Plan((ResultEntry("voices", values),))


def _custom_element(validated: ValidatedBody, context: PlanContext) -> Plan:
    """Plan an element from images or a video."""
    body, images = validated.body, request_images(validated)
    video = first_video(validated.media)
    frontal = (
        images[0]
        if images
        else (video.image if video else ImageInfo(content_hash(validated.digest), 720, 720))
    )
    values: dict[str, Any] = {
        "element_id": int(context.task_id),
        "element_name": body.get("element_name", ""),
        "element_description": body.get("element_description", ""),
        "reference_type": body.get("reference_type", "image_refer"),
        "element_image_list": {
            "frontal_image": _element_image("frontal.png", frontal),
            "refer_images": [
                {"image_url": _element_image(f"refer-{number}.png", image)}
                for number, image in enumerate(images[1:])
            ],
        },
        "element_video_list": {"refer_videos": [{"video_url": video.url}] if video else []},
        "element_voice_info": {"voice_id": body["element_voice_id"]} if "element_voice_id" in body else {},
        "tag_list": body.get("tag_list", []),
        "owned_by": _OWNER,
        "status": "succeed",
    }
    return Plan((ResultEntry("elements", values),))


def _audio_entry(context: PlanContext, audio: AudioInfo) -> ResultEntry:
    seconds = f"{audio.seconds:.3f}"
    return ResultEntry(
        "audios",
        {
            "id": f"{context.task_id}1",
            "url_mp3": OutputFile("1.mp3", AudioSpec(audio)),
            "url_wav": OutputFile("1.wav", AudioSpec(audio, "wav")),
            "duration_mp3": seconds,
            "duration_wav": seconds,
        },
    )


def _element_image(name: str, image: ImageInfo) -> OutputFile:
    size = _ELEMENT_PIXELS / max(image.width, image.height)
    width, height = max(1, round(image.width * size)), max(1, round(image.height * size))
    return OutputFile(name, ImageSpec(image, width, height))


_BY_RESULT: Mapping[ResultType, Planner] = {
    ResultType.VIDEOS: plan_video.video,
    ResultType.IMAGES: _images,
    ResultType.AUDIOS: _audio_from_prompt,
    ResultType.VOICES: _custom_voice,
    ResultType.ELEMENTS: _custom_element,
}
_BY_SLUG: Mapping[str, Planner] = {
    **plan_video.BY_SLUG,
    "images/omni-image": _omni_image,
    "images/editing/expand": _expand,
    "images/kolors-virtual-try-on": _try_on_plan,
    "solutions/virtual_try_on": _try_on_v2_plan,
    "general/ai-multi-shot": _multi_angle_plan,
    "videos/image-recognize": _recognize,
    "audio/tts": _text_to_speech,
    "audio/video-to-audio": _video_to_audio,
    **plan_solutions.BY_SLUG,
}

_JOB_SECONDS: Mapping[ResultType, float] = {
    ResultType.VIDEOS: 60.0,
    ResultType.IMAGES: 24.0,
    ResultType.AUDIOS: 20.0,
    ResultType.VOICES: 9.0,
    ResultType.ELEMENTS: 5.0,
}


def plan_task(endpoint: Endpoint, validated: ValidatedBody, context: PlanContext) -> Plan:
    """Plan the result of a job.

    An endpoint without its own planner gets the usual result of its type.

    :param endpoint: the endpoint.
    :param validated: the validated body.
    :param context: facts about the job.
    :return: the plan.
    """
    planner = _BY_SLUG.get(endpoint.slug) or _BY_RESULT[endpoint.result]
    return planner(validated, context)


def job_seconds(endpoint: Endpoint) -> float:
    """Return the usual duration of a job at the vendor; 0 for a synchronous call.

    :param endpoint: the endpoint.
    :return: seconds.
    """
    return 0.0 if endpoint.synchronous else _JOB_SECONDS.get(endpoint.result, 60.0)

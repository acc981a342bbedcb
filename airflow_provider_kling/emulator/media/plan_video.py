# SPDX-License-Identifier: Apache-2.0
"""Plans for jobs that make videos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import isclose
from typing import Any

from ..artifacts import EditSession
from ..errors import invalid_value
from ..spec.rules import first_audio, first_video
from ..spec.validation import ValidatedBody
from .plan_context import (
    Plan,
    PlanContext,
    Planner,
    placeholder_image,
    request_images,
    speech_audio,
)
from .specs import (
    AudioInfo,
    ImageInfo,
    ImageSpec,
    OutputFile,
    ResultEntry,
    VideoInfo,
    VideoSpec,
    content_hash,
)
from .video import frame_size

_EFFECT_SECONDS = 5.0
_EXTENSION_SECONDS = 5.0
_OVERLAP_MS = 2000
_FACE_PIXELS = 256
_MAX_RATIO = 4
_MASKS = ("static_mask", "dynamic_masks")
_MASK_TOLERANCE = 0.01


def video(validated: ValidatedBody, context: PlanContext) -> Plan:
    """Plan a video from a prompt or images, of the length ``duration``.

    :param validated: the validated body.
    :param context: facts about the job.
    :return: the plan.
    """
    body, images = validated.body, request_images(validated)
    seconds = float(body.get("duration", "5"))
    image = images[0] if images else placeholder_image(validated)
    aspect_ratio = body.get("aspect_ratio")
    spec = _spec(
        validated,
        context,
        image,
        seconds,
        ratio=_ratio(aspect_ratio) if aspect_ratio else image.ratio,
        audio=_generated_audio(validated),
    )
    return Plan((video_item(validated, context, spec),), seconds, failure=_mask_failure(validated))


def _mask_failure(validated: ValidatedBody) -> str | None:
    """Return why a job with masks fails: the vendor accepts the request, whatever their size."""
    # The size of files on other machines is unknown.
    known = {
        field_path: medium
        for field_path, medium in validated.media.items()
        if isinstance(medium, ImageInfo) and medium.file
    }
    masks = [medium for field_path, medium in known.items() if field_path.startswith(_MASKS)]
    image = known.get("image")
    if image and any(not isclose(mask.ratio, image.ratio, rel_tol=_MASK_TOLERANCE) for mask in masks):
        return "The aspect ratio of the mask is not that of the image"
    if len({(mask.width, mask.height) for mask in masks}) > 1:
        return "The masks have different resolutions"
    return None


def _omni_video(validated: ValidatedBody, context: PlanContext) -> Plan:
    base = first_video(validated.media)
    videos = validated.body.get("video_list", ({"refer_type": "feature"},))
    if base is None or videos[0].get("refer_type", "base") != "base":
        return video(validated, context)
    spec = _spec(validated, context, base.image, base.seconds)
    return Plan((video_item(validated, context, spec),), base.seconds)


def _motion_control(validated: ValidatedBody, context: PlanContext) -> Plan:
    motion_video = first_video(validated.media)
    seconds = motion_video.seconds if motion_video else _EFFECT_SECONDS
    spec = _spec(validated, context, request_images(validated)[0], seconds)
    return Plan((video_item(validated, context, spec),), seconds)


def _extend(validated: ValidatedBody, context: PlanContext) -> Plan:
    parent = _required_video(first_video(validated.media))
    spec = _spec(validated, context, parent.image, parent.seconds + _EXTENSION_SECONDS)
    return Plan((video_item(validated, context, spec),), _EXTENSION_SECONDS, parent=parent)


def _effect(validated: ValidatedBody, context: PlanContext) -> Plan:
    fields = validated.body["input"]
    seconds = float(fields.get("duration", _EFFECT_SECONDS))
    spec = _spec(validated, context, request_images(validated)[0], seconds)
    item = video_item(validated, context, spec)
    # The vendor's page of 2026 shows no duration here.
    values = {name: value for name, value in item.values.items() if name != "duration"}
    return Plan((replace(item, values=values),), seconds)


def _multi_elements(validated: ValidatedBody, context: PlanContext) -> Plan:
    session = context.artifacts.session(validated.body["session_id"])
    seconds = float(validated.body.get("duration", "5"))
    spec = _spec(validated, context, session.video.image, seconds)
    return Plan((video_item(validated, context, spec, session_id=session.session_id),), seconds)


def _avatar(validated: ValidatedBody, context: PlanContext) -> Plan:
    body = validated.body
    audio = first_audio(validated.media) or speech_audio(str(body.get("text", "")))
    image = request_images(validated)[0]
    # Only ``/v1/videos/avatar`` has an aspect ratio, 16:9 unless it says otherwise.
    aspect_ratio = body.get("aspect_ratio", "16:9") if {"text", "audio_url"} & body.keys() else None
    ratio = _ratio(aspect_ratio) if aspect_ratio else image.ratio
    spec = _spec(validated, context, image, audio.seconds, ratio=ratio, audio=audio)
    return Plan((video_item(validated, context, spec),), audio.seconds)


def _lip_sync(validated: ValidatedBody, context: PlanContext) -> Plan:
    fields, parent = validated.body["input"], _required_video(first_video(validated.media))
    language, speed = fields.get("voice_language", "zh"), fields.get("voice_speed", 1.0)
    audio = first_audio(validated.media) or speech_audio(
        fields.get("text", ""), language=language, speed=speed
    )
    spec = _spec(validated, context, parent.image, parent.seconds, audio=audio)
    return Plan((video_item(validated, context, spec),), parent.seconds, parent=parent)


def _advanced_lip_sync(validated: ValidatedBody, context: PlanContext) -> Plan:
    session = context.artifacts.session(validated.body["session_id"])
    parent = session.video
    for face in validated.body["face_choose"]:
        if face["face_id"] not in session.faces:
            raise invalid_value(f"face_id {face['face_id']} not found in session")
        insert_time = int(face["sound_insert_time"])
        length = int(face["sound_end_time"]) - int(face["sound_start_time"])
        if insert_time + min(length, _OVERLAP_MS) > parent.seconds * 1000:
            raise invalid_value(f"the audio must overlap the face for at least {_OVERLAP_MS}ms")
    # A result has one audio track: that of the first face.
    spec = _spec(validated, context, parent.image, parent.seconds, audio=first_audio(validated.media))
    return Plan((video_item(validated, context, spec),), parent.seconds, parent=parent)


def _identify(validated: ValidatedBody, context: PlanContext) -> Plan:
    video = _required_video(first_video(validated.media))
    face_id = "0"
    values = {
        "face_id": face_id,
        "face_image": OutputFile("face.png", ImageSpec(video.image, _FACE_PIXELS, _FACE_PIXELS)),
        "start_time": 0,
        "end_time": round(video.seconds * 1000),
    }
    session = EditSession(f"{context.task_id}9", video, context.now, faces=(face_id,))
    return Plan((ResultEntry("face_data", values),), session=session)


def video_item(validated: ValidatedBody, context: PlanContext, spec: VideoSpec, **values: Any) -> ResultEntry:
    """Return the entry of ``videos``, with a watermarked copy if one was requested.

    :param validated: the validated body.
    :param context: facts about the job.
    :param spec: the video.
    :param values: further values of the entry.
    :return: the entry.
    """
    entry: dict[str, Any] = {"id": f"{context.task_id}0", **values, "url": OutputFile("0.mp4", spec)}
    if validated.body.get("watermark_info", {}).get("enabled"):
        entry["watermark_url"] = OutputFile("0-watermark.mp4", replace(spec, watermarked=True))
    # Fractional, as the real service writes it, even where it is a whole number of seconds.
    entry["duration"] = f"{spec.seconds:.3f}"
    return ResultEntry("videos", entry)


def _spec(
    validated: ValidatedBody,
    context: PlanContext,
    image: ImageInfo,
    seconds: float,
    *,
    ratio: float | None = None,
    audio: AudioInfo | None = None,
) -> VideoSpec:
    mode = validated.body.get("mode") or ("pro" if "video_list" in validated.body else "std")
    width, height = frame_size(mode, ratio or image.ratio, context.scale)
    return VideoSpec(image, width, height, seconds, audio)


def _generated_audio(validated: ValidatedBody) -> AudioInfo | None:
    if validated.body.get("sound") != "on":
        return None
    return AudioInfo(content_hash(validated.digest), float(validated.body.get("duration", "5")))


def _required_video(video: VideoInfo | None) -> VideoInfo:
    if video is None:
        raise invalid_value("video_id or video_url is required")
    return video


def _ratio(text: str) -> float:
    width, _, height = text.partition(":")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise invalid_value(f"aspect_ratio value '{text}' is invalid")
    ratio = int(width) / int(height)
    if not 1 / _MAX_RATIO <= ratio <= _MAX_RATIO:
        raise invalid_value(f"aspect_ratio value '{text}' is invalid")
    return ratio


BY_SLUG: Mapping[str, Planner] = {
    "videos/omni-video": _omni_video,
    "videos/motion-control": _motion_control,
    "omni-video": _omni_video,
    "motion-control": _motion_control,
    "videos/video-extend": _extend,
    "videos/effects": _effect,
    "videos/multi-elements": _multi_elements,
    "videos/avatar/image2video": _avatar,
    "videos/avatar": _avatar,
    "videos/lip-sync": _lip_sync,
    "videos/advanced-lip-sync": _advanced_lip_sync,
    "videos/identify-face": _identify,
}

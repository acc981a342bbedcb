# SPDX-License-Identifier: Apache-2.0
"""Plans for jobs that make videos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..artifacts import EditSession
from ..errors import invalid_value
from ..spec.rules import first_audio, first_video
from ..spec.validation import ValidatedBody
from .kinds import AudioInfo, ImageInfo, VideoInfo
from .plan_context import (
    Plan,
    PlanContext,
    Planner,
    content_hash,
    pictures_of,
    placeholder_image,
    speech_audio,
)
from .specs import ImageSpec, OutputFile, ResultEntry, VideoSpec
from .video import frame_size

_EFFECT_SECONDS = 5.0
_EXTENSION_SECONDS = 5.0
_OVERLAP_MS = 2000
_FACE_PIXELS = 256
_WIDEST = 4


def video(order: ValidatedBody, bench: PlanContext) -> Plan:
    """Plan a video from a prompt or images, of the length ``duration``.

    :param order: the validated body.
    :param bench: facts about the job.
    :return: the plan.
    """
    body, pictures = order.body, pictures_of(order)
    seconds = float(body.get("duration", "5"))
    picture = pictures[0] if pictures else placeholder_image(order)
    shape = body.get("aspect_ratio")
    recipe = _recipe(
        order,
        bench,
        picture,
        seconds,
        ratio=_ratio(shape) if shape else picture.ratio,
        sound=_own_sound(order),
    )
    return Plan((video_item(order, bench, recipe),), seconds)


def _omni(order: ValidatedBody, bench: PlanContext) -> Plan:
    base = first_video(order.media)
    videos = order.body.get("video_list", ({"refer_type": "feature"},))
    if base is None or videos[0].get("refer_type", "base") != "base":
        return video(order, bench)
    recipe = _recipe(order, bench, base.picture, base.seconds)
    return Plan((video_item(order, bench, recipe),), base.seconds)


def _motion(order: ValidatedBody, bench: PlanContext) -> Plan:
    moved = first_video(order.media)
    seconds = moved.seconds if moved else _EFFECT_SECONDS
    recipe = _recipe(order, bench, pictures_of(order)[0], seconds)
    return Plan((video_item(order, bench, recipe),), seconds)


def _extend(order: ValidatedBody, bench: PlanContext) -> Plan:
    parent = _known(first_video(order.media))
    recipe = _recipe(order, bench, parent.picture, parent.seconds + _EXTENSION_SECONDS)
    return Plan((video_item(order, bench, recipe),), _EXTENSION_SECONDS, parent=parent)


def _effect(order: ValidatedBody, bench: PlanContext) -> Plan:
    given = order.body["input"]
    seconds = float(given.get("duration", _EFFECT_SECONDS))
    recipe = _recipe(order, bench, pictures_of(order)[0], seconds)
    item = video_item(order, bench, recipe)
    # The vendor's page of 2026 shows no duration here.
    values = {name: value for name, value in item.values.items() if name != "duration"}
    return Plan((replace(item, values=values),), seconds)


def _edited(order: ValidatedBody, bench: PlanContext) -> Plan:
    session = bench.made.session(order.body["session_id"])
    seconds = float(order.body.get("duration", "5"))
    recipe = _recipe(order, bench, session.clip.picture, seconds)
    return Plan((video_item(order, bench, recipe, session_id=session.session_id),), seconds)


def _avatar(order: ValidatedBody, bench: PlanContext) -> Plan:
    body = order.body
    sound = first_audio(order.media) or speech_audio(str(body.get("text", "")))
    picture = pictures_of(order)[0]
    # Only ``/v1/videos/avatar`` has an aspect ratio, 16:9 unless it says otherwise.
    shape = body.get("aspect_ratio", "16:9") if {"text", "audio_url"} & body.keys() else None
    ratio = _ratio(shape) if shape else picture.ratio
    recipe = _recipe(order, bench, picture, sound.seconds, ratio=ratio, sound=sound)
    return Plan((video_item(order, bench, recipe),), sound.seconds)


def _lip_sync(order: ValidatedBody, bench: PlanContext) -> Plan:
    given, parent = order.body["input"], _known(first_video(order.media))
    language, speed = given.get("voice_language", "zh"), given.get("voice_speed", 1.0)
    sound = first_audio(order.media) or speech_audio(given.get("text", ""), language=language, speed=speed)
    recipe = _recipe(order, bench, parent.picture, parent.seconds, sound=sound)
    return Plan((video_item(order, bench, recipe),), parent.seconds, parent=parent)


def _advanced_lip_sync(order: ValidatedBody, bench: PlanContext) -> Plan:
    session = bench.made.session(order.body["session_id"])
    parent = session.clip
    for face in order.body["face_choose"]:
        if face["face_id"] not in session.faces:
            raise invalid_value(f"face_id {face['face_id']} not found in session")
        inserted = int(face["sound_insert_time"])
        length = int(face["sound_end_time"]) - int(face["sound_start_time"])
        if inserted + min(length, _OVERLAP_MS) > parent.seconds * 1000:
            raise invalid_value(f"the audio must overlap the face for at least {_OVERLAP_MS}ms")
    # A result has one track of sound: that of the first face is heard.
    recipe = _recipe(order, bench, parent.picture, parent.seconds, sound=first_audio(order.media))
    return Plan((video_item(order, bench, recipe),), parent.seconds, parent=parent)


def _identify(order: ValidatedBody, bench: PlanContext) -> Plan:
    clip = _known(first_video(order.media))
    face_id = "0"
    values = {
        "face_id": face_id,
        "face_image": OutputFile("face.png", ImageSpec(clip.picture, _FACE_PIXELS, _FACE_PIXELS)),
        "start_time": 0,
        "end_time": round(clip.seconds * 1000),
    }
    session = EditSession(f"{bench.task_id}9", clip, bench.now, faces=(face_id,))
    return Plan((ResultEntry("face_data", values),), session=session)


def video_item(order: ValidatedBody, bench: PlanContext, recipe: VideoSpec, **values: Any) -> ResultEntry:
    """Return the entry of ``videos``, with a watermarked copy if one was requested.

    :param order: the validated body.
    :param bench: facts about the job.
    :param recipe: the video.
    :param values: further values of the entry.
    :return: the entry.
    """
    entry: dict[str, Any] = {"id": f"{bench.task_id}0", **values, "url": OutputFile("0.mp4", recipe)}
    if order.body.get("watermark_info", {}).get("enabled"):
        entry["watermark_url"] = OutputFile("0-watermark.mp4", replace(recipe, marked=True))
    # Fractional, as the real service writes it, even where it is a whole number of seconds.
    entry["duration"] = f"{recipe.seconds:.3f}"
    return ResultEntry("videos", entry)


def _recipe(
    order: ValidatedBody,
    bench: PlanContext,
    picture: ImageInfo,
    seconds: float,
    *,
    ratio: float | None = None,
    sound: AudioInfo | None = None,
) -> VideoSpec:
    mode = order.body.get("mode") or ("pro" if "video_list" in order.body else "std")
    width, height = frame_size(mode, ratio or picture.ratio, bench.scale)
    return VideoSpec(picture, width, height, seconds, sound)


def _own_sound(order: ValidatedBody) -> AudioInfo | None:
    if order.body.get("sound") != "on":
        return None
    return AudioInfo(content_hash(order.digest), float(order.body.get("duration", "5")))


def _known(clip: VideoInfo | None) -> VideoInfo:
    if clip is None:
        raise invalid_value("video_id or video_url is required")
    return clip


def _ratio(text: str) -> float:
    width, _, height = text.partition(":")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise invalid_value(f"aspect_ratio value '{text}' is invalid")
    ratio = int(width) / int(height)
    if not 1 / _WIDEST <= ratio <= _WIDEST:
        raise invalid_value(f"aspect_ratio value '{text}' is invalid")
    return ratio


BY_SLUG: Mapping[str, Planner] = {
    "videos/omni-video": _omni,
    "videos/motion-control": _motion,
    "omni-video": _omni,
    "motion-control": _motion,
    "videos/video-extend": _extend,
    "videos/effects": _effect,
    "videos/multi-elements": _edited,
    "videos/avatar/image2video": _avatar,
    "videos/avatar": _avatar,
    "videos/lip-sync": _lip_sync,
    "videos/advanced-lip-sync": _advanced_lip_sync,
    "videos/identify-face": _identify,
}

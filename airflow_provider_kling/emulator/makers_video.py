# SPDX-License-Identifier: Apache-2.0
"""Plans for jobs that make videos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .bodies import the_clip, the_sound
from .made import Session
from .media_kinds import Clip, Picture, Sound
from .media_video import frame_size
from .recipes import File, Item, PictureRecipe, VideoRecipe
from .refusal import bad_value
from .rules import Order
from .work import Bench, Maker, Work, digest_of, drawn, pictures_of, spoken

_EFFECT_SECONDS = 5.0
_EXTENSION_SECONDS = 5.0
_OVERLAP_MS = 2000
_FACE_PIXELS = 256
_WIDEST = 4


def video(order: Order, bench: Bench) -> Work:
    """Plan a video of words or pictures, as long as ``duration`` says."""
    body, pictures = order.body, pictures_of(order)
    seconds = float(body.get("duration", "5"))
    picture = pictures[0] if pictures else drawn(order)
    shape = body.get("aspect_ratio")
    recipe = _recipe(
        order,
        bench,
        picture,
        seconds,
        ratio=_ratio(shape) if shape else picture.ratio,
        sound=_own_sound(order),
    )
    return Work((video_item(order, bench, recipe),), seconds)


def _omni(order: Order, bench: Bench) -> Work:
    base = the_clip(order.media)
    videos = order.body.get("video_list", ({"refer_type": "feature"},))
    if base is None or videos[0].get("refer_type", "base") != "base":
        return video(order, bench)
    recipe = _recipe(order, bench, base.picture, base.seconds)
    return Work((video_item(order, bench, recipe),), base.seconds)


def _motion(order: Order, bench: Bench) -> Work:
    moved = the_clip(order.media)
    seconds = moved.seconds if moved else _EFFECT_SECONDS
    recipe = _recipe(order, bench, pictures_of(order)[0], seconds)
    return Work((video_item(order, bench, recipe),), seconds)


def _extend(order: Order, bench: Bench) -> Work:
    parent = _known(the_clip(order.media))
    recipe = _recipe(order, bench, parent.picture, parent.seconds + _EXTENSION_SECONDS)
    return Work((video_item(order, bench, recipe),), _EXTENSION_SECONDS, parent=parent)


def _effect(order: Order, bench: Bench) -> Work:
    given = order.body["input"]
    seconds = float(given.get("duration", _EFFECT_SECONDS))
    recipe = _recipe(order, bench, pictures_of(order)[0], seconds)
    item = video_item(order, bench, recipe)
    # The vendor's page of 2026 shows no duration here.
    values = {name: value for name, value in item.values.items() if name != "duration"}
    return Work((replace(item, values=values),), seconds)


def _edited(order: Order, bench: Bench) -> Work:
    session = bench.made.session(order.body["session_id"])
    seconds = float(order.body.get("duration", "5"))
    recipe = _recipe(order, bench, session.clip.picture, seconds)
    return Work((video_item(order, bench, recipe, session_id=session.session_id),), seconds)


def _avatar(order: Order, bench: Bench) -> Work:
    body = order.body
    sound = the_sound(order.media) or spoken(str(body.get("text", "")))
    picture = pictures_of(order)[0]
    # Only the path of S003 has an aspect ratio, 16:9 unless it says otherwise.
    shape = body.get("aspect_ratio", "16:9") if {"text", "audio_url"} & body.keys() else None
    ratio = _ratio(shape) if shape else picture.ratio
    recipe = _recipe(order, bench, picture, sound.seconds, ratio=ratio, sound=sound)
    return Work((video_item(order, bench, recipe),), sound.seconds)


def _lip_sync(order: Order, bench: Bench) -> Work:
    given, parent = order.body["input"], _known(the_clip(order.media))
    language, speed = given.get("voice_language", "zh"), given.get("voice_speed", 1.0)
    sound = the_sound(order.media) or spoken(given.get("text", ""), language=language, speed=speed)
    recipe = _recipe(order, bench, parent.picture, parent.seconds, sound=sound)
    return Work((video_item(order, bench, recipe),), parent.seconds, parent=parent)


def _advanced_lip_sync(order: Order, bench: Bench) -> Work:
    session = bench.made.session(order.body["session_id"])
    parent = session.clip
    for face in order.body["face_choose"]:
        if face["face_id"] not in session.faces:
            raise bad_value(f"face_id {face['face_id']} not found in session")
        inserted = int(face["sound_insert_time"])
        length = int(face["sound_end_time"]) - int(face["sound_start_time"])
        if inserted + min(length, _OVERLAP_MS) > parent.seconds * 1000:
            raise bad_value(f"the audio must overlap the face for at least {_OVERLAP_MS}ms")
    # A result has one track of sound: that of the first face is heard.
    recipe = _recipe(order, bench, parent.picture, parent.seconds, sound=the_sound(order.media))
    return Work((video_item(order, bench, recipe),), parent.seconds, parent=parent)


def _identify(order: Order, bench: Bench) -> Work:
    clip = _known(the_clip(order.media))
    face_id = "0"
    values = {
        "face_id": face_id,
        "face_image": File("face.png", PictureRecipe(clip.picture, _FACE_PIXELS, _FACE_PIXELS)),
        "start_time": 0,
        "end_time": round(clip.seconds * 1000),
    }
    session = Session(f"{bench.task_id}9", clip, bench.now, faces=(face_id,))
    return Work((Item("face_data", values),), session=session)


def video_item(order: Order, bench: Bench, recipe: VideoRecipe, **values: Any) -> Item:
    """Return the entry of ``videos``, with a marked copy if one was asked for."""
    entry: dict[str, Any] = {"id": f"{bench.task_id}0", **values, "url": File("0.mp4", recipe)}
    if order.body.get("watermark_info", {}).get("enabled"):
        entry["watermark_url"] = File("0-watermark.mp4", replace(recipe, marked=True))
    # Fractional, as the real service writes it, even where it is a whole number of seconds.
    entry["duration"] = f"{recipe.seconds:.3f}"
    return Item("videos", entry)


def _recipe(
    order: Order,
    bench: Bench,
    picture: Picture,
    seconds: float,
    *,
    ratio: float | None = None,
    sound: Sound | None = None,
) -> VideoRecipe:
    mode = order.body.get("mode") or ("pro" if "video_list" in order.body else "std")
    width, height = frame_size(mode, ratio or picture.ratio, bench.scale)
    return VideoRecipe(picture, width, height, seconds, sound)


def _own_sound(order: Order) -> Sound | None:
    if order.body.get("sound") != "on":
        return None
    return Sound(digest_of(order.digest), float(order.body.get("duration", "5")))


def _known(clip: Clip | None) -> Clip:
    if clip is None:
        raise bad_value("video_id or video_url is required")
    return clip


def _ratio(text: str) -> float:
    width, _, height = text.partition(":")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise bad_value(f"aspect_ratio value '{text}' is invalid")
    ratio = int(width) / int(height)
    if not 1 / _WIDEST <= ratio <= _WIDEST:
        raise bad_value(f"aspect_ratio value '{text}' is invalid")
    return ratio


BY_SLUG: Mapping[str, Maker] = {
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

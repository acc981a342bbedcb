# SPDX-License-Identifier: Apache-2.0
"""The calls that mark elements in a video before multi-elements edits it."""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from PIL import Image

from .bodies import VIDEO_FORMATS, one_of_fields, the_clip
from .checks import Kind, Probe, clip, clip_id, fields, number, several, text
from .made import Session
from .media_input import Limits
from .media_kinds import Clip
from .media_video import FPS, frame_size
from .recipes import File, PictureRecipe, VideoRecipe
from .refusal import bad_value
from .rules import parse
from .state import State
from .tasks import Handler
from .web import Answer, Call

_CLIP = Limits(VIDEO_FORMATS, (2, 10), (720, 2160))
_GAP = (5.1, 6.9)
_MOST_FRAMES = 10
_MASK_PIXELS = 256
_RADIUS = 0.12
_UNIT = number(0, 1)
_OPEN = fields(video_id=clip_id(_CLIP), video_url=clip(_CLIP))
_SESSION = fields("session_id", session_id=text())
_MARK = fields(
    "session_id",
    "frame_index",
    "points",
    session_id=text(),
    frame_index=number(0, whole=True),
    points=several(fields("x", "y", x=_UNIT, y=_UNIT), 1, 10),
)


async def _init(state: State, call: Call, request_id: str) -> Answer:
    probe = _probe(state)
    body = _OPEN(probe, "", parse(call.body))
    video = the_clip(probe.media)
    if wrong := one_of_fields("video_id", "video_url")(body, probe.media):
        raise bad_value(wrong)
    if video is None or _GAP[0] < video.seconds < _GAP[1]:
        raise bad_value("video duration must be in [2s, 5s] or [7s, 10s]")
    session = _opened(state, video)
    picture, now = video.picture, state.clock.now()
    data = {
        "status": 0,
        "session_id": session.session_id,
        "fps": FPS,
        "original_duration": round(video.seconds * 1000),
        "width": picture.width,
        "height": picture.height,
        "total_frame": round(video.seconds * FPS),
        "normalized_video": session.files[0],
    }
    addressed = state.views.addressed(data, session.session_id, now, call.base_url)
    return state.envelope.data(addressed, request_id)


async def _add(state: State, call: Call, request_id: str) -> Answer:
    session, body = _session(state, call, _MARK)
    frame, points = body["frame_index"], body["points"]
    if frame >= round(session.clip.seconds * FPS):
        raise bad_value(f"frame_index {frame} is after the last frame")
    if frame not in session.marks and len(session.marks) >= _MOST_FRAMES:
        raise bad_value(f"the number of marked frames cannot exceed {_MOST_FRAMES} in total")
    session.marks.setdefault(frame, []).extend(points)
    return state.envelope.data(_masks(session, frame), request_id)


async def _delete(state: State, call: Call, request_id: str) -> Answer:
    session, body = _session(state, call, _MARK)
    frame = body["frame_index"]
    marked = session.marks.get(frame, [])
    for point in body["points"]:
        if point not in marked:
            raise bad_value(f"point ({point['x']}, {point['y']}) was not added to frame {frame}")
        marked.remove(point)
    if not marked:
        session.marks.pop(frame, None)
    return state.envelope.data(_masks(session, frame), request_id)


async def _clear(state: State, call: Call, request_id: str) -> Answer:
    session, _ = _session(state, call, _SESSION)
    session.marks.clear()
    return state.envelope.data({"status": 0, "session_id": session.session_id}, request_id)


async def _preview(state: State, call: Call, request_id: str) -> Answer:
    session, _ = _session(state, call, _SESSION)
    if not session.marks:
        raise bad_value("no selection has been added")
    _, video, cover, tracking = session.files
    data = {"res": {"video": video, "video_cover": cover, "tracking_output": tracking}}
    addressed = state.views.addressed(data, session.session_id, state.clock.now(), call.base_url)
    return state.envelope.data(addressed, request_id)


HANDLERS: Mapping[tuple[str, str], Handler] = {
    ("POST", f"/v1/videos/multi-elements/{name}"): handler
    for name, handler in (
        ("init-selection", _init),
        ("add-selection", _add),
        ("delete-selection", _delete),
        ("clear-selection", _clear),
        ("preview-selection", _preview),
    )
}


def _probe(state: State) -> Probe:
    return Probe(state.desk.library, state.account.made, strict=state.options.strict)


def _session(state: State, call: Call, kind: Kind) -> tuple[Session, dict[str, Any]]:
    body = kind(_probe(state), "", parse(call.body))
    return state.account.made.session(body["session_id"]), body


def _opened(state: State, video: Clip) -> Session:
    now, made = state.clock.now(), state.account.made
    width, height = frame_size("std", video.picture.ratio, state.options.scale)
    plain = VideoRecipe(video.picture, width, height, video.seconds)
    marked = VideoRecipe(video.picture, width, height, video.seconds, marked=True)
    files = (
        File("normalized.mp4", plain),
        File("preview.mp4", marked),
        File("cover.png", PictureRecipe(video.picture, width, height)),
        File("tracking.png", PictureRecipe(video.picture, width, height, mask=True)),
    )
    session = Session(made.next_session_id(), video, now, files=files)
    made.open(session)
    return session


def _masks(session: Session, frame: int) -> dict[str, Any]:
    """Return what the API says of one frame: an ellipse around each point."""
    picture = session.clip.picture
    height = max(1, round(_MASK_PIXELS / picture.ratio))
    marked = session.marks.get(frame, [])
    masks = [_mask(number, point, _MASK_PIXELS, height) for number, point in enumerate(marked)]
    return {"status": 0, "res": {"frame_index": frame, "rle_mask_list": masks}}


def _mask(number: int, point: Mapping[str, float], width: int, height: int) -> dict[str, Any]:
    across = np.linspace(0, 1, width)[None, :] - point["x"]
    down = np.linspace(0, 1, height)[:, None] - point["y"]
    inside = across**2 + down**2 < _RADIUS**2
    stream = io.BytesIO()
    Image.fromarray(inside.astype(np.uint8) * 255).save(stream, "PNG")
    size = [height, width]
    return {
        "object_id": number,
        "rle_mask": {"size": size, "counts": "".join(_run_lengths(inside))},
        "png_mask": {"size": size, "base64": base64.b64encode(stream.getvalue()).decode()},
    }


def _run_lengths(inside: np.ndarray[Any, np.dtype[np.bool_]]) -> Iterator[str]:
    """Write a mask as the COCO format does: lengths of runs down the columns, beginning with what is outside.

    From the third on, a run is written as its difference from the last but one, in groups of five bits.
    """
    runs = [(value, len(list(group))) for value, group in itertools.groupby(inside.T.ravel().tolist())]
    lengths = [length for _, length in runs]
    if runs[0][0]:
        lengths.insert(0, 0)
    for index, length in enumerate(lengths):
        value = length - (lengths[index - 2] if index > 2 else 0)  # noqa: PLR2004 - see above
        more = True
        while more:
            bits = value & 0x1F
            value >>= 5
            more = value != (-1 if bits & 0x10 else 0)
            yield chr(bits + (0x20 if more else 0) + 48)

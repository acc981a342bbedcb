# SPDX-License-Identifier: Apache-2.0
"""The calls that create no job: presets, deletes, and marks of elements in a video before it is edited."""

from __future__ import annotations

import base64
import io
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from ..artifacts import ELEMENTS, PRESETS, VOICES, EditSession
from ..clock import milliseconds
from ..errors import invalid_value
from ..media.inputs import MediaLimits
from ..media.specs import ImageSpec, OutputFile, ResultEntry, VideoInfo, VideoSpec
from ..media.video import FPS, frame_size
from ..spec.rules import VIDEO_FORMATS, exactly_one, first_video
from ..spec.schema import Check, ValidationState, array, number, object_, string, video, video_id
from ..spec.validation import parse_json
from ..state import EmulatorState
from ..task import EmulatedTask, Status
from ..wire import Request, Response
from .tasks import VOICE_PAGE_SIZES, Handler, parse_page

_VIDEO = MediaLimits(VIDEO_FORMATS, (2, 10), (720, 2160), rates=(24, 30, 60))
_GAP = (5.1, 6.9)
_MAX_FRAMES = 10
_MASK_PIXELS = 256
_RADIUS = 0.12
_UNIT = number(0, 1)
_OPEN = object_(video_id=video_id(_VIDEO), video_url=video(_VIDEO))
_SESSION = object_("session_id", session_id=string())
_MARK = object_(
    "session_id",
    "frame_index",
    "points",
    session_id=string(),
    frame_index=number(0, whole=True),
    points=array(object_("x", "y", x=_UNIT, y=_UNIT), 1, 10),
)


async def _init_selection(state: EmulatorState, request: Request, request_id: str) -> Response:
    validation = _validation_state(state)
    body = _OPEN(validation, "", parse_json(request.body))
    video = first_video(validation.media)
    if violation := exactly_one("video_id", "video_url")(body, validation.media):
        raise invalid_value(violation)
    if video is None or _GAP[0] < video.seconds < _GAP[1]:
        raise invalid_value("video duration must be in [2s, 5s] or [7s, 10s]")
    session = _open_session(state, video)
    image, now = video.image, state.clock.now()
    data = {
        "status": 0,
        "session_id": session.session_id,
        "fps": FPS,
        "original_duration": round(video.seconds * 1000),
        "width": image.width,
        "height": image.height,
        "total_frame": round(video.seconds * FPS),
        "normalized_video": session.files[0],
    }
    signed = state.serializer.with_signed_urls(data, session.session_id, now, request.base_url)
    return state.envelope.data(signed, request_id)


async def _add_selection(state: EmulatorState, request: Request, request_id: str) -> Response:
    session, body = _session(state, request, _MARK)
    frame, points = body["frame_index"], body["points"]
    if frame >= round(session.video.seconds * FPS):
        raise invalid_value(f"frame_index {frame} is after the last frame")
    if frame not in session.marks and len(session.marks) >= _MAX_FRAMES:
        raise invalid_value(f"the number of marked frames cannot exceed {_MAX_FRAMES} in total")
    session.marks.setdefault(frame, []).extend(points)
    return state.envelope.data(_masks(session, frame), request_id)


async def _delete_selection(state: EmulatorState, request: Request, request_id: str) -> Response:
    session, body = _session(state, request, _MARK)
    frame = body["frame_index"]
    marked = session.marks.get(frame, [])
    for point in body["points"]:
        if point not in marked:
            raise invalid_value(f"point ({point['x']}, {point['y']}) was not added to frame {frame}")
        marked.remove(point)
    if not marked:
        session.marks.pop(frame, None)
    return state.envelope.data(_masks(session, frame), request_id)


async def _clear_selection(state: EmulatorState, request: Request, request_id: str) -> Response:
    session, _ = _session(state, request, _SESSION)
    session.marks.clear()
    return state.envelope.data({"status": 0, "session_id": session.session_id}, request_id)


async def _preview_selection(state: EmulatorState, request: Request, request_id: str) -> Response:
    session, _ = _session(state, request, _SESSION)
    if not session.marks:
        raise invalid_value("no selection has been added")
    _, video, cover, tracking = session.files
    data = {"res": {"video": video, "video_cover": cover, "tracking_output": tracking}}
    signed = state.serializer.with_signed_urls(data, session.session_id, state.clock.now(), request.base_url)
    return state.envelope.data(signed, request_id)


def _validation_state(state: EmulatorState) -> ValidationState:
    return ValidationState(state.validation.library, state.account.artifacts, strict=state.options.strict)


def _session(state: EmulatorState, request: Request, kind: Check) -> tuple[EditSession, dict[str, Any]]:
    body = kind(_validation_state(state), "", parse_json(request.body))
    return state.account.artifacts.session(body["session_id"]), body


def _open_session(state: EmulatorState, video: VideoInfo) -> EditSession:
    now, artifacts = state.clock.now(), state.account.artifacts
    width, height = frame_size("std", video.image.ratio, state.options.scale)
    plain = VideoSpec(video.image, width, height, video.seconds)
    marked = VideoSpec(video.image, width, height, video.seconds, watermarked=True)
    files = (
        OutputFile("normalized.mp4", plain),
        OutputFile("preview.mp4", marked),
        OutputFile("cover.png", ImageSpec(video.image, width, height)),
        OutputFile("tracking.png", ImageSpec(video.image, width, height, mask=True)),
    )
    session = EditSession(artifacts.next_session_id(), video, now, files=files)
    artifacts.open(session)
    return session


def _masks(session: EditSession, frame: int) -> dict[str, Any]:
    """Return the masks of one frame: an ellipse around each point."""
    image = session.video.image
    height = max(1, round(_MASK_PIXELS / image.ratio))
    marked = session.marks.get(frame, [])
    masks = [_mask(number, point, _MASK_PIXELS, height) for number, point in enumerate(marked)]
    return {"status": 0, "res": {"frame_index": frame, "rle_mask_list": masks}}


def _mask(number: int, point: Mapping[str, float], width: int, height: int) -> dict[str, Any]:
    x_offset = np.linspace(0, 1, width)[None, :] - point["x"]
    y_offset = np.linspace(0, 1, height)[:, None] - point["y"]
    inside = x_offset**2 + y_offset**2 < _RADIUS**2
    stream = io.BytesIO()
    Image.fromarray(inside.astype(np.uint8) * 255).save(stream, "PNG")
    size = [height, width]
    return {
        "object_id": number,
        "rle_mask": {"size": size, "counts": "".join(_run_lengths(inside))},
        "png_mask": {"size": size, "base64": base64.b64encode(stream.getvalue()).decode()},
    }


def _run_lengths(inside: np.ndarray[Any, np.dtype[np.bool_]]) -> Iterator[str]:
    """Write a mask as the COCO format does: lengths of runs down the columns, beginning outside the mask.

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


def _list_presets(items: tuple[ResultEntry, ...], sizes: range) -> Handler:
    """List presets, each as the result of a task."""

    async def list_(state: EmulatorState, request: Request, request_id: str) -> Response:
        page_number, size = parse_page(request, "pageNum"), parse_page(request, "pageSize", sizes, 30)
        now = milliseconds(state.clock.now())
        page = items[(page_number - 1) * size : page_number * size]
        tasks = [
            {
                "task_id": f"preset-{item.array}-{index}",
                "task_status": Status.SUCCEED,
                "created_at": now,
                "updated_at": now,
                "task_result": {
                    item.array: [
                        state.serializer.with_signed_urls(
                            item.values, PRESETS, state.clock.now(), request.base_url
                        ),
                    ]
                },
            }
            for index, item in enumerate(page)
        ]
        return state.envelope.listed([json.dumps(task).encode() for task in tasks], request_id)

    return list_


def _delete_resource(array: str, field: str) -> Handler:
    kind = object_(field, **{field: string()})

    async def delete(state: EmulatorState, request: Request, request_id: str) -> Response:
        body = kind(
            ValidationState(state.validation.library, state.account.artifacts), "", parse_json(request.body)
        )
        job = state.account.artifacts.delete(array, body[field])
        _mark_deleted(job)
        state.serializer.discard(job)
        response = {"task_id": f"{job.task_id}8", "task_status": Status.SUCCEED}
        return state.envelope.data(response, request_id)

    return delete


def _mark_deleted(job: EmulatedTask) -> None:
    # Deleted elements stay visible with their status; deleted voices do not.
    job.items = tuple(
        replace(item, values={**item.values, "status": "deleted"})
        for item in job.items
        if item.array == "elements"
    )


_delete_element = _delete_resource("elements", "element_id")

HANDLERS: Mapping[tuple[str, str], Handler] = {
    ("GET", "/v1/general/presets-voices"): _list_presets(VOICES, VOICE_PAGE_SIZES),
    ("GET", "/v1/general/advanced-presets-elements"): _list_presets(ELEMENTS, range(1, 501)),
    ("POST", "/v1/general/delete-voices"): _delete_resource("voices", "voice_id"),
    ("POST", "/v1/general/delete-advanced-elements"): _delete_element,
    ("POST", "/v1/general/delete-elements"): _delete_element,
    **{
        ("POST", f"/v1/videos/multi-elements/{name}"): handler
        for name, handler in (
            ("init-selection", _init_selection),
            ("add-selection", _add_selection),
            ("delete-selection", _delete_selection),
            ("clear-selection", _clear_selection),
            ("preview-selection", _preview_selection),
        )
    },
}

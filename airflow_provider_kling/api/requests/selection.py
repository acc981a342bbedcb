# SPDX-License-Identifier: Apache-2.0
"""Calls that mark elements in a video before it is edited.

They are declared like endpoints, so that an operator derives its parameters from them too, but are no part of
the registry: there is nothing to submit, to wait for or to look up.
"""

# No deferred annotations in modules of models: pydantic would have to evaluate each one again at import.
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field

from ..endpoint import Endpoint, ResultType
from .base import KlingObject, KlingRequest
from .field_types import Id, UnitInterval, video
from .rules import Rule, exactly_one

INIT_SELECTION = "/v1/videos/multi-elements/init-selection"
ADD_SELECTION = "/v1/videos/multi-elements/add-selection"
DELETE_SELECTION = "/v1/videos/multi-elements/delete-selection"
CLEAR_SELECTION = "/v1/videos/multi-elements/clear-selection"
PREVIEW_SELECTION = "/v1/videos/multi-elements/preview-selection"

EditedVideo = Annotated[
    str,
    replace(
        video(2, 10, megabytes=None, min_side=720, max_side=2160),
        rates=(24, 30, 60),
        seconds_between=(5, 7),
    ),
    Field(min_length=1),
]
"""A video: public URL, or an object-storage URI whose filesystem can sign URLs. mp4 or mov, 2 to 5 s
or 7 to 10 s, 24, 30 or 60 fps."""


class SelectionPoint(KlingObject):
    """A point of a frame; the origin is its upper left corner."""

    x: UnitInterval = Field(description="Share of the width, 0 to 1.")
    y: UnitInterval = Field(description="Share of the height, 0 to 1.")


FrameIndex = Annotated[int, Field(ge=0, lt=2**31, description="Number of the frame, from 0.")]
Points = Annotated[
    list[SelectionPoint],
    Field(
        min_length=1,
        max_length=10,
        description="1 to 10 points {'x', 'y'} of the element, as shares of width and height.",
    ),
]


class InitSelection(KlingRequest):
    """Body of ``init-selection``: open a session on the video to edit."""

    video_id: Id | None = Field(None, description="Id of a video that Kling made, at most 30 days old.")
    video_url: EditedVideo | None = Field(
        None, description="Your own video: mp4 or mov, 2 to 5 s or 7 to 10 s, 720 to 2,160 px a side."
    )

    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("video_id", "video_url"),)


class AddSelection(KlingRequest):
    """Body of ``add-selection``: mark an element in one frame; at most 10 frames a session."""

    session_id: Id = Field(description="Session of init-selection.")
    frame_index: FrameIndex
    points: Points


class DeleteSelection(AddSelection):
    """Body of ``delete-selection``: take back points, with the coordinates they were added with."""


class ClearSelection(KlingRequest):
    """Body of ``clear-selection``: take back all points."""

    session_id: Id = Field(description="Session of init-selection.")


class PreviewSelection(ClearSelection):
    """Body of ``preview-selection``: have the marked elements shown in a video."""


class MarkedFrame(KlingObject):
    """One frame and the points that mark an element in it."""

    frame_index: FrameIndex
    points: Points


class SelectElements(InitSelection):
    """What to mark in a video, with all calls at once: ``init``, ``add`` for each frame, ``preview``."""

    frames: Annotated[list[MarkedFrame], Field(max_length=10)] | None = Field(
        None,
        description="Frames to mark {'frame_index', 'points': [{'x', 'y'}]}, at most 10; points are shares of"
        " width and height. To swap or remove needs one, to add none.",
    )
    preview: bool = Field(False, description="Whether to also make a video that shows what is marked.")


SELECT_ELEMENTS = Endpoint(
    INIT_SELECTION, SelectElements, ResultType.VIDEOS, synchronous=True, external_id=False, listable=False
)
"""The first of several calls; the request holds what all of them need."""

# SPDX-License-Identifier: Apache-2.0
"""Mark elements in a video before ``videos/multi-elements`` swaps or removes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..api.selection import (
    ADD_SELECTION,
    CLEAR_SELECTION,
    DELETE_SELECTION,
    INIT_SELECTION,
    PREVIEW_SELECTION,
    AddSelection,
    ClearSelection,
    DeleteSelection,
    InitSelection,
    PreviewSelection,
)
from ..exceptions import JobState, KlingRequestInvalid, KlingServerError
from .calls import checked_call, data_of

if TYPE_CHECKING:
    from ..api.request import KlingRequest
    from .client import KlingClient

Points = Sequence[Mapping[str, float]]


class Selection:
    """The calls that mark elements; all answer at once.

    None of them is repeated here when its answer is lost: the vendor's price list does not mention them, but
    their answers have a field for a charge.

    :param client: client of the account.
    """

    def __init__(self, client: KlingClient) -> None:
        self._client = client

    def init(self, *, video_id: str | None = None, video_url: str | None = None) -> dict[str, Any]:
        """Open a session on the video to edit; it lives for 24 hours.

        :param video_id: id of a video that Kling made, at most 30 days old.
        :param video_url: address of your own: mp4 or mov, 2 to 5 s or 7 to 10 s, 720 to 2,160 px a side.
        :return: ``session_id``, ``fps``, ``original_duration`` (ms), ``width``, ``height``, ``total_frame``
            and ``normalized_video``, the address of the video as Kling reads it.
        :raises KlingRequestInvalid: the video cannot be used.
        """
        data = self._ask(INIT_SELECTION, InitSelection, video_id=video_id, video_url=video_url)
        if not data.get("session_id"):
            raise KlingServerError(f"The answer to POST {INIT_SELECTION} holds no session_id.")
        return data

    def add(self, session_id: str, frame_index: int, points: Points) -> dict[str, Any]:
        """Mark an element in one frame; at most 10 frames a session.

        :param session_id: session of :meth:`init`.
        :param frame_index: number of the frame, from 0.
        :param points: 1 to 10 points ``{"x", "y"}`` of the element, as shares of width and height.
        :return: ``frame_index`` and ``rle_mask_list``: what was found there, a mask for each object.
        """
        return self._masks(
            ADD_SELECTION, AddSelection, session_id=session_id, frame_index=frame_index, points=points
        )

    def delete(self, session_id: str, frame_index: int, points: Points) -> dict[str, Any]:
        """Take back points of one frame, with the coordinates they were added with; else like :meth:`add`."""
        return self._masks(
            DELETE_SELECTION, DeleteSelection, session_id=session_id, frame_index=frame_index, points=points
        )

    def clear(self, session_id: str) -> None:
        """Take back all points of a session."""
        self._ask(CLEAR_SELECTION, ClearSelection, session_id=session_id)

    def preview(self, session_id: str) -> dict[str, Any]:
        """Have the marked elements shown.

        :return: addresses: ``video``, ``video_cover`` and ``tracking_output``, the masks of each frame.
        """
        return self._masks(PREVIEW_SELECTION, PreviewSelection, session_id=session_id)

    def _masks(self, path: str, model: type[KlingRequest], **values: Any) -> dict[str, Any]:
        found = self._ask(path, model, **values).get("res")
        return dict(found) if isinstance(found, Mapping) else {}

    def _ask(self, path: str, model: type[KlingRequest], **values: Any) -> dict[str, Any]:
        data = data_of(self._client.send(checked_call(path, model, values)))
        status = data.get("status")
        if status not in (None, "", 0, "0"):
            raise KlingRequestInvalid(
                f"POST {path}: Kling cannot work with what it was given (rejection code {status}).",
                job=JobState.NOT_CREATED,
            )
        return data

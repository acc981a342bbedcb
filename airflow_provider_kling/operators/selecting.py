# SPDX-License-Identifier: Apache-2.0
"""Mark elements in a video, call after call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..exceptions import JobState, KlingRequestInvalid
from ..order import validated
from .call import KlingCallOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

_LONGEST_SHORT_CLIP = 6000
"""Milliseconds. Videos last 2 to 5 s or 7 to 10 s, so it need not be exact."""


class SelectingOperator(KlingCallOperator):
    """Open a session on a video and mark elements in its frames."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the calls in order and return what ``videos/multi-elements`` needs to know of them."""
        from ..media import prepare_media

        prepared = prepare_media(validated(self.endpoint, self.request_values()))
        for warning in prepared.warnings:
            self.log.warning("%s", warning)
        body, selection = prepared.body, self.hook.selection
        session = selection.init(video_id=body.get("video_id"), video_url=body.get("video_url"))
        session_id = str(session["session_id"])
        self.log.info("Session %s is open for 24 hours", session_id)
        marked = [
            self._found(frame["frame_index"], selection.add(session_id, **frame))
            for frame in body.get("frames", ())
        ]
        result = {"session_id": session_id, **_of_video(session), "frames": marked}
        return {**result, "preview": selection.preview(session_id)} if body.get("preview") else result

    def _found(self, frame_index: int, found: Mapping[str, Any]) -> dict[str, Any]:
        masks = found.get("rle_mask_list")
        if not masks:
            raise KlingRequestInvalid(
                f"Kling finds nothing at the points of frame {frame_index}: choose others. A point is a "
                "share of width and height, from the upper left corner.",
                job=JobState.NOT_CREATED,
            )
        objects = [mask.get("object_id") for mask in masks if isinstance(mask, Mapping)]
        self.log.info("Frame %s: marked objects %s", frame_index, objects)
        # The masks themselves are pictures of megabytes: nothing for an XCom.
        return {"frame_index": frame_index, "objects": objects}


def _of_video(session: Mapping[str, Any]) -> dict[str, Any]:
    names = ("fps", "original_duration", "width", "height", "total_frame")
    facts = {name: session[name] for name in names if name in session}
    length = facts.get("original_duration")
    if isinstance(length, int | float):
        facts["duration"] = "5" if length <= _LONGEST_SHORT_CLIP else "10"
    return facts

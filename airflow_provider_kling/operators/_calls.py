# SPDX-License-Identifier: Apache-2.0
"""The base of operators whose calls make no job: there is nothing to submit, to wait for or to store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..api.requests.actions import DELETE_VOICE
from ..exceptions import JobState, KlingRequestInvalid
from ..inputs.prepared_request import validate_request
from ..utils.redaction import sanitize_text
from ..version_compat import BaseOperator
from ._constructor import build_constructor
from ._hook_mixin import KlingHookMixin
from ._redacted_templates import RedactedTemplateMixin

if TYPE_CHECKING:
    from ..version_compat import Context


class KlingCallOperator(KlingHookMixin, RedactedTemplateMixin, BaseOperator):
    """Make calls that answer at once.

    :param kling_conn_id: id of a connection of type ``kling``.
    """

    ui_color = "#d7f5e9"
    template_fields: Sequence[str] = ("kling_conn_id",)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "endpoint" in vars(cls):
            build_constructor(cls, KlingCallOperator)

    def __init__(self, *, kling_conn_id: str = "kling_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kling_conn_id = kling_conn_id


class DeleteResourceOperator(KlingCallOperator):
    """Delete a voice or an element of the account; one that does not exist is fine."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Delete the voice or element.

        :param context: Airflow's context of the running task.
        :return: its id, and ``deleted``: whether it existed.
        """
        library = self.hook.voices if self.endpoint is DELETE_VOICE else self.hook.elements
        name = library.kind.id_field
        resource_id = self.request_values()[name]
        return {name: resource_id, "deleted": library.delete(resource_id)}


_MAX_SHORT_VIDEO = 6000
"""Milliseconds. Videos last 2 to 5 s or 7 to 10 s, so it need not be exact."""

_MAX_LOGGED = 300


class SelectElementsOperator(KlingCallOperator):
    """Open a session on a video and mark elements in its frames."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Open a session and mark the elements.

        :param context: Airflow's context of the running task.
        :return: ``session_id``, facts about the video and ``frames``, for ``videos/multi-elements``; with
            ``preview`` also the URLs of a preview.
        :raises KlingRequestInvalid: Kling finds nothing at a point.
        """
        from ..inputs.resolve import resolve_inputs

        prepared = resolve_inputs(validate_request(self.endpoint, self.request_values()))
        for warning in prepared.warnings:
            self.log.warning("%s", warning)
        body, selection = prepared.body, self.hook.selection
        session = selection.init(video_id=body.get("video_id"), video_url=body.get("video_url"))
        session_id = str(session["session_id"])
        self.log.info("Session %s is open for 24 hours", sanitize_text(session_id, _MAX_LOGGED))
        marked = [
            self._mark_frame(frame["frame_index"], selection.add(session_id, **frame))
            for frame in body.get("frames", ())
        ]
        result = {"session_id": session_id, **_video_facts(session), "frames": marked}
        return {**result, "preview": selection.preview(session_id)} if body.get("preview") else result

    def _mark_frame(self, frame_index: int, found: Mapping[str, Any]) -> dict[str, Any]:
        masks = found.get("rle_mask_list")
        if not masks:
            raise KlingRequestInvalid(
                f"Kling finds nothing at the points of frame {frame_index}: choose others. A point is a "
                "share of width and height, from the upper left corner.",
                job=JobState.NOT_CREATED,
            )
        objects = [mask.get("object_id") for mask in masks if isinstance(mask, Mapping)]
        self.log.info("Frame %s: marked objects %s", frame_index, sanitize_text(str(objects), _MAX_LOGGED))
        # The masks themselves are images of megabytes: nothing for an XCom.
        return {"frame_index": frame_index, "objects": objects}


def _video_facts(session: Mapping[str, Any]) -> dict[str, Any]:
    names = ("fps", "original_duration", "width", "height", "total_frame")
    facts = {name: session[name] for name in names if name in session}
    length = facts.get("original_duration")
    if isinstance(length, int | float):
        facts["duration"] = "5" if length <= _MAX_SHORT_VIDEO else "10"
    return facts

# SPDX-License-Identifier: Apache-2.0
"""The base of operators that make synchronous calls, which create no job."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..api.templating import is_templated
from ..exceptions import JobState, KlingRequestInvalid
from ..inputs.prepared_request import validate_request
from ..utils.redaction import sanitize_text
from ..version_compat import BaseOperator
from ._constructor import build_constructor
from ._hook_mixin import KlingHookMixin
from ._parameters import read_conn_id
from ._templates import RedactedTemplateMixin

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from ..hooks.resources import ResourceClient
    from ..version_compat import Context


class KlingCallOperator(KlingHookMixin, RedactedTemplateMixin, BaseOperator):
    """Make synchronous calls.

    :param kling_conn_id: id of a connection of type ``kling``.
    """

    ui_color = "#d7f5e9"
    template_fields: Sequence[str] = ("kling_conn_id",)
    endpoint: ClassVar[Endpoint]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "endpoint" in vars(cls):
            build_constructor(cls, KlingCallOperator)

    def __init__(self, *, kling_conn_id: str = "kling_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not is_templated(kling_conn_id):
            read_conn_id(self.task_id, "kling_conn_id", kling_conn_id)
        self.kling_conn_id = kling_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Make the calls of the endpoint.

        :param context: Airflow's context of the running task.
        :return: what the docstring of the class describes.
        :raises KlingError: a call was refused or had no answer.
        """
        self.check_rendered()
        fields = self.endpoint.request.model_fields
        for each in self.unresolved:
            if len(each.path) == 1 and each.name in fields and fields[each.name].is_required():
                raise KlingRequestInvalid(
                    f"{each}. Check the task and the key that it names. Task {self.task_id!r}.",
                    job=JobState.NOT_CREATED,
                )
        return _calls()[self.endpoint.slug](self)


def _delete_voice(operator: KlingCallOperator) -> dict[str, Any]:
    return _delete(operator, operator.hook.voices)


def _delete_element(operator: KlingCallOperator) -> dict[str, Any]:
    return _delete(operator, operator.hook.elements)


def _delete(operator: KlingCallOperator, resources: ResourceClient) -> dict[str, Any]:
    name = resources.kind.id_field
    values = operator.request_values()
    resource_id = getattr(validate_request(operator.endpoint, values), name)
    # A number stays one: only ids are checked here, and JSON holds both.
    id_value = values[name] if isinstance(values[name], int) else resource_id
    return {name: id_value, "deleted": resources.delete(resource_id)}


_MAX_SHORT_VIDEO = 6000
"""Milliseconds. Videos last 2 to 5 s or 7 to 10 s, so it need not be exact."""

_MAX_LOGGED = 300


def _select_elements(operator: KlingCallOperator) -> dict[str, Any]:
    from ..inputs.resolve import resolve_inputs

    prepared = resolve_inputs(validate_request(operator.endpoint, operator.request_values()))
    for warning in prepared.warnings:
        operator.log.warning("%s", warning)
    body, selection = prepared.body, operator.hook.selection
    session = selection.init(video_id=body.get("video_id"), video_url=body.get("video_url"))
    session_id = str(session["session_id"])
    operator.log.info("Session %s is open for 24 hours", sanitize_text(session_id, _MAX_LOGGED))
    marked = []
    for frame in body.get("frames", ()):
        index = frame["frame_index"]
        objects = _object_ids(index, selection.add(session_id, **frame))
        operator.log.info("Frame %s: marked objects %s", index, sanitize_text(str(objects), _MAX_LOGGED))
        # The masks are images of megabytes, too large for an XCom.
        marked.append({"frame_index": index, "objects": objects})
    result = {"session_id": session_id, **_video_facts(session), "frames": marked}
    return {**result, "preview": selection.preview(session_id)} if body.get("preview") else result


def _object_ids(frame_index: int, response: Mapping[str, Any]) -> list[Any]:
    masks = response.get("rle_mask_list")
    if not masks:
        raise KlingRequestInvalid(
            f"Kling finds nothing at the points of frame {frame_index}: choose others. A point is a "
            "share of width and height, from the upper left corner.",
            job=JobState.NOT_CREATED,
        )
    return [mask.get("object_id") for mask in masks if isinstance(mask, Mapping)]


def _video_facts(session: Mapping[str, Any]) -> dict[str, Any]:
    names = ("fps", "original_duration", "width", "height", "total_frame")
    facts = {name: session[name] for name in names if name in session}
    length = facts.get("original_duration")
    if isinstance(length, int | float):
        facts["duration"] = "5" if length <= _MAX_SHORT_VIDEO else "10"
    return facts


def _calls() -> Mapping[str, Callable[[KlingCallOperator], dict[str, Any]]]:
    # A DAG file that makes videos imports this module, and needs none of these requests.
    from ..api.requests.library import DELETE_ELEMENT, DELETE_VOICE
    from ..api.requests.video_editing import SELECT_ELEMENTS

    return {
        DELETE_VOICE.slug: _delete_voice,
        DELETE_ELEMENT.slug: _delete_element,
        SELECT_ELEMENTS.slug: _select_elements,
    }

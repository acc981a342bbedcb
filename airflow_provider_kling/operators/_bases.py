# SPDX-License-Identifier: Apache-2.0
"""The bases of operators that submit no jobs: calls that create none, and storage of results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from ..api.templating import is_templated
from ..exceptions import JobState, KlingRequestInvalid
from ..inputs.prepared_request import validate_request
from ..utils.redaction import sanitize_text
from ..version_compat import BaseOperator
from ._constructor import build_constructor
from ._hook_mixin import KlingHookMixin
from ._parameters import invalid_parameter, read_conn_id, read_endpoint, read_number, read_path
from ._templates import RedactedTemplateMixin, RenderingMixin

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from ..hooks.resources import ResourceClient
    from ..version_compat import Context


class StoringOperator(KlingHookMixin, RenderingMixin, BaseOperator):
    """Store results; submit no job.

    :param output_path: where to store the files.
    :param kling_conn_id: id of a connection of type ``kling``.
    """

    ui_color = "#d7f5e9"

    def __init__(self, *, output_path: Any, kling_conn_id: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if output_path is not None:
            from ..results.operator_result import check_installed_for

            check_installed_for(self.task_id, output_path)
        self.output_path = output_path
        if not is_templated(kling_conn_id):
            read_conn_id(self.task_id, "kling_conn_id", kling_conn_id)
        self.kling_conn_id = kling_conn_id
        if not is_templated(output_path):
            read_path(self.task_id, "output_path", output_path)

    def reject(self, name: str, rule: str) -> NoReturn:
        """Fail because of the value of a parameter.

        :param name: the parameter.
        :param rule: which values are valid.
        :raises KlingRequestInvalid: always.
        """
        invalid_parameter(self.task_id, name, getattr(self, name), rule)

    def read_endpoint_parameter(
        self, name: str, value: Any, allowed: Callable[[Endpoint], bool], rule: str
    ) -> Endpoint:
        """Return the endpoint that a parameter names.

        :param name: the parameter.
        :param value: the endpoint or its slug.
        :param allowed: returns whether the endpoint is valid.
        :param rule: why it is invalid, as words that can follow its name.
        :return: the endpoint.
        :raises KlingRequestInvalid: there is no such endpoint, or it is invalid.
        """
        endpoint = read_endpoint(self.task_id, name, value)
        return endpoint if allowed(endpoint) else self.reject(name, f"another endpoint: {endpoint} {rule}")

    def check_output_path(self) -> None:
        """Check the output path first.

        :raises KlingRequestInvalid: it is empty, relative, or on a storage that cannot be used.
        """
        self.check_rendered()
        from ..results.operator_result import validate_output_path

        validate_output_path(read_path(self.task_id, "output_path", self.output_path), write=False)

    def read_number_parameter(self, name: str, low: float, high: float, rule: str) -> float:
        """Return a parameter that must be a number within limits; templates render it as text.

        :param name: the parameter.
        :param low: minimum.
        :param high: maximum.
        :param rule: which values are valid.
        :return: the number.
        :raises KlingRequestInvalid: it is not.
        """
        return read_number(self.task_id, name, getattr(self, name), rule, minimum=low, maximum=high)


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

# SPDX-License-Identifier: Apache-2.0
"""The account's voices and elements: listed, found by name, deleted; marks of elements in a video."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..api.endpoint import Endpoint
from ..api.http import MAX_PAGE_SIZE, ApiRequest
from ..api.refusal_words import finds_no_resource
from ..api.requests.base import KlingRequest
from ..api.requests.library import (
    CUSTOM_ELEMENTS,
    CUSTOM_VOICES,
    DELETE_ELEMENT,
    DELETE_VOICE,
    PRESET_ELEMENTS,
    PRESET_VOICES,
)
from ..api.requests.video_editing import (
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
from ..api.response_values import id_text
from ..api.task import KlingTask, TaskStatus, list_rows, parse_task
from ..exceptions import (
    JobState,
    KlingError,
    KlingRequestInvalid,
    KlingServerError,
    KlingTaskNotFound,
)
from ..utils.redaction import sanitize_text
from .responses import build_validated_request, response_data

if TYPE_CHECKING:
    from .client import KlingClient


_log = logging.getLogger(__name__)

_MAX_PAGES = 1000
"""Highest page number that the API takes."""

_NOT_FOUND_CODES = frozenset((1201, 1203))
_NOT_FOUND_STATUSES = frozenset((404, 410))
_MAX_ID_LENGTH = 100


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One kind of resource.

    :param noun: its name, from which those of its fields are made.
    :param endpoint: the endpoint whose jobs make it; it also lists the account's own.
    :param presets: path that lists the vendor's own.
    :param delete: the call that deletes one.
    """

    noun: str
    endpoint: Endpoint
    presets: str
    delete: Endpoint

    @property
    def id_field(self) -> str:
        """Name of the field that holds the id."""
        return f"{self.noun}_id"

    @property
    def name_field(self) -> str:
        """Name of the field that holds the name."""
        return f"{self.noun}_name"


VOICES = ResourceType("voice", CUSTOM_VOICES, PRESET_VOICES, DELETE_VOICE)
ELEMENTS = ResourceType("element", CUSTOM_ELEMENTS, PRESET_ELEMENTS, DELETE_ELEMENT)


class ResourceClient:
    """The resources of one kind that an account can use.

    :param kind: voices or elements.
    :param client: client of the account.
    """

    def __init__(self, kind: ResourceType, client: KlingClient) -> None:
        self.kind = kind
        self._client = client

    def create(self, request: KlingRequest | Mapping[str, Any]) -> KlingTask:
        """Start the job that makes a resource with one POST, which is never repeated.

        ``KlingHook.wait`` waits for it. In a DAG the operators do both, and submit exactly once.

        :param request: the request, or its JSON body as it is to be sent.
        :return: the task.
        """
        return self._client.create(self.kind.endpoint, request)

    def own(self) -> Iterator[dict[str, Any]]:
        """Yield the account's own resources, without deleted ones.

        :return: resources as the API describes them.
        """
        return self._listed(self.kind.endpoint.path)

    def presets(self) -> Iterator[dict[str, Any]]:
        """Yield the resources that the vendor offers to all accounts.

        :return: resources as the API describes them.
        """
        return self._listed(self.kind.presets)

    def find(self, name: str) -> dict[str, Any] | None:
        """Find a resource by its name.

        Names need not be unique: the account's own come before presets, and those listed first before
        others.

        :param name: the name.
        :return: the resource as the API describes it; ``None`` when there is none.
        """
        for items in (self.own(), self.presets()):
            for item in items:
                if item.get(self.kind.name_field) == name:
                    return item
        return None

    def delete(self, resource_id: str | int) -> bool:
        """Delete one of the account's own resources. It is no error if it does not exist.

        :param resource_id: its id.
        :return: whether it existed. Also false when the answer to a first request was lost and it was sent
            again.
        :raises KlingRequestInvalid: the id is invalid, or Kling refuses to delete it.
        :raises KlingServerError: Kling does not say that it has deleted this one.
        """
        delete = self.kind.delete
        call = build_validated_request(delete.path, delete.request, {self.kind.id_field: str(resource_id)})
        try:
            # Deleting changes something, but twice is the same as once: it may be asked for again.
            response = self._client.read(call)
        except (KlingRequestInvalid, KlingTaskNotFound) as error:
            if not self._does_not_exist(error):
                raise
            _log.info("There is no %s %s: nothing to delete", self.kind.noun, resource_id)
            return False
        self._check_deleted(str(resource_id), response)
        _log.info("Deleted %s %s", self.kind.noun, resource_id)
        return True

    def _does_not_exist(self, error: KlingError) -> bool:
        # Gateways and proxies have no code of Kling's, and send 404 for a wrong path as well.
        own = error.code in _NOT_FOUND_CODES
        return (own or error.http_status in _NOT_FOUND_STATUSES) and finds_no_resource(
            error.message, self.kind.noun, named=not own
        )

    def _check_deleted(self, resource_id: str, response: Mapping[str, Any]) -> None:
        """Fail if the answer to a deletion says that it failed, or is about another resource."""
        named = id_text(response_data(response).get(self.kind.id_field))
        if named and not _is_same_id(named, resource_id):
            raise KlingServerError(
                f"Retry to delete {self.kind.noun} {resource_id}: the response is about another one, "
                f"{sanitize_text(named, _MAX_ID_LENGTH)}."
            )
        task = parse_task(response)
        if task and task.status is TaskStatus.FAILED:
            raise KlingServerError(
                f"Kling did not delete {self.kind.noun} {resource_id}; a retry asks again: "
                f"{task.message or 'no reason given'}."
            )

    def _listed(self, path: str) -> Iterator[dict[str, Any]]:
        seen: set[tuple[str, ...]] = set()
        for page in range(1, _MAX_PAGES + 1):
            params = {"pageNum": str(page), "pageSize": str(MAX_PAGE_SIZE)}
            response = self._client.read(ApiRequest("GET", path, params=params))
            # A list of one may be an object.
            records = list_rows(response) or [response]
            rows = [self._row(task) for record in records if (task := parse_task(record))]
            # A host may give smaller pages than asked for, or the same page again and again.
            new = [(key, items) for key, items in rows if key not in seen]
            if not new:
                return
            seen.update(key for key, _ in new)
            yield from (item for _, items in new for item in items if not _is_deleted(item))

    def _row(self, task: KlingTask) -> tuple[tuple[str, ...], list[dict[str, Any]]]:
        found = task.result.get(self.kind.endpoint.result, [])
        # What has no id cannot be used, and not deleted either.
        items = [item for item in found if id_text(item.get(self.kind.id_field))]
        return (task.task_id, *(str(item.get(self.kind.id_field)) for item in items)), items


def _is_same_id(named: str, asked: str) -> bool:
    """Whether two ids are the same one; JavaScript rounds the last digits of long numbers."""
    if named.isdecimal() and asked.isdecimal():
        return float(named) == float(asked)
    return named == asked


def _is_deleted(item: Mapping[str, Any]) -> bool:
    return str(item.get("status")).strip().lower() == "deleted"


Points = Sequence[Mapping[str, float]]


class ElementSelectionClient:
    """Mark elements in a video; all requests are answered at once.

    None of them is retried when its answer is lost: the vendor's price list does not mention them, but their
    answers have a field for a charge.

    :param client: client of the account.
    """

    def __init__(self, client: KlingClient) -> None:
        self._client = client

    def init(self, *, video_id: str | None = None, video_url: str | None = None) -> dict[str, Any]:
        """Open a session on the video to edit; it lives for 24 hours.

        :param video_id: id of a video that Kling made, at most 30 days old.
        :param video_url: URL of your own: mp4 or mov, 2 to 5 s or 7 to 10 s, 720 to 2,160 px per side.
        :return: ``session_id``, ``fps``, ``original_duration`` (ms), ``width``, ``height``, ``total_frame``
            and ``normalized_video``, the URL of the video as Kling reads it.
        :raises KlingRequestInvalid: Kling cannot use the video.
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
        """Remove points of one frame.

        :param session_id: session of :meth:`init`.
        :param frame_index: number of the frame, from 0.
        :param points: the points as they were added.
        :return: like :meth:`add`.
        """
        return self._masks(
            DELETE_SELECTION, DeleteSelection, session_id=session_id, frame_index=frame_index, points=points
        )

    def clear(self, session_id: str) -> None:
        """Remove all points of a session.

        :param session_id: session of :meth:`init`.
        """
        self._ask(CLEAR_SELECTION, ClearSelection, session_id=session_id)

    def preview(self, session_id: str) -> dict[str, Any]:
        """Render a preview of the marked elements.

        :param session_id: session of :meth:`init`.
        :return: URLs: ``video``, ``video_cover`` and ``tracking_output``, the masks of each frame.
        """
        return self._masks(PREVIEW_SELECTION, PreviewSelection, session_id=session_id)

    def _masks(self, path: str, model: type[KlingRequest], **values: Any) -> dict[str, Any]:
        found = self._ask(path, model, **values).get("res")
        return dict(found) if isinstance(found, Mapping) else {}

    def _ask(self, path: str, model: type[KlingRequest], **values: Any) -> dict[str, Any]:
        data = response_data(self._client.send(build_validated_request(path, model, values)))
        status = data.get("status")
        if status not in (None, "", 0, "0"):
            raise KlingRequestInvalid(
                f"Correct these values: Kling cannot use them (rejection code {status}, POST {path}).",
                job=JobState.NOT_CREATED,
            )
        return data

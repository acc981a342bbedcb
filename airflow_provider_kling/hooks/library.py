# SPDX-License-Identifier: Apache-2.0
"""The account's voices and elements: made by jobs, then kept, found by name and deleted."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..api.actions import DELETE_ELEMENT, DELETE_VOICE
from ..api.endpoint import Endpoint
from ..api.exchange import MAX_PAGE_SIZE, Call
from ..api.library import CUSTOM_ELEMENTS, CUSTOM_VOICES, PRESET_ELEMENTS, PRESET_VOICES
from ..api.request import KlingRequest
from ..api.task import Task, read_tasks
from ..exceptions import KlingRequestInvalid, KlingTaskNotFound
from .calls import checked_call

if TYPE_CHECKING:
    from .client import KlingClient

_log = logging.getLogger(__name__)

_MAX_PAGES = 1000
"""Highest page number that the API takes."""

_NO_SUCH = frozenset((1201, 1203))
_GONE = re.compile(r"not found|(not|n't) exist|no such|already (been )?deleted", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of resource.

    :param noun: what it is called; its fields are called after it.
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


VOICES = Kind("voice", CUSTOM_VOICES, PRESET_VOICES, DELETE_VOICE)
ELEMENTS = Kind("element", CUSTOM_ELEMENTS, PRESET_ELEMENTS, DELETE_ELEMENT)


class Library:
    """The resources of one kind that an account can use.

    :param kind: voices or elements.
    :param client: client of the account.
    """

    def __init__(self, kind: Kind, client: KlingClient) -> None:
        self.kind = kind
        self._client = client

    def create(self, request: KlingRequest | Mapping[str, Any]) -> Task:
        """Start the job that makes a resource: one POST, which is never repeated.

        ``KlingHook.wait`` waits for it. In a DAG the operators do both, and submit exactly once.

        :param request: the request, or its JSON body as it is to be sent.
        """
        body = request.wire() if isinstance(request, KlingRequest) else dict(request)
        return self._client.create(self.kind.endpoint, body)

    def own(self) -> Iterator[dict[str, Any]]:
        """Yield the account's own resources as the API describes them, without deleted ones."""
        return self._listed(self.kind.endpoint.path)

    def presets(self) -> Iterator[dict[str, Any]]:
        """Yield the resources that the vendor offers to everybody."""
        return self._listed(self.kind.presets)

    def find(self, name: str) -> dict[str, Any] | None:
        """Return the resource of a name, ``None`` when there is none.

        Names need not be unique: the account's own come before presets, and those listed first before
        others.
        """
        for items in (self.own(), self.presets()):
            for item in items:
                if item.get(self.kind.name_field) == name:
                    return item
        return None

    def delete(self, resource_id: str | int) -> bool:
        """Delete one of the account's own resources; one that does not exist is fine.

        :return: whether it was there. Also false when the answer to a first call was lost and the call was
            made again.
        :raises KlingRequestInvalid: the id cannot be one, or Kling refuses to delete it.
        """
        delete = self.kind.delete
        call = checked_call(delete.path, delete.request, {self.kind.id_field: str(resource_id)})
        try:
            # Deleting changes something, but twice is the same as once: it may be asked for again.
            self._client.read(call)
        except (KlingRequestInvalid, KlingTaskNotFound) as error:
            if error.code not in _NO_SUCH or not _GONE.search(str(error)):
                raise
            _log.info("There is no %s %s: nothing to delete", self.kind.noun, resource_id)
            return False
        _log.info("Deleted %s %s", self.kind.noun, resource_id)
        return True

    def _listed(self, path: str) -> Iterator[dict[str, Any]]:
        seen: set[tuple[str, ...]] = set()
        for page in range(1, _MAX_PAGES + 1):
            params = {"pageNum": str(page), "pageSize": str(MAX_PAGE_SIZE)}
            rows = [
                self._row(task) for task in read_tasks(self._client.read(Call("GET", path, params=params)))
            ]
            # A host may give smaller pages than asked for, or the same page again and again.
            new = [(key, items) for key, items in rows if key not in seen]
            if not new:
                return
            seen.update(key for key, _ in new)
            yield from (item for _, items in new for item in items if item.get("status") != "deleted")

    def _row(self, task: Task) -> tuple[tuple[str, ...], list[dict[str, Any]]]:
        items = task.result.get(self.kind.endpoint.result, [])
        return (task.task_id, *(str(item.get(self.kind.id_field)) for item in items)), items

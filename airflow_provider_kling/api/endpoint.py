# SPDX-License-Identifier: Apache-2.0
"""How one endpoint of the API is created, queried and read."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from .requests.base import KlingRequest


KLING_DOCUMENTATION = "Kling documentation"

_PATH_PARAM = re.compile(r"/?\{(\w+)\}")


def kling_page(title: str, date: str = "2026-09") -> str:
    """Name a page of the vendor's API documentation.

    :param title: the page's title.
    :param date: year and month of the version that was read.
    :return: text for :attr:`Endpoint.source`.
    """
    return f"{KLING_DOCUMENTATION}, {title} ({date})"


class ResultType(StrEnum):
    """The array of ``task_result`` that holds what an endpoint makes."""

    VIDEOS = "videos"
    IMAGES = "images"
    AUDIOS = "audios"
    VOICES = "voices"
    ELEMENTS = "elements"
    FACES = "faces"
    PRODUCT_VIDEOS = "product_videos"
    SUBBED_VIDEOS = "subbed_videos"


MEDIA_RESULTS = frozenset(ResultType) - {ResultType.VOICES, ResultType.ELEMENTS, ResultType.FACES}
"""Results that are files, not texts or entries of a library."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint of Kling's API, declared once; all else is derived from it.

    :param path: path of the create call, from ``/v1/`` on if it has one; queries are GETs of the same path. A
        name in braces is a field of the request that stands in the path instead of the body.
    :param request: model of the create call's body.
    :param result: the main array of the finished task's ``task_result``.
    :param synchronous: the create call itself answers with the result; there is no task to wait for.
    :param external_id: the task can be given an ``external_task_id`` and be looked up by it, which is
        what makes submitting exactly once possible.
    :param absence_proves: that a look-up by external id finds nothing proves that there is no job; not so
        where only a field note says that such a look-up exists.
    :param listable: ``GET path?pageNum&pageSize`` lists the account's tasks.
    :param tasks_path: path at which its tasks are queried by ids as parameters, several with one request;
        empty where a task has a path of its own.
    :param source: the document that its fields and limits are from.
    """

    path: str
    request: type[KlingRequest]
    result: ResultType
    synchronous: bool = False
    external_id: bool = True
    absence_proves: bool = True
    listable: bool = True
    tasks_path: str = ""
    source: str = KLING_DOCUMENTATION

    @property
    def slug(self) -> str:
        """The endpoint's public name: its path without ``/v1/`` and without what differs between requests."""
        return _slug(self.path)

    @property
    def ends_soon(self) -> bool:
        """Whether its jobs usually end within 15 seconds: to hand such a wait over takes as long."""
        return not self.synchronous and self.result in (ResultType.VOICES, ResultType.ELEMENTS)

    def create_call(self, body: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the path of a create call, and the JSON that is sent there.

        :param body: all fields of the request.
        :return: path and JSON body; fields that stand in the path are not in the body.
        :raises ValueError: a field that stands in the path is missing.
        """
        path, rest = self.path, dict(body)
        for name in _PATH_PARAM.findall(path):
            if not rest.get(name):
                raise ValueError(f"{self.slug}: {name} is not given; it stands in the path of the call")
            path = path.replace(f"{{{name}}}", quote(str(rest.pop(name)), safe=""))
        return path, self.request.to_body(rest)

    def task_path(self, task_id: str) -> str:
        """Return the path of the query for one task.

        :param task_id: Kling's id or, where the endpoint supports it, the external id.
        :return: the path, with the id quoted.
        """
        # A user's own id may hold anything; unquoted, "a#b" would ask for the job "a".
        return f"{self.path}/{quote(task_id, safe='')}"

    def __str__(self) -> str:
        return self.slug


@functools.cache
def _slug(path: str) -> str:
    # A DAG file asks for it several times for each of its tasks.
    return _PATH_PARAM.sub("", path.removeprefix("/v1/")).removeprefix("/")


def get_endpoint(endpoint: Endpoint | str) -> Endpoint:
    """Return the endpoint for a slug such as ``videos/image2video``; an endpoint is returned as it is.

    :param endpoint: slug or endpoint.
    :return: the endpoint.
    :raises ValueError: no endpoint has this slug.
    """
    if isinstance(endpoint, Endpoint):
        return endpoint
    from .registry import ENDPOINTS

    if endpoint not in ENDPOINTS:
        raise ValueError(f"endpoint is {endpoint!r}; it must be one of {', '.join(ENDPOINTS)}")
    return ENDPOINTS[endpoint]

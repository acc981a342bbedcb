# SPDX-License-Identifier: Apache-2.0
"""How one endpoint of the API is created, queried and read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .request import KlingRequest


KLING_DOCUMENTATION = "Kling documentation of 2026-09"


class Result(StrEnum):
    """The array of ``task_result`` that holds what an endpoint makes."""

    VIDEOS = "videos"
    IMAGES = "images"
    AUDIOS = "audios"
    VOICES = "voices"
    ELEMENTS = "elements"
    FACES = "faces"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint of Kling's API, declared once; all else is derived from it.

    :param path: path of the create call, from ``/v1/`` on; queries are GETs of the same path.
    :param request: model of the create call's body.
    :param result: the main array of the finished task's ``task_result``.
    :param synchronous: the create call itself answers with the result; there is no task to wait for.
    :param external_id: the task can be given an ``external_task_id`` and be looked up by it, which is
        what makes submitting exactly once possible.
    :param listable: ``GET path?pageNum&pageSize`` lists the account's tasks.
    :param source: the document that its fields and limits are from.
    """

    path: str
    request: type[KlingRequest]
    result: Result
    synchronous: bool = False
    external_id: bool = True
    listable: bool = True
    source: str = KLING_DOCUMENTATION

    @property
    def slug(self) -> str:
        """The endpoint's public name: its path without ``/v1/``."""
        return self.path.removeprefix("/v1/")

    def task_path(self, task_id: str) -> str:
        """Path of the query for one task, by its own id or (where supported) its external id."""
        return f"{self.path}/{task_id}"

    def __str__(self) -> str:
        return self.slug


def endpoint_of(endpoint: Endpoint | str) -> Endpoint:
    """Return the endpoint for a slug such as ``videos/image2video``; an endpoint is returned as it is.

    :raises ValueError: no endpoint has this slug.
    """
    if isinstance(endpoint, Endpoint):
        return endpoint
    from .registry import ENDPOINTS

    if endpoint not in ENDPOINTS:
        raise ValueError(f"endpoint is {endpoint!r}; it must be one of {', '.join(ENDPOINTS)}")
    return ENDPOINTS[endpoint]

# SPDX-License-Identifier: Apache-2.0
"""What the API wraps around its answers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Protocol

from .lifecycle import Job
from .refusal import Refusal
from .web import Answer


class Envelope(Protocol):
    """How one host writes answers.

    ``task`` and ``tasks`` get the official task objects as JSON.
    """

    def created(self, job: Job, task: bytes, request_id: str) -> Answer:
        """Answer a create call."""
        ...

    def queried(self, job: Job, task: bytes, request_id: str) -> Answer:
        """Answer a query for one task."""
        ...

    def listed(self, tasks: Iterable[bytes], request_id: str) -> Answer:
        """Answer a list call."""
        ...

    def data(self, data: Any, request_id: str) -> Answer:
        """Answer a call that is not about a task."""
        ...

    def refused(self, refusal: Refusal, request_id: str) -> Answer:
        """Answer a call that is not done."""
        ...


class Official:
    """``{"code": 0, "message": "SUCCEED", "request_id": …, "data": …}``."""

    def created(self, job: Job, task: bytes, request_id: str) -> Answer:
        """Answer a create call."""
        return _wrapped(task, request_id)

    def queried(self, job: Job, task: bytes, request_id: str) -> Answer:
        """Answer a query for one task."""
        return _wrapped(task, request_id)

    def listed(self, tasks: Iterable[bytes], request_id: str) -> Answer:
        """Answer a list call."""
        return _wrapped(b"[" + b",".join(tasks) + b"]", request_id)

    def data(self, data: Any, request_id: str) -> Answer:
        """Answer a call that is not about a task."""
        return _wrapped(json.dumps(data).encode(), request_id)

    def refused(self, refusal: Refusal, request_id: str) -> Answer:
        """Answer a call that is not done."""
        body = {"code": refusal.code, "message": refusal.message, "request_id": request_id}
        return Answer(json.dumps(body).encode(), refusal.status, headers=refusal.headers)


def _wrapped(data: bytes, request_id: str) -> Answer:
    head = f'{{"code":0,"message":"SUCCEED","request_id":"{request_id}","data":'.encode()
    return Answer(head + data + b"}")

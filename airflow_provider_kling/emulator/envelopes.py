# SPDX-License-Identifier: Apache-2.0
"""The envelopes in which hosts return task objects and errors."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Protocol

from .errors import ApiErrorResponse
from .options import Dialect
from .task import EmulatedTask
from .wire import Response


class Envelope(Protocol):
    """How one kind of host writes responses.

    ``task`` and ``tasks`` get the official task objects as JSON.
    """

    def created(self, job: EmulatedTask, task: bytes, request_id: str) -> Response:
        """Respond to a create call.

        :param job: the job.
        :param task: its task object as JSON.
        :param request_id: id of the request.
        :return: the response.
        """
        ...

    def queried(self, job: EmulatedTask, task: bytes, request_id: str) -> Response:
        """Respond to a query for one task.

        :param job: the job.
        :param task: its task object as JSON.
        :param request_id: id of the request.
        :return: the response.
        """
        ...

    def listed(self, tasks: Iterable[bytes], request_id: str) -> Response:
        """Respond to a list call.

        :param tasks: task objects as JSON.
        :param request_id: id of the request.
        :return: the response.
        """
        ...

    def data(self, data: Any, request_id: str) -> Response:
        """Respond to a call that is not about a task.

        :param data: JSON value of the response.
        :param request_id: id of the request.
        :return: the response.
        """
        ...

    def refused(self, error: ApiErrorResponse, request_id: str) -> Response:
        """Respond to a refused call.

        :param error: status, code and message.
        :param request_id: id of the request.
        :return: the response.
        """
        ...


class OfficialEnvelope(Envelope):
    """``{"code": 0, "message": "SUCCEED", "request_id": …, "data": …}``."""

    def created(self, job: EmulatedTask, task: bytes, request_id: str) -> Response:
        """Respond to a create call."""
        return _wrapped(task, request_id)

    def queried(self, job: EmulatedTask, task: bytes, request_id: str) -> Response:
        """Respond to a query for one task."""
        return _wrapped(task, request_id)

    def listed(self, tasks: Iterable[bytes], request_id: str) -> Response:
        """Respond to a list call."""
        return _wrapped(b"[" + b",".join(tasks) + b"]", request_id)

    def data(self, data: Any, request_id: str) -> Response:
        """Respond to a call that is not about a task."""
        return _wrapped(json.dumps(data).encode(), request_id)

    def refused(self, error: ApiErrorResponse, request_id: str) -> Response:
        """Respond to a refused call."""
        body = {"code": error.code, "message": error.message, "request_id": request_id}
        return Response(json.dumps(body).encode(), error.status, headers=error.headers)


def _wrapped(data: bytes, request_id: str) -> Response:
    head = f'{{"code":0,"message":"SUCCEED","request_id":"{request_id}","data":'.encode()
    return Response(head + data + b"}")


_UNAUTHORIZED = 401
_NOT_FOUND = 404
_WRAPPED_STATUS = {
    "submitted": ("SUBMITTED", "10%"),
    "processing": ("IN_PROGRESS", "50%"),
    "succeed": ("SUCCESS", "100%"),
    "failed": ("FAILURE", "100%"),
}
_OPENAI_STATUS = {
    "submitted": "queued",
    "processing": "in_progress",
    "succeed": "completed",
    "failed": "failed",
}


class CometApiEnvelope(OfficialEnvelope):
    """The official envelope, except for errors of the gateway itself."""

    def refused(self, error: ApiErrorResponse, request_id: str) -> Response:
        """Respond to a refused call."""
        if error.status in (_UNAUTHORIZED, _NOT_FOUND):
            return _openai_error(error, request_id)
        return super().refused(error, request_id)


class WrappedEnvelope(OfficialEnvelope):
    """``{"code": "success", "message": "", "data": {"status": …, "data": <the vendor's answer>}}``.

    The gateway has its own task ids; the vendor's, inside, cannot be queried here.
    """

    def created(self, job: EmulatedTask, task: bytes, request_id: str) -> Response:
        """Respond to a create call."""
        return _success(
            {"task_id": job.task_id, "action": _action(job), "status": "SUBMITTED", "progress": "0%"}
        )

    def queried(self, job: EmulatedTask, task: bytes, request_id: str) -> Response:
        """Respond to a query for one task."""
        inner = json.loads(task)
        status, progress = _WRAPPED_STATUS.get(inner["task_status"], (inner["task_status"].upper(), "50%"))
        official = {"code": 0, "message": "SUCCEED", "request_id": request_id}
        return _success(
            {
                "task_id": job.task_id,
                "action": _action(job),
                "status": status,
                "fail_reason": inner.get("task_status_msg", ""),
                "progress": progress,
                "data": {**official, "data": {**inner, "task_id": f"9{job.task_id}"}},
            }
        )

    def data(self, data: Any, request_id: str) -> Response:
        """Respond to a call that is not about a task."""
        return _success({"data": {"code": 0, "message": "SUCCEED", "request_id": request_id, "data": data}})

    def refused(self, error: ApiErrorResponse, request_id: str) -> Response:
        """Respond to a refused call, without the vendor's code."""
        if error.status == _UNAUTHORIZED:
            return _openai_error(error, request_id)
        body = {"code": "fail_to_fetch_task", "message": error.message, "data": None}
        return Response(json.dumps(body).encode(), error.status, headers=error.headers)


class OpenAIVideoEnvelope(OfficialEnvelope):
    """``{"id": …, "object": "video", "status": "completed", "metadata": {"url": …}}``."""

    def created(self, job: EmulatedTask, task: bytes, request_id: str) -> Response:
        """Respond to a create call."""
        return self.queried(job, task, request_id)

    def queried(self, job: EmulatedTask, task: bytes, request_id: str) -> Response:
        """Respond to a query for one task."""
        if not job.slug.startswith("videos/"):
            # The form is one for videos; all else passes through such a gateway as it is.
            return super().queried(job, task, request_id)
        inner = json.loads(task)
        status = inner["task_status"]
        video: dict[str, Any] = {
            "id": job.task_id,
            "task_id": job.task_id,
            "object": "video",
            "model": job.body.get("model_name", ""),
            "status": _OPENAI_STATUS.get(status, status),
            "progress": int(_WRAPPED_STATUS.get(status, ("", "50%"))[1].rstrip("%")),
            "created_at": inner["created_at"] // 1000,
        }
        if status in ("succeed", "failed"):
            video["completed_at"] = inner["updated_at"] // 1000
        if status == "failed":
            video["error"] = {"code": "task_failed", "message": inner["task_status_msg"]}
        if url := _first_url(inner.get("task_result", {})):
            video["metadata"] = {"url": url}
        return Response(json.dumps(video).encode())

    def refused(self, error: ApiErrorResponse, request_id: str) -> Response:
        """Respond to a refused call."""
        return _openai_error(error, request_id)


ENVELOPES: dict[Dialect, Envelope] = {
    Dialect.KLING: OfficialEnvelope(),
    Dialect.COMETAPI: CometApiEnvelope(),
    Dialect.GATEWAY: WrappedEnvelope(),
    Dialect.OPENAI_VIDEO: OpenAIVideoEnvelope(),
}


def _success(data: Any) -> Response:
    return Response(json.dumps({"code": "success", "message": "", "data": data}).encode())


def _openai_error(error: ApiErrorResponse, request_id: str) -> Response:
    details = {
        "message": f"{error.message} (request id: {request_id})",
        "type": "invalid_request_error",
        "param": None,
        "code": str(error.code),
    }
    return Response(json.dumps({"error": details}).encode(), error.status, headers=error.headers)


def _action(job: EmulatedTask) -> str:
    return job.slug.rpartition("/")[2].upper().replace("-", "_")


def _first_url(result: dict[str, list[dict[str, Any]]]) -> str | None:
    entries = [entry for entries in result.values() if isinstance(entries, list) for entry in entries]
    urls = [value for entry in entries for name, value in entry.items() if name.startswith("url")]
    return urls[0] if urls else None

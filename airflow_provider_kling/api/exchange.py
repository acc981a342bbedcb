# SPDX-License-Identifier: Apache-2.0
"""One exchange with the API: the call to make and how to read its answer. Sync and async code share both."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .endpoint import Endpoint
from .errors import ApiError, ErrorKind, classify

MAX_PAGE_SIZE = 500
"""Most tasks that the API lists on one page."""

_MAX_MESSAGE = 500
_TAG = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.DOTALL | re.IGNORECASE)
_URL_QUERY = re.compile(r"(https?://[^\s?\"'<>]+)\?[^\s\"'<>]+")
_HTTP_OK = range(200, 300)


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP call, relative to the connection's base address.

    :param method: HTTP method.
    :param path: path from ``/v1/`` or ``/account/`` on.
    :param body: JSON body of a POST.
    :param params: query parameters.
    """

    method: Literal["GET", "POST"]
    path: str
    body: Mapping[str, Any] | None = None
    params: Mapping[str, str] | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def create_call(endpoint: Endpoint, body: Mapping[str, Any]) -> Call:
    """Make the call that creates a task."""
    return Call("POST", endpoint.path, body=body)


def query_call(endpoint: Endpoint, task_id: str) -> Call:
    """Make the call that reads one task, by its id or external id."""
    return Call("GET", endpoint.task_path(task_id))


def list_call(endpoint: Endpoint, page: int, page_size: int) -> Call:
    """Make the call that lists tasks, newest first.

    :param page: page number from 1.
    :param page_size: tasks a page, 1 to 500.
    """
    return Call("GET", endpoint.path, params={"pageNum": str(page), "pageSize": str(page_size)})


def read_answer(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any] | ApiError:
    """Read an answer: its JSON object, or what is wrong.

    A success has an HTTP status of 2xx and no code other than 0: the API may refuse inside a 200.
    """
    payload = _json_object(body)
    if payload is None:
        return _not_json(status, headers, body)
    code, message = _code_and_message(payload)
    if status in _HTTP_OK and code in (0, None) and (not payload.get("error") or _is_task(payload)):
        return payload
    return ApiError(
        classify(status, code, message),
        status,
        code,
        _short(message) or "no message",
        str(payload["request_id"]) if payload.get("request_id") else None,
        _retry_after(headers),
    )


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _is_task(payload: dict[str, Any]) -> bool:
    # One gateway form puts a failed task's reason under "error", at the top level.
    return "status" in payload and ("task_id" in payload or "id" in payload)


def _code_and_message(payload: dict[str, Any]) -> tuple[int | None, str]:
    error = payload.get("error")
    if isinstance(error, dict):
        payload = {**payload, **error}
    code, message = payload.get("code"), payload.get("message") or error or ""
    if code in (None, "", "success"):
        return None, str(message)
    try:
        return int(code), str(message)
    except (TypeError, ValueError):
        return -1, f"{message} [{code}]" if message else str(code)


def _not_json(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """Describe the page of a proxy or a cut answer; on a 2xx nobody knows what happened behind it."""
    kind = ErrorKind.SERVER if status in _HTTP_OK else classify(status, None, "")
    text = _short(_TAG.sub(" ", body[:20_000].decode("utf-8", "replace"))) or "an empty answer"
    return ApiError(
        kind, status, None, f"not an answer of Kling's API but: {text}", None, _retry_after(headers)
    )


def _short(text: str) -> str:
    """Fit for logs: one line, of bounded length, signed addresses without their signature."""
    text = _URL_QUERY.sub(r"\1?…", " ".join(text.split()))
    return text if len(text) <= _MAX_MESSAGE else f"{text[:_MAX_MESSAGE]}…"


def _retry_after(headers: Mapping[str, str]) -> float | None:
    try:
        return max(0.0, float(headers.get("Retry-After", "")))
    except ValueError:
        return None

# SPDX-License-Identifier: Apache-2.0
"""One exchange with the API: the call to make and how to read its answer. Sync and async code share both."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Any, Literal

from .endpoint import Endpoint
from .errors import ApiError, ErrorKind, classify
from .readable import readable
from .task import Task, read_tasks

MAX_PAGE_SIZE = 500
"""Most tasks that the API lists on one page."""

MAX_BATCH = 20
"""Most ids that one query may name."""

_MAX_MESSAGE = 500
_MAX_REQUEST_ID = 100
_TAG = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.DOTALL | re.IGNORECASE)
_HTTP_OK = range(200, 300)
_REDIRECTS = range(300, 400)


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP call, relative to the connection's base address.

    :param method: HTTP method.
    :param path: path from ``/v1/`` or ``/account/`` on.
    :param body: JSON body of a POST.
    :param params: query parameters.
    :param makes_job: it makes a job, which costs money; other POSTs only ask or delete.
    """

    method: Literal["GET", "POST"]
    path: str
    body: Mapping[str, Any] | None = None
    params: Mapping[str, str] | None = None
    makes_job: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def create_call(endpoint: Endpoint, body: Mapping[str, Any]) -> Call:
    """Make the call that creates a task.

    :raises ValueError: a field that stands in the path is missing.
    """
    path, sent = endpoint.created_at(body)
    return Call("POST", path, body=sent, makes_job=True)


def query_calls(endpoint: Endpoint, task_id: str) -> list[Call]:
    """Make the calls that read one task, by its id or external id; a later one if those before find none."""
    if not endpoint.tasks:
        return [Call("GET", endpoint.task_path(task_id))]
    # Kling's own ids are numbers, but a user may have named a job by a number, too.
    kinds = (False, True) if task_id.isdecimal() else (True,)
    return [batch_call(endpoint, [task_id], external=external) for external in kinds]


def batch_call(endpoint: Endpoint, task_ids: Sequence[str], *, external: bool) -> Call:
    """Make the call that reads several tasks, of an endpoint that answers such calls.

    :param task_ids: 1 to 20 ids.
    :param external: whether they are external ids; one call takes but one kind.
    """
    name = "external_task_ids" if external else "task_ids"
    return Call("GET", endpoint.tasks, params={name: ",".join(task_ids)})


def batches(task_ids: Iterable[str]) -> list[tuple[bool, list[str]]]:
    """Sort ids into batches of one call each, each with whether its ids are taken for external ones."""
    kinds: dict[bool, list[str]] = {False: [], True: []}
    for task_id in task_ids:
        kinds[not task_id.isdecimal()].append(task_id)
    return [
        (external, idents[start : start + MAX_BATCH])
        for external, idents in kinds.items()
        for start in range(0, len(idents), MAX_BATCH)
    ]


def list_call(endpoint: Endpoint, page: int, page_size: int) -> Call:
    """Make the call that lists tasks, newest first.

    :param page: page number from 1.
    :param page_size: tasks a page, 1 to 500.
    """
    return Call("GET", endpoint.path, params={"pageNum": str(page), "pageSize": str(page_size)})


def pages_by_cursor(
    endpoint: Endpoint, page: int, page_size: int, starts: list[str]
) -> Generator[Call, Mapping[str, Any], list[Task]]:
    """Read a page of a list that is read by cursor: yields calls, gets their answers, returns the tasks.

    :param page: page number from 1.
    :param page_size: tasks a page, 1 to 500.
    :param starts: the cursors at which the pages begin, as far as is known; what is learnt is added.
    """
    if not starts:
        starts.append("")
    while True:
        at = min(page, len(starts))
        cursor = starts[at - 1]
        body = {"limit": page_size, **({"cursor": cursor} if cursor else {})}
        answer = yield Call("POST", endpoint.tasks, body=body)
        data = answer.get("data")
        following = data.get("next_cursor") if isinstance(data, Mapping) and data.get("has_more") else None
        if following and at == len(starts):
            starts.append(str(following))
        if at == page:
            return read_tasks(answer)
        if not following:
            return []


def read_answer(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any] | ApiError:
    """Read an answer: its JSON object, or what is wrong.

    A success has an HTTP status of 2xx and no code other than 0: the API may refuse inside a 200.
    """
    payload = _json_object(body)
    if payload is None:
        return _not_json(status, headers, body)
    code, message = _code_and_message(payload)
    if status in _HTTP_OK and (_is_task(payload) or (code in (0, None) and not payload.get("error"))):
        return payload
    return ApiError(
        classify(status, code, message),
        status,
        code,
        readable(message, _MAX_MESSAGE) or "no message",
        readable(str(payload.get("request_id") or ""), _MAX_REQUEST_ID) or None,
        _retry_after(headers),
    )


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _is_task(payload: dict[str, Any]) -> bool:
    # One gateway form puts a failed task's reason under "error", at the top level: it is no refusal.
    named = "status" in payload and ("task_id" in payload or "id" in payload)
    return named and payload.get("code") in (None, "", 0, "0", "success")


def _code_and_message(payload: dict[str, Any]) -> tuple[int | None, str]:
    error = payload.get("error")
    if isinstance(error, dict):
        payload = {**payload, **error}
    code, message = payload.get("code"), payload.get("message") or error or ""
    if code in (None, "", "success"):
        return None, str(message)
    try:
        return int(code), str(message)
    except (TypeError, ValueError, OverflowError):
        return -1, f"{message} [{code}]" if message else str(code)


def _not_json(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """Describe the page of a proxy or a cut answer; on a 2xx nobody knows what happened behind it."""
    kind = ErrorKind.SERVER if status in _HTTP_OK else classify(status, None, "")
    page = _TAG.sub(" ", body[:20_000].decode("utf-8", "replace"))
    text = readable(unescape(page), _MAX_MESSAGE) or "an empty answer"
    if status in _REDIRECTS and (target := _header(headers, "Location")):
        text = f"a redirect to {readable(target, _MAX_MESSAGE)}"
    return ApiError(
        kind, status, None, f"not an answer of Kling's API but: {text}", None, _retry_after(headers)
    )


def _header(headers: Mapping[str, str], name: str) -> str:
    # HTTP/2 and many proxies write names in lower case.
    return next((value for key, value in headers.items() if key.lower() == name.lower()), "")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that an answer asks to wait; it may name them or the time when they are over."""
    asked = _header(headers, "Retry-After")
    try:
        seconds = float(asked)
    except ValueError:
        seconds = _seconds_between(_header(headers, "Date"), asked)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _seconds_between(date: str, later: str) -> float:
    try:
        return (parsedate_to_datetime(later) - parsedate_to_datetime(date)).total_seconds()
    except (TypeError, ValueError):
        return math.nan

# SPDX-License-Identifier: Apache-2.0
"""Build the requests of the API and parse its responses; sync and async code share both."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Any, Literal

from ..utils.json_input import read_response_json
from ..utils.redaction import sanitize_text
from .endpoint import Endpoint
from .envelopes import iter_layers
from .errors import ApiError, ErrorKind, classify, read_refusal
from .polling import MAX_RETRY_AFTER
from .response_values import comparable_id, id_text, is_true
from .task import KlingTask, list_rows, parse_task, parse_task_list

MAX_PAGE_SIZE = 500
"""Most tasks that the API lists on one page."""

MAX_IDS_PER_QUERY = 20
"""Most ids that one query may name."""

MAX_EMPTY_PAGES = 20
"""Pages without a row in a row after which a list that says that it goes on is not followed."""

_MAX_MESSAGE = 500
_MAX_REQUEST_ID = 100
_TAG = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.DOTALL | re.IGNORECASE)
_HTTP_OK = range(200, 300)
_SUCCESS_WORDS = frozenset(("ok", "success", "succeed", "succeeded"))
_NO_ERROR_WORDS = frozenset(("", "0", "null", "none", *_SUCCESS_WORDS))
_REDIRECTS = range(300, 400)


class IncompleteListError(Exception):
    """A list says that there are more rows, and no cursor leads to them."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One HTTP call, relative to the connection's base URL.

    :param method: HTTP method.
    :param path: path from ``/v1/`` or ``/account/`` on.
    :param body: JSON body of a POST.
    :param params: query parameters.
    :param creates_task: the call creates a task, which costs money; other POSTs only query or delete.
    :param decides_payment: its answer decides whether a task is created and paid for.
    """

    method: Literal["GET", "POST"]
    path: str
    body: Mapping[str, Any] | None = None
    params: Mapping[str, str] | None = None
    creates_task: bool = False
    decides_payment: bool = False

    @property
    def needs_new_connection(self) -> bool:
        """Whether to send it on a connection that has carried nothing else.

        On one that is used again, what the server sends late or twice would be read as the answer to this.
        """
        return self.creates_task or self.decides_payment

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def create_request(endpoint: Endpoint, body: Mapping[str, Any]) -> ApiRequest:
    """Build the call that creates a task.

    :param endpoint: endpoint of the task.
    :param body: all fields of the request.
    :return: the call.
    :raises ValueError: a field that stands in the path is missing.
    """
    path, sent = endpoint.create_call(body)
    return ApiRequest("POST", path, body=sent, creates_task=True)


def get_task_requests(endpoint: Endpoint, task_id: str) -> list[ApiRequest]:
    """Build the calls that read one task; a later one is needed only if those before find none.

    :param endpoint: endpoint of the task.
    :param task_id: Kling's id or the external id.
    :return: one call or two, in the order of trying.
    """
    if not endpoint.tasks_path:
        return [ApiRequest("GET", endpoint.task_path(task_id))]
    # Kling's own ids are numbers, but a user may have named a job by a number, too.
    kinds = (False, True) if task_id.isdecimal() else (True,)
    return [get_tasks_request(endpoint, [task_id], external=external) for external in kinds]


def get_tasks_request(endpoint: Endpoint, task_ids: Sequence[str], *, external: bool) -> ApiRequest:
    """Build the call that reads several tasks, of an endpoint that supports it.

    :param endpoint: endpoint with a path for such queries.
    :param task_ids: 1 to 20 ids of one kind.
    :param external: the ids are external ids.
    :return: the call.
    """
    name = "external_task_ids" if external else "task_ids"
    return ApiRequest("GET", endpoint.tasks_path, params={name: ",".join(task_ids)})


def chunk_ids(task_ids: Iterable[str]) -> list[tuple[bool, list[str]]]:
    """Split ids into batches of one call each.

    :param task_ids: Kling's or external ids.
    :return: for each call: ``True`` if its ids are sent as external ids, and the ids.
    """
    ids_by_kind: dict[bool, list[str]] = {False: [], True: []}
    for task_id in task_ids:
        ids_by_kind[not task_id.isdecimal()].append(task_id)
    return [
        (external, idents[start : start + MAX_IDS_PER_QUERY])
        for external, idents in ids_by_kind.items()
        for start in range(0, len(idents), MAX_IDS_PER_QUERY)
    ]


def list_request(endpoint: Endpoint, page: int, page_size: int) -> ApiRequest:
    """Build the call that lists tasks, newest first.

    :param endpoint: endpoint of the tasks.
    :param page: page number from 1.
    :param page_size: tasks a page, 1 to 500.
    :return: the call.
    """
    return ApiRequest("GET", endpoint.path, params={"pageNum": str(page), "pageSize": str(page_size)})


def iter_cursor_pages(
    endpoint: Endpoint, page: int, page_size: int, cursors: list[str]
) -> Generator[ApiRequest, Mapping[str, Any], list[KlingTask]]:
    """Read one page of a list with cursors: yields calls, receives their answers, returns the tasks.

    An answer without a task that names the next cursor is not a page of its own: the next one is read.

    :param endpoint: endpoint of the tasks.
    :param page: page number from 1.
    :param page_size: tasks a page, 1 to 500.
    :param cursors: cursors at which the known pages begin; new ones are added.
    :return: generator of calls; its return value is the tasks of the page, none after the last page.
    :raises IncompleteListError: the page before says that there are more tasks, and names no way to them.
    """
    if not cursors:
        cursors.append("")
    known, empty_pages = set(cursors), 0
    while True:
        at = min(page, len(cursors))
        cursor = cursors[at - 1]
        body = {"limit": page_size, **({"cursor": cursor} if cursor else {})}
        response = yield ApiRequest("POST", endpoint.tasks_path, body=body)
        tasks = parse_task_list(response)
        if at < len(cursors):
            return tasks
        try:
            following = next_cursor(response.get("data"), known)
        except IncompleteListError:
            if tasks and at == page:
                # Whether the rest can be reached is asked for when the next page is.
                return tasks
            raise
        known.add(following)
        if following and not tasks and (empty_pages := empty_pages + 1) <= MAX_EMPTY_PAGES:
            cursors[-1] = following
            continue
        if following and not tasks:
            raise IncompleteListError
        if following:
            cursors.append(following)
        if at == page or not following:
            return tasks if at == page else []


def next_cursor(data: Any, known: Collection[str]) -> str:
    """Return the cursor of the page that follows in a list.

    :param data: ``data`` of the answer.
    :param known: cursors that were used before.
    :return: the cursor; empty after the last page.
    :raises IncompleteListError: the answer says that there are more rows; its cursor is missing or was used.
    """
    page_info = data if isinstance(data, Mapping) else {}
    following = id_text(page_info.get("next_cursor"))
    is_new = bool(following) and following not in known
    goes_on = page_info.get("has_more")
    if not (is_new if goes_on is None else is_true(goes_on)):
        return ""
    if not is_new:
        raise IncompleteListError
    return following


def select_task(
    payload: Mapping[str, Any], task_id: str, *, by_external_id: bool, strict: bool
) -> KlingTask | Literal["other"] | None:
    """Read the task that was asked for: never the first of several, never another one.

    :param payload: the answer.
    :param task_id: the id or external id that was asked for.
    :param by_external_id: it is an external id.
    :param strict: the host answers with the id that it was asked by; a gateway may give an id of its own.
    :return: the task; ``"other"`` if the answer speaks of other tasks only; ``None`` if it holds none.
    """
    rows = list_rows(payload)
    listed = bool(rows)
    other = False
    requested_id = comparable_id(task_id)
    for record in rows or [payload]:
        task = parse_task(record)
        if task is None:
            continue
        named = task.external_task_id
        ids = _ids_in(record)
        if requested_id in ids or requested_id == comparable_id(named or ""):
            return task
        if not listed and _is_rounded(record, task_id):
            # A query for one job names it in its path; among several another one could be as near.
            return replace(task, task_id=task_id)
        other_external_id = by_external_id and bool(named)
        other_id = bool(ids) and not by_external_id and (strict or listed)
        if other_external_id or other_id or (listed and len(rows) > 1):
            other = True
            continue
        return task
    return "other" if other else None


def _ids_in(record: Mapping[str, Any]) -> set[str]:
    """Return the ids that a record gives itself, at any depth of its envelope."""
    return {
        comparable_id(text)
        for layer in iter_layers(record)
        for name in ("task_id", "id")
        if (text := id_text(layer.get(name)))
    }


def _is_rounded(record: Mapping[str, Any], task_id: str) -> bool:
    """Whether the id of a record is the float that is nearest to the id that was asked for, in JavaScript."""
    layer = record.get("data", record)
    if not isinstance(layer, Mapping) or not (task_id.isascii() and task_id.isdecimal()):
        return False
    number = layer.get("task_id", layer.get("id"))
    return isinstance(number, float) and number == float(task_id)


def parse_response(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any] | ApiError:
    """Parse an HTTP answer into its JSON object or an error.

    A success has an HTTP status of 2xx and no code other than 0: the API may refuse inside a 200.

    :param status: HTTP status.
    :param headers: HTTP headers.
    :param body: bytes of the answer.
    :return: the JSON object of a success, or the error.
    """
    payload = _json_object(body)
    payload = _bare_task_list(status, body) if payload is None else payload
    if payload is None:
        return _non_json_error(status, headers, body)
    if status in _HTTP_OK and _is_success(payload, status):
        return payload
    stated = read_refusal(payload, headers)
    return ApiError(
        classify(status, stated.code, stated.message),
        status,
        stated.code,
        sanitize_text(stated.message, _MAX_MESSAGE) or "no message",
        sanitize_text(stated.request_id, _MAX_REQUEST_ID) or None,
        retry_after(headers),
    )


def is_json_object(body: bytes) -> bool:
    """Return whether an answer is a JSON object, as all answers of the API are.

    :param body: bytes of the answer.
    :return: ``True`` if it is one.
    """
    return _json_object(body) is not None


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        value = read_response_json(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _bare_task_list(status: int, body: bytes) -> dict[str, Any] | None:
    """Return the tasks of a list without an envelope. An empty one says nothing: it may be a proxy's."""
    try:
        rows = read_response_json(body) if status in _HTTP_OK else None
    except ValueError:
        return None
    named = isinstance(rows, list) and rows and all(isinstance(row, dict) and _is_named(row) for row in rows)
    return {"data": rows} if named else None


def _is_named(row: Mapping[str, Any]) -> bool:
    return any(id_text(row.get(name)) for name in ("task_id", "id"))


def _is_task(payload: dict[str, Any]) -> bool:
    # One gateway form puts a failed task's reason under "error", at the top level: it is no refusal.
    return "status" in payload and ("task_id" in payload or "id" in payload)


def _is_success(payload: dict[str, Any], status: int) -> bool:
    if not _is_success_code(payload.get("code"), status) or payload.get("success") is False:
        return False
    return _is_task(payload) or not _is_meaningful(payload.get("error"))


def _is_success_code(code: Any, status: int) -> bool:
    """Return whether a code says that all went well: gateways write 200 or a word for Kling's 0."""
    if isinstance(code, str):
        word = code.strip().lower()
        return word in _SUCCESS_WORDS or word.strip("0") == "" or word == str(status)
    return code is None or code in (0, status)


def _is_meaningful(error: Any) -> bool:
    """Return whether an error is more than a form with nothing in it."""
    if isinstance(error, str):
        return error.strip().lower() not in _NO_ERROR_WORDS
    parts = error.values() if isinstance(error, Mapping) else error if isinstance(error, list) else ()
    return any(map(_is_meaningful, parts)) if isinstance(error, Mapping | list) else bool(error)


def _non_json_error(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """Describe the page of a proxy or a cut answer; on a 2xx the outcome is unknown."""
    kind = ErrorKind.SERVER if status in _HTTP_OK else classify(status, None, "")
    sent = body[:20_000].decode("utf-8", "replace")
    page = _TAG.sub(" ", sent)
    # A page is a proxy's; plain words may be those of the vendor that a gateway hands on. Of its words only
    # these count: any others, such as "task not found", must not say that there is no job.
    if page == sent and classify(status, None, sent) is ErrorKind.CONTENT:
        kind = ErrorKind.CONTENT
    text = sanitize_text(unescape(page), _MAX_MESSAGE) or "an empty answer"
    if status in _REDIRECTS and (target := _header(headers, "Location")):
        text = f"a redirect to {sanitize_text(target, _MAX_MESSAGE)}"
    return ApiError(
        kind, status, None, f"not a response of Kling's API but: {text}", None, retry_after(headers)
    )


def _header(headers: Mapping[str, str], name: str) -> str:
    # HTTP/2 and many proxies write names in lower case.
    return next((value for key, value in headers.items() if key.lower() == name.lower()), "")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that an answer asks to wait; it may name them or the time when they are over.

    :param headers: the answer's headers.
    :return: seconds from now, ``None`` where the answer does not name any.
    """
    value = _header(headers, "Retry-After")
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_between(_header(headers, "Date"), value)
    return min(max(0.0, seconds), MAX_RETRY_AFTER) if math.isfinite(seconds) else None


def _seconds_between(date: str, later: str) -> float:
    try:
        return (parsedate_to_datetime(later) - parsedate_to_datetime(date)).total_seconds()
    except (TypeError, ValueError):
        return math.nan

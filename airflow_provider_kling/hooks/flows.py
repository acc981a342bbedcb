# SPDX-License-Identifier: Apache-2.0
"""The requests of both clients as generators: create, get, find and list tasks, retry reads, renew tokens.

A flow yields commands (an :class:`.ApiRequest` to send, a :class:`Sleep` or a :class:`Call`) and gets each
answer back, so that the synchronous and the asynchronous client run the same code.

:func:`build_raw_request` makes requests for which the hook has no method: checked for safety, sent as
they are.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from ..api.account import CASH_LEDGER, UNIT_LEDGER
from ..api.endpoint import Endpoint
from ..api.hosts import format_for_host
from ..api.http import (
    ApiRequest,
    IncompleteListError,
    create_request,
    get_task_requests,
    get_tasks_request,
    iter_cursor_pages,
    list_request,
)
from ..api.requests.base import KlingRequest
from ..api.response_values import comparable_id
from ..api.task import KlingTask, parse_task_list
from ..exceptions import (
    JobState,
    KlingError,
    KlingRateLimited,
    KlingRequestInvalid,
    KlingServerError,
    KlingTaskNotFound,
)
from .connection import KlingSettings
from .responses import (
    TokenRejected,
    incomplete_list_error,
    parse_or_raise,
    parse_requested_task,
    parse_task_or_raise,
    wrong_task_error,
)

T = TypeVar("T")
HttpResponse = tuple[int, Mapping[str, str], bytes]
"""Status, headers and body."""

READ_ATTEMPTS = 5
"""How often a read is sent at most."""

MAX_DELAY = 60.0
"""Most seconds between two tries of one read, whatever the server asks for."""

_FIRST_DELAY, _MAX_BACKOFF = 0.5, 15.0
_CURSOR_SECONDS = 60.0

_READ_ONLY_PATHS = frozenset(("/tasks", "/solutions", UNIT_LEDGER, CASH_LEDGER))
"""POSTs that change nothing: lists that are read by cursor."""

_METHODS = ("GET", "POST")


@dataclass(frozen=True, slots=True)
class Sleep:
    """Command: wait.

    :param seconds: how long.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class Call:
    """Command: call a function of the sender that runs the flow.

    :param function: called without arguments; the asynchronous client awaits what it returns.
    """

    function: Callable[[], Any]


Command = ApiRequest | Sleep | Call
Flow = Generator[Command, Any, T]
"""Yields commands, gets an :data:`HttpResponse` for each request, and returns a result."""


def is_retryable(error: BaseException) -> bool:
    """Return whether the same read may succeed a moment later.

    :param error: what the read has raised.
    :return: whether to try again.
    """
    return isinstance(error, KlingServerError | KlingRateLimited)


def retry_delay(error: KlingError, attempt: int) -> float:
    """Return how long to wait before a read is sent again.

    :param error: what the read has raised; its ``retry_after`` is respected up to :data:`MAX_DELAY`.
    :param attempt: how often the read was sent.
    :return: seconds; without ``retry_after`` random, growing with each attempt.
    """
    if error.retry_after:
        return min(float(error.retry_after), MAX_DELAY)
    return random.uniform(0, min(_MAX_BACKOFF, _FIRST_DELAY * 2.0 ** (attempt - 1)))  # noqa: S311


def send(settings: KlingSettings, request: ApiRequest) -> Flow[dict[str, Any]]:
    """Send a request once; a second time only where a new token is all that was missing.

    :param settings: the connection.
    :param request: what to send.
    :return: the JSON object of the answer.
    :raises KlingError: refused or unanswered.
    """
    try:
        return parse_or_raise(settings, request, *(yield request))
    except TokenRejected as refusal:
        if not settings.credentials.refresh():
            raise refusal.error from None
    try:
        return parse_or_raise(settings, request, *(yield request))
    except TokenRejected as refusal:
        raise refusal.error from None


def read(settings: KlingSettings, request: ApiRequest) -> Flow[dict[str, Any]]:
    """Send a request that changes nothing, and retry it while that can help.

    :param settings: the connection.
    :param request: what to send.
    :return: the JSON object of the answer.
    :raises KlingError: refused or unanswered.
    """
    for attempt in range(1, READ_ATTEMPTS):
        try:
            return (yield from send(settings, request))
        except KlingError as error:
            if not is_retryable(error):
                raise
            delay = retry_delay(error, attempt)
        yield Sleep(delay)
    return (yield from send(settings, request))


def create(
    settings: KlingSettings, endpoint: Endpoint, body: KlingRequest | Mapping[str, Any]
) -> Flow[KlingTask]:
    """Create a task with one POST, which is never repeated: it costs money.

    :param settings: the connection.
    :param endpoint: the endpoint.
    :param body: a request, which is written as the host expects it, or a JSON body as it is to be sent.
    :return: the task.
    :raises KlingRequestInvalid: a field that stands in the path is missing.
    :raises KlingError: refused or unanswered; its ``job`` says whether a task may exist.
    """
    if isinstance(body, KlingRequest):
        body = format_for_host(endpoint.slug, settings.dialect.name, body.wire())
    try:
        request = create_request(endpoint, body)
    except ValueError as error:
        raise KlingRequestInvalid(f"{error}.", job=JobState.NOT_CREATED) from None
    task = parse_task_or_raise(request, (yield from send(settings, request)))
    asked, named = (
        comparable_id(str(each or "")) for each in (body.get("external_task_id"), task.external_task_id)
    )
    # A gateway may have its own id for the job, and cannot be asked which is which.
    if settings.dialect.name == "kling" and asked and named and asked != named:
        raise wrong_task_error(request, asked)
    return task


def get_task(
    settings: KlingSettings,
    endpoint: Endpoint,
    task_id: str,
    *,
    retry: bool = True,
    by_external_id: bool = False,
    decides_payment: bool = False,
) -> Flow[KlingTask]:
    """Read one task by its id or external id.

    :param settings: the connection.
    :param endpoint: the endpoint that made it.
    :param task_id: Kling's id, or the external id where the endpoint supports it.
    :param retry: retry the read while that can help.
    :param by_external_id: ``task_id`` is an external id: a task with another one is not it.
    :param decides_payment: a task is created if there is none.
    :return: the task.
    :raises KlingTaskNotFound: there is none.
    """
    send_request = read if retry else send
    *first, last = [
        replace(request, decides_payment=decides_payment) for request in get_task_requests(endpoint, task_id)
    ]
    for request in first:
        with suppress(KlingTaskNotFound):
            return parse_requested_task(
                settings, request, (yield from send_request(settings, request)), task_id
            )
    return parse_requested_task(
        settings, last, (yield from send_request(settings, last)), task_id, by_external_id=by_external_id
    )


def get_tasks(
    settings: KlingSettings, endpoint: Endpoint, task_ids: Sequence[str], *, external: bool
) -> Flow[list[KlingTask]]:
    """Read those of several tasks that exist, with one request; not every endpoint supports it.

    :param settings: the connection.
    :param endpoint: the endpoint that made them.
    :param task_ids: 1 to 20 ids.
    :param external: whether they are external ids.
    :return: the tasks that exist.
    """
    request = get_tasks_request(endpoint, task_ids, external=external)
    return parse_task_list((yield from send(settings, request)))


def find_task(
    settings: KlingSettings, endpoint: Endpoint, external_task_id: str, *, by_external_id: bool = True
) -> Flow[KlingTask | None]:
    """Look a task up by its external id.

    :param settings: the connection.
    :param endpoint: the endpoint that made it.
    :param external_task_id: the external id.
    :param by_external_id: it is an external id; otherwise an id that the host gave.
    :return: the task; ``None`` when there is none.
    """
    try:
        return (
            yield from get_task(
                settings,
                endpoint,
                external_task_id,
                by_external_id=by_external_id,
                decides_payment=by_external_id,
            )
        )
    except KlingTaskNotFound:
        return None


def list_tasks(
    settings: KlingSettings, endpoint: Endpoint, page: int, page_size: int, cursors: ListCursors
) -> Flow[list[KlingTask]]:
    """List tasks, newest first; of an endpoint of API 2.0, those of all its endpoints.

    :param settings: the connection.
    :param endpoint: the endpoint.
    :param page: page number from 1.
    :param page_size: tasks a page, 1 to 500.
    :param cursors: the client's cursors.
    :return: the tasks of the page; none after the last one.
    :raises KlingServerError: the page before says that there are more tasks, and names no way to them.
    """
    if not endpoint.tasks_path:
        return parse_task_list((yield from read(settings, list_request(endpoint, page, page_size))))
    known = cursors.begin(endpoint.tasks_path, page, page_size)
    pages = iter_cursor_pages(endpoint, page, page_size, known)
    request = next(pages)
    while True:
        response = yield from read(settings, request)
        try:
            request = pages.send(response)
        except StopIteration as end:
            cursors.save(endpoint.tasks_path, page, page_size, known)
            return cast("list[KlingTask]", end.value)
        except IncompleteListError:
            raise incomplete_list_error(request, "Jobs") from None


@dataclass(slots=True)
class ListCursors:
    """The cursors of one listing, so that reading page after page costs one request each.

    Only the page that follows the one read last goes on from its cursor, and only for a minute: jobs made
    since would stand on no page at all.
    """

    _last: tuple[str, int, int] | None = None
    _cursors: list[str] = field(default_factory=list)
    _read_at: float = 0.0

    def begin(self, path: str, page: int, page_size: int) -> list[str]:
        """Return the known cursors for reading a page.

        :param path: path of the list.
        :param page: page number from 1.
        :param page_size: tasks a page.
        :return: the cursors at which pages begin; empty to start from page 1.
        """
        fresh = time.monotonic() - self._read_at < _CURSOR_SECONDS
        continues = self._last == (path, page - 1, page_size) and page == len(self._cursors)
        return list(self._cursors) if fresh and continues else []

    def save(self, path: str, page: int, page_size: int, cursors: list[str]) -> None:
        """Store the cursors of the page that was read last.

        :param path: path of the list.
        :param page: the page.
        :param page_size: tasks a page.
        :param cursors: the cursors at which pages begin.
        """
        self._last = (path, page, page_size)
        self._cursors, self._read_at = cursors, time.monotonic()


def build_raw_request(
    method: str, path: str, body: Mapping[str, Any] | None, params: Mapping[str, Any] | None
) -> ApiRequest:
    """Make a request for any path of the API.

    :param method: GET or POST.
    :param path: path from ``/v1/``, ``/account/`` and the like on.
    :param body: JSON of a POST.
    :param params: query parameters.
    :return: the request; a POST that is no list may create a job.
    :raises KlingRequestInvalid: such a request cannot be sent.
    """
    verb = method.strip().upper() if isinstance(method, str) else method
    if verb not in _METHODS:
        _raise_invalid("method", method, "expected GET or POST")
    # The key goes to the host of the connection only.
    if (
        not isinstance(path, str)
        or not path.startswith("/")
        or path.startswith("//")
        or not path.isprintable()
    ):
        _raise_invalid("path", path, "expected a path that begins with one /, such as /v1/videos/effects")
    if body is not None and not isinstance(body, Mapping):
        _raise_invalid("body", type(body).__name__, "expected a mapping")
    if verb == "GET" and body:
        _raise_invalid("body", "a mapping", "a GET has none; give query parameters as params")
    try:
        json.dumps(body, allow_nan=False)
    except (TypeError, ValueError) as error:
        _raise_invalid("body", type(body).__name__, f"it cannot be sent as JSON: {error}")
    query = {str(name): str(value) for name, value in (params or {}).items() if value is not None}
    return ApiRequest(
        "GET" if verb == "GET" else "POST",
        path,
        body=dict(body or {}) if verb == "POST" else None,
        params=query or None,
        creates_task=verb == "POST" and path.partition("?")[0].rstrip("/") not in _READ_ONLY_PATHS,
    )


def _raise_invalid(name: str, value: Any, rule: str) -> None:
    raise KlingRequestInvalid(f"Invalid value for {name!r}: {value!r}; {rule}.", job=JobState.NOT_CREATED)

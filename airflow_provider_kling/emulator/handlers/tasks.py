# SPDX-License-Identifier: Apache-2.0
"""The parameters of lists."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote

from ...api.endpoint import Endpoint, ResultType
from .. import errors
from ..errors import invalid_request, invalid_value
from ..spec import validation
from ..state import EmulatorState
from ..wire import Request, Response
from .tasks_v2 import list_v2, query_v2, require_api_key

PAGE_NUMBERS = range(1, 1001)
PAGE_SIZES = range(1, 501)
VOICE_PAGE_SIZES = range(1, 1001)
PAGE_SIZE = 30


def parse_page(call: Request, name: str, allowed: range = PAGE_NUMBERS, default: int = 1) -> int:
    """Parse an integer parameter of a list call.

    :param call: the request.
    :param name: name of the parameter.
    :param allowed: allowed values.
    :param default: value if it is not sent.
    :return: the value.
    :raises ApiErrorResponse: it is not allowed.
    """
    text = call.query.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or int(text) not in allowed:
        raise invalid_value(f"{name} must be in [{allowed[0]}, {allowed[-1]}], got {text}")
    return int(text)


Handler = Callable[[EmulatorState, Request, str], Awaitable[Response]]
"""Gets the state, the request and a request id."""


@dataclass(frozen=True, slots=True)
class Route:
    """A handler and the path under which its requests are counted.

    :param template: the path, with ``{id}`` for ids.
    :param handler: the handler.
    """

    template: str
    handler: Handler


Router = Callable[[str, str], Route | None]
"""Returns the route of a method and a path, if any."""


def build_router(
    endpoints: Mapping[str, Endpoint], others: Mapping[tuple[str, str], Handler], prefix: str = ""
) -> Router:
    """Build the look-up of routes.

    :param endpoints: the endpoints by public name.
    :param others: handlers of other calls by method and path.
    :param prefix: what all paths begin with, such as ``/kling``.
    :return: function that returns the route for a method and path, or ``None``.
    """
    exact = {
        (method, prefix + path): Route(prefix + path, handler) for (method, path), handler in others.items()
    }
    queries: dict[str, Endpoint] = {}
    for endpoint in endpoints.values():
        if endpoint.tasks:
            continue
        path = prefix + endpoint.path
        exact["POST", path] = Route(path, _create_handler(endpoint))
        if not endpoint.synchronous:
            queries[path] = endpoint
            if endpoint.listable:
                exact["GET", path] = Route(path, _list_handler(endpoint))
    # Gateways do not have what is newer than v1.
    newer = {} if prefix else {endpoint.path: endpoint for endpoint in endpoints.values() if endpoint.tasks}

    def find(method: str, path: str) -> Route | None:
        path = _plain(path)
        if route := exact.get((method, path)):
            return route
        parent, _, ident = path.rpartition("/")
        if method == "GET" and ident and parent in queries:
            return Route(f"{parent}/{{id}}", _get_handler(queries[parent], unquote(ident)))
        return _v2_route(newer, method, path)

    return find


def _plain(path: str) -> str:
    """Return a path without trailing or doubled slashes: the vendor's own examples and nodes send both."""
    return f"/{'/'.join(part for part in path.split('/') if part)}"


def _v2_route(newer: Mapping[str, Endpoint], method: str, path: str) -> Route | None:
    """Return the route of a call of API 2.0 or of a solution."""
    if path in {endpoint.tasks for endpoint in newer.values()}:
        return Route(path, partial(query_v2 if method == "GET" else list_v2, tasks=path))
    parent, _, model = path.rpartition("/")
    for template in (path, f"{parent}/{{model_name}}"):
        if method == "POST" and template in newer:
            return Route(template, _create_handler(newer[template], model))
    return None


def _create_handler(endpoint: Endpoint, model: str = "") -> Handler:
    async def create(state: EmulatorState, call: Request, request_id: str) -> Response:
        if endpoint.tasks:
            require_api_key(state, call)
        if not call.headers.get("content-type", "").lower().startswith("application/json"):
            raise invalid_request("Content-Type must be application/json")
        # In a thread: images are decoded, and one with a URL on this machine may even come from here.
        validated = await asyncio.to_thread(
            validation.validate_body, endpoint.slug, call.body, state.validation, model
        )
        await state.trouble.before_job(call, validated, len(state.account.jobs))
        job = state.account.make(endpoint, validated)
        state.callbacks.watch(job, call.base_url)
        await state.trouble.after_job(call)
        if endpoint.result is ResultType.FACES:
            faces = state.views.faces(job, call.base_url)
            return state.envelope.data(faces, request_id)
        if endpoint.synchronous:
            return state.envelope.queried(job, state.views.task(job, call.base_url), request_id)
        task = json.dumps(state.views.created_object(job, call.base_url)).encode()
        return state.envelope.created(job, task, request_id)

    return create


def _get_handler(endpoint: Endpoint, ident: str) -> Handler:
    async def query(state: EmulatorState, call: Request, request_id: str) -> Response:
        job = state.account.find(endpoint, ident)
        return state.envelope.queried(job, state.views.task(job, call.base_url), request_id)

    return query


def _list_handler(endpoint: Endpoint) -> Handler:
    async def listing(state: EmulatorState, call: Request, request_id: str) -> Response:
        if not state.options.dialect.lists or state.faults.fire("no_list"):
            return await unknown_method(state, call, request_id)
        number = parse_page(call, "pageNum")
        sizes = VOICE_PAGE_SIZES if endpoint.result is ResultType.VOICES else PAGE_SIZES
        size = parse_page(call, "pageSize", sizes, PAGE_SIZE)
        jobs = state.account.page(endpoint.slug, number, size)
        return state.envelope.listed([state.views.task(job, call.base_url) for job in jobs], request_id)

    return listing


async def unknown_method(state: EmulatorState, call: Request, request_id: str) -> Response:
    """Answer a path or method that the API does not have.

    :param state: state of the emulator.
    :param call: the request.
    :param request_id: its id.
    :return: never.
    :raises ApiErrorResponse: always.
    """
    raise errors.method_not_found()

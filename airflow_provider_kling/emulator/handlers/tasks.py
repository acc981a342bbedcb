# SPDX-License-Identifier: Apache-2.0
"""The routes of the API, and the calls that create, query and list tasks, of v1 and of API 2.0."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import unquote

from ...api.endpoint import Endpoint, ResultType
from ..clock import milliseconds
from ..errors import ApiErrorResponse, invalid_request, invalid_value, method_not_found
from ..responses import V2_STATUSES
from ..spec.schema import ValidationState, any_of, array, number, object_, string
from ..spec.validation import parse_json, validate_body
from ..state import EmulatorState
from ..task import EmulatedTask
from ..wire import Request, Response

PAGE_NUMBERS = range(1, 1001)
PAGE_SIZES = range(1, 501)
VOICE_PAGE_SIZES = range(1, 1001)
PAGE_SIZE = 30
_MAX_IDS = 20
_SOLUTIONS = "/solutions"
_LIMIT, _LIMIT_OF_SOLUTIONS = 100, 500
_LIMITS = (1, 500)
_DAYS = 30
_DAY_MS = 86_400_000
_FILTER = object_("key", "values", key=string(), values=array(string(), 0, 100))
# A number or a text of digits; the vendor accepts both.
_TIME = any_of(number(0), string())


def parse_page(request: Request, name: str, allowed: range = PAGE_NUMBERS, default: int = 1) -> int:
    """Parse an integer parameter of a list call.

    :param request: the request.
    :param name: name of the parameter.
    :param allowed: allowed values.
    :param default: value if it is not sent.
    :return: the value.
    :raises ApiErrorResponse: it is not allowed.
    """
    text = request.query.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or int(text) not in allowed:
        raise invalid_value(f"{name} must be in [{allowed[0]}, {allowed[-1]}], got {text}")
    return int(text)


Handler = Callable[[EmulatorState, Request, str], Awaitable[Response]]
"""Takes the state, the request and a request id."""


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
    :param prefix: prefix of all paths, such as ``/kling``.
    :return: function that returns the route for a method and path, or ``None``.
    """
    exact = {
        (method, prefix + path): Route(prefix + path, handler) for (method, path), handler in others.items()
    }
    queries: dict[str, Endpoint] = {}
    for endpoint in endpoints.values():
        if endpoint.tasks_path:
            continue
        path = prefix + endpoint.path
        exact["POST", path] = Route(path, _create_handler(endpoint))
        if not endpoint.synchronous:
            queries[path] = endpoint
            if endpoint.listable:
                exact["GET", path] = Route(path, _list_handler(endpoint))
    # Gateways have only v1.
    v2_endpoints = (
        {} if prefix else {endpoint.path: endpoint for endpoint in endpoints.values() if endpoint.tasks_path}
    )

    def find_route(method: str, path: str) -> Route | None:
        path = _route_key(path)
        if route := exact.get((method, path)):
            return route
        parent, _, ident = path.rpartition("/")
        if method == "GET" and ident and parent in queries:
            return Route(f"{parent}/{{id}}", _get_handler(queries[parent], unquote(ident)))
        return _v2_route(v2_endpoints, method, path)

    return find_route


def _route_key(path: str) -> str:
    """Return a path without trailing or doubled slashes: published clients send both."""
    return f"/{'/'.join(part for part in path.split('/') if part)}"


def _v2_route(v2_endpoints: Mapping[str, Endpoint], method: str, path: str) -> Route | None:
    """Return the route of a call of API 2.0 or of a solution."""
    if path in {endpoint.tasks_path for endpoint in v2_endpoints.values()}:
        return Route(path, partial(_query_v2 if method == "GET" else _list_v2, tasks_path=path))
    parent, _, model = path.rpartition("/")
    for template in (path, f"{parent}/{{model_name}}"):
        if method == "POST" and template in v2_endpoints:
            return Route(template, _create_handler(v2_endpoints[template], model))
    return None


def _create_handler(endpoint: Endpoint, model: str = "") -> Handler:
    async def create(state: EmulatorState, request: Request, request_id: str) -> Response:
        if endpoint.tasks_path:
            _require_api_key(state, request)
        if not request.headers.get("content-type", "").lower().startswith("application/json"):
            raise invalid_request("Content-Type must be application/json")
        # In a thread: images are decoded, and may be downloaded from this emulator.
        validated = await asyncio.to_thread(
            validate_body, endpoint.slug, request.body, state.validation, model
        )
        await state.fault_injector.before_create(request, validated, len(state.account.jobs))
        job = state.account.create_task(endpoint, validated)
        state.callbacks.watch(job, request.base_url)
        await state.fault_injector.after_create(request)
        if endpoint.result is ResultType.FACES:
            faces = state.serializer.faces(job, request.base_url)
            return state.envelope.data(faces, request_id)
        if endpoint.synchronous:
            return state.envelope.queried(job, state.serializer.task(job, request.base_url), request_id)
        task = json.dumps(state.serializer.created_object(job, request.base_url)).encode()
        return state.envelope.created(job, task, request_id)

    return create


def _get_handler(endpoint: Endpoint, ident: str) -> Handler:
    async def query(state: EmulatorState, request: Request, request_id: str) -> Response:
        job = state.account.find(endpoint, ident)
        return state.envelope.queried(job, state.serializer.task(job, request.base_url), request_id)

    return query


def _list_handler(endpoint: Endpoint) -> Handler:
    async def list_(state: EmulatorState, request: Request, request_id: str) -> Response:
        if not state.options.dialect.supports_list or state.faults.strikes("no_list"):
            return await unknown_method(state, request, request_id)
        number = parse_page(request, "pageNum")
        sizes = VOICE_PAGE_SIZES if endpoint.result is ResultType.VOICES else PAGE_SIZES
        size = parse_page(request, "pageSize", sizes, PAGE_SIZE)
        jobs = state.account.page(endpoint.slug, number, size)
        return state.envelope.listed(
            [state.serializer.task(job, request.base_url) for job in jobs], request_id
        )

    return list_


async def unknown_method(state: EmulatorState, request: Request, request_id: str) -> Response:
    """Refuse a path or method that the API does not have.

    :param state: state of the emulator.
    :param request: the request.
    :param request_id: its id.
    :return: never.
    :raises ApiErrorResponse: always.
    """
    raise method_not_found()


def _require_api_key(state: EmulatorState, request: Request) -> None:
    """Refuse tokens signed with AccessKey and SecretKey.

    :param state: state of the emulator.
    :param request: the request.
    :raises ApiErrorResponse: 401 with code 1002.
    """
    if request.headers.get("authorization", "").partition(" ")[2] != state.options.api_key:
        raise ApiErrorResponse(
            401,
            1002,
            "Authentication error. The current API does not support AK/SK; please go to the console"
            " (https://kling.ai/dev/api-key) to create API key.",
        )


async def _query_v2(state: EmulatorState, request: Request, request_id: str, tasks_path: str) -> Response:
    """Respond to a query for tasks by their ids; those that do not exist are left out.

    :param state: state of the emulator.
    :param request: the request.
    :param request_id: its id.
    :param tasks_path: the requested path.
    :return: the response.
    :raises ApiErrorResponse: the query is invalid.
    """
    _require_api_key(state, request)
    kinds = [name for name in ("task_ids", "external_task_ids") if request.query.get(name)]
    if len(kinds) != 1:
        raise invalid_request("one and only one of task_ids and external_task_ids is required")
    idents = request.query[kinds[0]].split(",")
    if len(idents) > _MAX_IDS:
        raise invalid_value(f"{kinds[0]} cannot exceed {_MAX_IDS} in total")
    jobs = state.account.find_many(idents, tasks_path, external=kinds[0] == "external_task_ids")
    task_objects = [state.serializer.serialize_for_tasks_path(job, request.base_url) for job in jobs]
    return state.envelope.listed(task_objects, request_id)


async def _list_v2(state: EmulatorState, request: Request, request_id: str, tasks_path: str) -> Response:
    """Respond to a list call with tasks by cursor, newest first.

    :param state: state of the emulator.
    :param request: the request.
    :param request_id: its id.
    :param tasks_path: the requested path.
    :return: the response.
    :raises ApiErrorResponse: the query is invalid.
    """
    _require_api_key(state, request)
    if state.faults.strikes("no_list"):
        raise method_not_found()
    kind = object_(
        cursor=string(),
        limit=number(*_LIMITS, whole=True),
        start_time=_TIME,
        end_time=_TIME,
        filters=array(_FILTER, 0, 10),
    )
    filters = kind(
        ValidationState(state.validation.library, state.account.artifacts), "", parse_json(request.body)
    )
    cursor, limit = (
        filters.get("cursor", ""),
        filters.get("limit", _LIMIT_OF_SOLUTIONS if tasks_path == _SOLUTIONS else _LIMIT),
    )
    if cursor and not cursor.isdecimal():
        raise invalid_value(f"cursor value '{cursor}' is invalid")
    jobs = state.account.list_before(
        int(cursor) if cursor else None, tasks_path, limit + 1, _job_filter(state, filters, tasks_path)
    )
    page = jobs[:limit]
    more = len(jobs) > limit
    data = {
        "result": [
            json.loads(state.serializer.serialize_for_tasks_path(job, request.base_url)) for job in page
        ],
        "count": len(page),
        "next_cursor": str(page[-1].number) if more else "",
        "has_more": more,
    }
    return state.envelope.data(data, request_id)


def _job_filter(
    state: EmulatorState, filters: Mapping[str, Any], tasks_path: str
) -> Callable[[EmulatedTask], bool]:
    """Return a function that selects the requested jobs.

    :param state: the emulator's state.
    :param filters: the call's body.
    :param tasks_path: the requested path; that of the solutions has no filter by product.
    :return: a predicate of jobs.
    :raises ApiErrorResponse: a time or a filter cannot be read.
    """
    now = state.clock.now()
    start, end = (_milliseconds(filters, name) for name in ("start_time", "end_time"))
    earliest = milliseconds(now) - _DAYS * _DAY_MS if start is None else start
    accepted: dict[str, set[str]] = {}
    keys = ("status",) if tasks_path == _SOLUTIONS else ("status", "product_type")
    for entry in filters.get("filters", ()):
        if entry["key"] not in keys:
            raise invalid_value(f"filters.key value '{entry['key']}' is invalid, must be {' or '.join(keys)}")
        accepted.setdefault(entry["key"], set()).update(entry["values"])

    def matches(job: EmulatedTask) -> bool:
        created_at, status = milliseconds(job.created_at), job.status(now)
        known = {"status": {status.value, V2_STATUSES.get(status, status)}, "product_type": {_product(job)}}
        matches_filters = all(not values or known[key] & values for key, values in accepted.items())
        return matches_filters and earliest <= created_at and (end is None or created_at <= end)

    return matches


def _product(job: EmulatedTask) -> str:
    return "try_on" if "try-on" in job.slug or "try_on" in job.slug else job.unit_type


def _milliseconds(filters: Mapping[str, Any], name: str) -> int | None:
    value = filters.get(name)
    if isinstance(value, str) and not value.isdecimal():
        raise invalid_value(f"{name} must be a time in milliseconds, got {value}")
    return None if value is None else int(value)

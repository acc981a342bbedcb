# SPDX-License-Identifier: Apache-2.0
"""Create, query and list calls of all endpoints."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote

from airflow_provider_kling.api.endpoint import Endpoint, Result

from . import refusal, rules
from .paging import PAGE_SIZE, PAGE_SIZES, page_parameter
from .refusal import bad_parameters
from .state import State
from .tasks_api2 import answer_list, answer_query, check_key
from .web import Answer, Call

Handler = Callable[[State, Call, str], Awaitable[Answer]]
"""Gets the state, the request and a request id."""


@dataclass(frozen=True, slots=True)
class Route:
    """A handler and the path it is counted under."""

    template: str
    handler: Handler


Finder = Callable[[str, str], Route | None]
"""Returns the route of a method and a path, if any."""


def finder(
    endpoints: Mapping[str, Endpoint], others: Mapping[tuple[str, str], Handler], prefix: str = ""
) -> Finder:
    """Return the look-up of routes.

    :param endpoints: the endpoints by public name.
    :param others: handlers of other calls by method and path.
    :param prefix: what all paths begin with, such as ``/kling``.
    """
    exact = {
        (method, prefix + path): Route(prefix + path, handler) for (method, path), handler in others.items()
    }
    queries: dict[str, Endpoint] = {}
    for endpoint in endpoints.values():
        if endpoint.tasks:
            continue
        path = prefix + endpoint.path
        exact["POST", path] = Route(path, _creator(endpoint))
        if not endpoint.synchronous:
            queries[path] = endpoint
            if endpoint.listable:
                exact["GET", path] = Route(path, _lister(endpoint))
    # Gateways do not have what is newer than v1.
    newer = {} if prefix else {endpoint.path: endpoint for endpoint in endpoints.values() if endpoint.tasks}

    def find(method: str, path: str) -> Route | None:
        if route := exact.get((method, path)):
            return route
        parent, _, ident = path.rpartition("/")
        if method == "GET" and ident and parent in queries:
            return Route(f"{parent}/{{id}}", _querier(queries[parent], unquote(ident)))
        return _newer_route(newer, method, path)

    return find


def _newer_route(newer: Mapping[str, Endpoint], method: str, path: str) -> Route | None:
    """Return the route of a call of API 2.0 or of a solution."""
    if path in {endpoint.tasks for endpoint in newer.values()}:
        return Route(path, partial(answer_query if method == "GET" else answer_list, tasks=path))
    parent, _, model = path.rpartition("/")
    for template in (path, f"{parent}/{{model_name}}"):
        if method == "POST" and template in newer:
            return Route(template, _creator(newer[template], model))
    return None


def _creator(endpoint: Endpoint, model: str = "") -> Handler:
    async def create(state: State, call: Call, request_id: str) -> Answer:
        if endpoint.tasks:
            check_key(state, call)
        if not call.headers.get("content-type", "").lower().startswith("application/json"):
            raise bad_parameters("Content-Type must be application/json")
        # In a thread: pictures are decoded, and one with an address on this machine may even come from here.
        order = await asyncio.to_thread(rules.check, endpoint.slug, call.body, state.desk, model)
        await state.trouble.before_job(call, order, len(state.account.jobs))
        job = state.account.make(endpoint, order)
        state.callbacks.watch(job, call.base_url)
        await state.trouble.after_job(call)
        if endpoint.result is Result.FACES:
            faces = state.views.faces(job, call.base_url)
            return state.envelope.data(faces, request_id)
        if endpoint.synchronous:
            return state.envelope.queried(job, state.views.task(job, call.base_url), request_id)
        task = json.dumps(state.views.created_object(job, call.base_url)).encode()
        return state.envelope.created(job, task, request_id)

    return create


def _querier(endpoint: Endpoint, ident: str) -> Handler:
    async def query(state: State, call: Call, request_id: str) -> Answer:
        job = state.account.find(endpoint, ident)
        return state.envelope.queried(job, state.views.task(job, call.base_url), request_id)

    return query


def _lister(endpoint: Endpoint) -> Handler:
    async def listing(state: State, call: Call, request_id: str) -> Answer:
        if not state.options.dialect.lists or state.faults.fire("no_list"):
            return await unknown_method(state, call, request_id)
        number = page_parameter(call, "pageNum")
        size = page_parameter(call, "pageSize", PAGE_SIZES, PAGE_SIZE)
        jobs = state.account.page(endpoint.slug, number, size)
        return state.envelope.listed([state.views.task(job, call.base_url) for job in jobs], request_id)

    return listing


async def unknown_method(state: State, call: Call, request_id: str) -> Answer:
    """Answer a path or method that the API does not have."""
    raise refusal.unknown_method()

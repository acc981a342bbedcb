# SPDX-License-Identifier: Apache-2.0
"""Create, query and list calls of all endpoints."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from airflow_provider_kling.api.endpoint import Endpoint

from . import rules
from .account import PAGE_NUMBERS, PAGE_SIZES
from .refusal import Refusal, bad_parameters, bad_value
from .state import State
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


def finder(endpoints: Mapping[str, Endpoint], prefix: str = "") -> Finder:
    """Return the look-up of task routes.

    :param endpoints: the endpoints by public name.
    :param prefix: what all paths begin with, such as ``/kling``.
    """
    exact: dict[tuple[str, str], Route] = {}
    queries: dict[str, Endpoint] = {}
    for endpoint in endpoints.values():
        path = prefix + endpoint.path
        exact["POST", path] = Route(path, _creator(endpoint))
        if not endpoint.synchronous:
            queries[path] = endpoint
            if endpoint.listable:
                exact["GET", path] = Route(path, _lister(endpoint))

    def find(method: str, path: str) -> Route | None:
        if route := exact.get((method, path)):
            return route
        parent, _, ident = path.rpartition("/")
        if method == "GET" and ident and parent in queries:
            return Route(f"{parent}/{{id}}", _querier(queries[parent], ident))
        return None

    return find


def _creator(endpoint: Endpoint) -> Handler:
    async def create(state: State, call: Call, request_id: str) -> Answer:
        if not call.headers.get("content-type", "").lower().startswith("application/json"):
            raise bad_parameters("Content-Type must be application/json")
        # In a thread: pictures are decoded, and one with an address on this machine may even come from here.
        order = await asyncio.to_thread(rules.check, endpoint.slug, call.body, state.library, state.options)
        await state.trouble.before_job(call, order, len(state.account.jobs))
        job = state.account.make(endpoint, order)
        state.callbacks.watch(job, call.base_url)
        await state.trouble.after_job(call)
        task = json.dumps(state.views.created_object(job)).encode()
        return state.envelope.created(job, task, request_id)

    return create


def _querier(endpoint: Endpoint, ident: str) -> Handler:
    async def query(state: State, call: Call, request_id: str) -> Answer:
        job = state.account.find(endpoint, ident)
        return state.envelope.queried(job, state.views.task(job, call.base_url), request_id)

    return query


def _lister(endpoint: Endpoint) -> Handler:
    async def listing(state: State, call: Call, request_id: str) -> Answer:
        if state.faults.fire("no_list"):
            return await unknown_method(state, call, request_id)
        number = _page_parameter(call, "pageNum", PAGE_NUMBERS, 1)
        size = _page_parameter(call, "pageSize", PAGE_SIZES, 30)
        jobs = state.account.page(endpoint.slug, number, size)
        return state.envelope.listed([state.views.task(job, call.base_url) for job in jobs], request_id)

    return listing


def _page_parameter(call: Call, name: str, allowed: range, default: int) -> int:
    text = call.query.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or int(text) not in allowed:
        raise bad_value(f"{name} must be in [{allowed[0]}, {allowed[-1]}], got {text}")
    return int(text)


async def unknown_method(state: State, call: Call, request_id: str) -> Answer:
    """Answer a path or method that the API does not have."""
    raise Refusal(404, 1202, "The requested method is invalid")

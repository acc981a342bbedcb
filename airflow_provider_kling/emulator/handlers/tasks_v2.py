# SPDX-License-Identifier: Apache-2.0
"""Create and query calls of API 2.0 and of the solutions: several tasks are queried with one call."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ..clock import milliseconds
from ..errors import ApiErrorResponse, invalid_request, invalid_value, method_not_found
from ..responses import WORDS
from ..spec.schema import ValidationState, any_of, array, number, object_, string
from ..spec.validation import parse_json
from ..state import EmulatorState
from ..task import EmulatedTask
from ..wire import Request, Response

_MOST_IDS = 20
_SOLUTIONS = "/solutions"
_LIMIT, _LIMIT_OF_SOLUTIONS = 100, 500
_LIMITS = (1, 500)
_DAYS = 30
_DAY_MS = 86_400_000
_FILTER = object_("key", "values", key=string(), values=array(string(), 0, 100))
# A number or a text of digits; both were seen to be taken.
_TIME = any_of(number(0), string())


def require_api_key(state: EmulatorState, call: Request) -> None:
    """Refuse tokens made of AccessKey and SecretKey.

    :param state: state of the emulator.
    :param call: the request.
    :raises ApiErrorResponse: 401 with code 1002.
    """
    if call.headers.get("authorization", "").partition(" ")[2] != state.options.api_key:
        raise ApiErrorResponse(
            401,
            1002,
            "Authentication error. The current API does not support AK/SK; please go to the console"
            " (https://kling.ai/dev/api-key) to create API key.",
        )


async def query_v2(state: EmulatorState, call: Request, request_id: str, tasks: str) -> Response:
    """Answer a query for tasks by their ids; those that do not exist are left out.

    :param state: state of the emulator.
    :param call: the request.
    :param request_id: its id.
    :param tasks: the path that was asked.
    :return: the response.
    :raises ApiErrorResponse: the query is invalid.
    """
    require_api_key(state, call)
    kinds = [name for name in ("task_ids", "external_task_ids") if call.query.get(name)]
    if len(kinds) != 1:
        raise invalid_request("one and only one of task_ids and external_task_ids is required")
    idents = call.query[kinds[0]].split(",")
    if len(idents) > _MOST_IDS:
        raise invalid_value(f"{kinds[0]} cannot exceed {_MOST_IDS} in total")
    jobs = state.account.named(idents, tasks, external=kinds[0] == "external_task_ids")
    views = [state.views.unified(job, call.base_url) for job in jobs]
    return state.envelope.listed(views, request_id)


async def list_v2(state: EmulatorState, call: Request, request_id: str, tasks: str) -> Response:
    """Answer a call for tasks by cursor, newest first.

    :param state: state of the emulator.
    :param call: the request.
    :param request_id: its id.
    :param tasks: the path that was asked.
    :return: the response.
    :raises ApiErrorResponse: the query is invalid.
    """
    require_api_key(state, call)
    if state.faults.fire("no_list"):
        raise method_not_found()
    kind = object_(
        cursor=string(),
        limit=number(*_LIMITS, whole=True),
        start_time=_TIME,
        end_time=_TIME,
        filters=array(_FILTER, 0, 10),
    )
    asked = kind(ValidationState(state.validation.library, state.account.made), "", parse_json(call.body))
    cursor, limit = (
        asked.get("cursor", ""),
        asked.get("limit", _LIMIT_OF_SOLUTIONS if tasks == _SOLUTIONS else _LIMIT),
    )
    if cursor and not cursor.isdecimal():
        raise invalid_value(f"cursor value '{cursor}' is invalid")
    jobs = state.account.before(
        int(cursor) if cursor else None, tasks, limit + 1, _question(state, asked, tasks)
    )
    page = jobs[:limit]
    more = len(jobs) > limit
    data = {
        "result": [json.loads(state.views.unified(job, call.base_url)) for job in page],
        "count": len(page),
        "next_cursor": str(page[-1].number) if more else "",
        "has_more": more,
    }
    return state.envelope.data(data, request_id)


def _question(state: EmulatorState, asked: Mapping[str, Any], tasks: str) -> Callable[[EmulatedTask], bool]:
    """Return what tells whether a job is asked for.

    :param state: the emulator's state.
    :param asked: the call's body.
    :param tasks: the path that was asked; that of the solutions has no filter by product.
    :return: a predicate of jobs.
    :raises ApiErrorResponse: a time or a filter cannot be read.
    """
    now = state.clock.now()
    start, end = (_milliseconds(asked, name) for name in ("start_time", "end_time"))
    first = milliseconds(now) - _DAYS * _DAY_MS if start is None else start
    wanted: dict[str, set[str]] = {}
    keys = ("status",) if tasks == _SOLUTIONS else ("status", "product_type")
    for entry in asked.get("filters", ()):
        if entry["key"] not in keys:
            raise invalid_value(f"filters.key value '{entry['key']}' is invalid, must be {' or '.join(keys)}")
        wanted.setdefault(entry["key"], set()).update(entry["values"])

    def fits(job: EmulatedTask) -> bool:
        made, status = milliseconds(job.made_at), job.status(now)
        known = {"status": {status.value, WORDS.get(status, status)}, "product_type": {_product(job)}}
        among = all(not values or known[key] & values for key, values in wanted.items())
        return among and first <= made and (end is None or made <= end)

    return fits


def _product(job: EmulatedTask) -> str:
    return "try_on" if "try-on" in job.slug or "try_on" in job.slug else job.pack


def _milliseconds(asked: Mapping[str, Any], name: str) -> int | None:
    value = asked.get(name)
    if isinstance(value, str) and not value.isdecimal():
        raise invalid_value(f"{name} must be a time in milliseconds, got {value}")
    return None if value is None else int(value)

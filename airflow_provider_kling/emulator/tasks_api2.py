# SPDX-License-Identifier: Apache-2.0
"""Create and query calls of API 2.0 and of the solutions: several tasks are queried with one call."""

from __future__ import annotations

import json
from typing import Any

from .checks import Probe, either, fields, number, text
from .refusal import Refusal, bad_parameters, bad_value, unknown_method
from .rules import parse
from .state import State
from .web import Answer, Call

_MOST_IDS = 20
_LIMIT = 100
_LIMITS = (1, 500)
# A number or a text of digits; both were seen to be taken.
_TIME = either(number(0), text())


def check_key(state: State, call: Call) -> None:
    """Refuse tokens made of AccessKey and SecretKey.

    :raises Refusal: 401 with code 1002.
    """
    if call.headers.get("authorization", "").partition(" ")[2] != state.options.api_key:
        raise Refusal(
            401,
            1002,
            "Authentication error. The current API does not support AK/SK; please go to the console"
            " (https://kling.ai/dev/api-key) to create API key.",
        )


async def answer_query(state: State, call: Call, request_id: str, tasks: str) -> Answer:
    """Answer a query for tasks by their ids; those that do not exist are left out.

    :param tasks: the path that was asked.
    """
    check_key(state, call)
    kinds = [name for name in ("task_ids", "external_task_ids") if call.query.get(name)]
    if len(kinds) != 1:
        raise bad_parameters("one and only one of task_ids and external_task_ids is required")
    idents = call.query[kinds[0]].split(",")
    if len(idents) > _MOST_IDS:
        raise bad_value(f"{kinds[0]} cannot exceed {_MOST_IDS} in total")
    jobs = state.account.named(idents, tasks, external=kinds[0] == "external_task_ids")
    views = [state.views.task(job, call.base_url) for job in jobs]
    return state.envelope.listed(views, request_id)


async def answer_list(state: State, call: Call, request_id: str, tasks: str) -> Answer:
    """Answer a call for tasks by cursor, newest first.

    :param tasks: the path that was asked.
    """
    check_key(state, call)
    if state.faults.fire("no_list"):
        raise unknown_method()
    kind = fields(
        cursor=text(), limit=number(*_LIMITS, whole=True), start_time=_TIME, end_time=_TIME, filters=_anything
    )
    asked = kind(Probe(state.desk.library, state.account.made), "", parse(call.body))
    cursor, limit = asked.get("cursor", ""), asked.get("limit", _LIMIT)
    if cursor and not cursor.isdecimal():
        raise bad_value(f"cursor value '{cursor}' is invalid")
    jobs = state.account.before(int(cursor) if cursor else None, tasks, limit + 1)
    page = jobs[:limit]
    more = len(jobs) > limit
    data = {
        "result": [json.loads(state.views.task(job, call.base_url)) for job in page],
        "count": len(page),
        "next_cursor": str(page[-1].number) if more else "",
        "has_more": more,
    }
    return state.envelope.data(data, request_id)


def _anything(_: Probe, __: str, value: Any) -> Any:
    return value

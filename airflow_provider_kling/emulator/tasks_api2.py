# SPDX-License-Identifier: Apache-2.0
"""Create and query calls of API 2.0 and of the solutions: several tasks are queried with one call."""

from __future__ import annotations

from .refusal import Refusal, bad_parameters, bad_value
from .state import State
from .web import Answer, Call

_MOST_IDS = 20


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

# SPDX-License-Identifier: Apache-2.0
"""The library of voices and elements: presets, and deleting one's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from .checks import Probe, fields, text
from .clock import milliseconds
from .lifecycle import Job, Status
from .paging import page_parameter
from .presets import ELEMENTS, PRESETS, VOICES
from .recipes import Item
from .rules import parse
from .state import State
from .tasks import Handler
from .web import Answer, Call

VOICES_PER_PAGE = range(1, 1001)


def _presets(items: tuple[Item, ...], sizes: range) -> Handler:
    """Lists presets as tasks that made them, one each."""

    async def listing(state: State, call: Call, request_id: str) -> Answer:
        number_, size = page_parameter(call, "pageNum"), page_parameter(call, "pageSize", sizes, 30)
        now = milliseconds(state.clock.now())
        page = items[(number_ - 1) * size : number_ * size]
        tasks = [
            {
                "task_id": f"preset-{item.array}-{index}",
                "task_status": Status.SUCCEED,
                "created_at": now,
                "updated_at": now,
                "task_result": {
                    item.array: [
                        state.views.addressed(item.values, PRESETS, state.clock.now(), call.base_url),
                    ]
                },
            }
            for index, item in enumerate(page)
        ]
        return state.envelope.listed([json.dumps(task).encode() for task in tasks], request_id)

    return listing


def _delete(array: str, field: str) -> Handler:
    kind = fields(field, **{field: text()})

    async def delete(state: State, call: Call, request_id: str) -> Answer:
        body = kind(Probe(state.desk.library, state.account.made), "", parse(call.body))
        job = state.account.made.delete(array, body[field])
        _mark_deleted(job)
        state.views.forget(job)
        answer = {"task_id": f"{job.task_id}8", "task_status": Status.SUCCEED}
        return state.envelope.data(answer, request_id)

    return delete


def _mark_deleted(job: Job) -> None:
    # Elements stay visible as deleted ones; of voices nothing is left.
    job.items = tuple(
        replace(item, values={**item.values, "status": "deleted"})
        for item in job.items
        if item.array == "elements"
    )


_delete_element = _delete("elements", "element_id")

HANDLERS: Mapping[tuple[str, str], Handler] = {
    ("GET", "/v1/general/presets-voices"): _presets(VOICES, VOICES_PER_PAGE),
    ("GET", "/v1/general/advanced-presets-elements"): _presets(ELEMENTS, range(1, 501)),
    ("POST", "/v1/general/delete-voices"): _delete("voices", "voice_id"),
    ("POST", "/v1/general/delete-advanced-elements"): _delete_element,
    ("POST", "/v1/general/delete-elements"): _delete_element,
}

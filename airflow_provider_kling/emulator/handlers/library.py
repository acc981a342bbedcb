# SPDX-License-Identifier: Apache-2.0
"""The library of voices and elements: presets, and deleting one's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from ..artifacts import ELEMENTS, PRESETS, VOICES
from ..clock import milliseconds
from ..media.specs import ResultEntry
from ..spec.schema import ValidationState, object_, string
from ..spec.validation import parse_json
from ..state import EmulatorState
from ..task import EmulatedTask, Status
from ..wire import Request, Response
from .tasks import VOICE_PAGE_SIZES, Handler, parse_page


def _list_presets(items: tuple[ResultEntry, ...], sizes: range) -> Handler:
    """Lists presets as tasks that made them, one each."""

    async def listing(state: EmulatorState, call: Request, request_id: str) -> Response:
        number_, size = parse_page(call, "pageNum"), parse_page(call, "pageSize", sizes, 30)
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
                        state.views.with_signed_urls(item.values, PRESETS, state.clock.now(), call.base_url),
                    ]
                },
            }
            for index, item in enumerate(page)
        ]
        return state.envelope.listed([json.dumps(task).encode() for task in tasks], request_id)

    return listing


def _delete_resource(array: str, field: str) -> Handler:
    kind = object_(field, **{field: string()})

    async def delete(state: EmulatorState, call: Request, request_id: str) -> Response:
        body = kind(ValidationState(state.validation.library, state.account.made), "", parse_json(call.body))
        job = state.account.made.delete(array, body[field])
        _mark_deleted(job)
        state.views.forget(job)
        answer = {"task_id": f"{job.task_id}8", "task_status": Status.SUCCEED}
        return state.envelope.data(answer, request_id)

    return delete


def _mark_deleted(job: EmulatedTask) -> None:
    # Elements stay visible as deleted ones; of voices nothing is left.
    job.items = tuple(
        replace(item, values={**item.values, "status": "deleted"})
        for item in job.items
        if item.array == "elements"
    )


_delete_element = _delete_resource("elements", "element_id")

HANDLERS: Mapping[tuple[str, str], Handler] = {
    ("GET", "/v1/general/presets-voices"): _list_presets(VOICES, VOICE_PAGE_SIZES),
    ("GET", "/v1/general/advanced-presets-elements"): _list_presets(ELEMENTS, range(1, 501)),
    ("POST", "/v1/general/delete-voices"): _delete_resource("voices", "voice_id"),
    ("POST", "/v1/general/delete-advanced-elements"): _delete_element,
    ("POST", "/v1/general/delete-elements"): _delete_element,
}

# SPDX-License-Identifier: Apache-2.0
"""What the account has left, and what it was charged for."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from .checks import Probe, anything, either, fields, number, several, text
from .clock import milliseconds
from .lifecycle import Job
from .refusal import Refusal, bad_parameters, bad_value
from .rules import parse
from .state import State
from .tasks import Handler
from .web import Answer, Call

PACKS = {"video": "Emulator video units", "image": "Emulator image units"}
LAG_SECONDS = 12 * 3600
_YEAR_SECONDS = 365 * 24 * 3600
_LIMIT = 100
_TIME = either(number(0, whole=True), text())
_QUERY = fields(
    start_time=_TIME,
    end_time=_TIME,
    limit=number(1, 500, whole=True),
    cursor=text(),
    filters=several(fields("key", "values", key=text(), values=anything()), 0, 10),
)


async def _costs(state: State, call: Call, request_id: str) -> Answer:
    start, end = (_time(call.query.get(name), name) for name in ("start_time", "end_time"))
    if start >= end:
        raise bad_value("start_time must be before end_time")
    if state.faults.setting("costs_limited") and state.account_asked_again():
        state.faults.fire("costs_limited")
        raise Refusal(429, 1302, "Too many requests, please slow down", {"retry-after": "1"})
    wanted = call.query.get("resource_pack_name")
    packs = [_pack(state, pack, name) for pack, name in PACKS.items() if wanted in (None, "", name)]
    return state.envelope.data(
        {"code": 0, "msg": "success", "resource_pack_subscribe_infos": packs}, request_id
    )


def _pack(state: State, pack: str, name: str) -> dict[str, Any]:
    now, total = state.clock.now(), Decimal(str(state.options.units))
    # The vendor's count of what remains is up to 12 hours old.
    spent = sum((job.units(now - LAG_SECONDS) for job in state.account.jobs if job.pack == pack), Decimal(0))
    opened = state.opened_at
    return {
        "resource_pack_name": name,
        "resource_pack_id": f"emulator-{pack}",
        "resource_pack_type": "decreasing_total",
        "total_quantity": float(total),
        "remaining_quantity": float(total - spent),
        "purchase_time": milliseconds(opened),
        "effective_time": milliseconds(opened),
        "invalid_time": milliseconds(opened + _YEAR_SECONDS),
        "status": "runOut" if spent >= total else "online",
    }


async def _package(state: State, call: Call, request_id: str) -> Answer:
    body = _QUERY(Probe(state.desk.library, state.account.made), "", parse(call.body))
    start, end = _window(body)
    now = state.clock.now()
    charged = [job for job in state.account.jobs if job.units(now) and start <= job.ended_at * 1000 <= end]
    charged.sort(key=lambda job: job.ended_at)
    first, limit = _cursor(body), body.get("limit", _LIMIT)
    page = charged[first : first + limit]
    more = first + limit < len(charged)
    data = {
        "result": {"detail": [_charge(job, now) for job in page]},
        "next_cursor": f"{start}:{end}:{first + limit}" if more else "",
        "has_more": more,
    }
    return state.envelope.data(data, request_id)


async def _balance(state: State, call: Call, request_id: str) -> Answer:
    body = _QUERY(Probe(state.desk.library, state.account.made), "", parse(call.body))
    _window(body)
    # The emulator's account pays with packs only.
    data = {"result": {"detail": []}, "next_cursor": "", "has_more": False}
    return state.envelope.data(data, request_id)


def _charge(job: Job, now: float) -> dict[str, Any]:
    body = job.body
    return {
        "task_id": job.task_id,
        "api_key_name": "emulator",
        "product_function": job.slug,
        "product_type": job.pack,
        "package_id": f"emulator-{job.pack}",
        "package_name": PACKS[job.pack],
        "model_name": body.get("model_name", ""),
        "resolution": body.get("mode") or body.get("resolution") or "",
        "duration": str(body.get("duration", "")),
        "refer_video_input": "yes" if "video_list" in body else "no",
        "video_sound": body.get("sound", "off"),
        "voice_control": "yes" if "voice_list" in body else "no",
        "deduction_quantity": f"{job.units(now).normalize():f}",
        "deduction_time": milliseconds(job.ended_at),
    }


def _window(body: Mapping[str, Any]) -> tuple[int, int]:
    if "cursor" in body:
        start, end, _ = _parts(body["cursor"])
        return start, end
    start, end = (_time(body.get(name), name) for name in ("start_time", "end_time"))
    if start >= end:
        raise bad_value("start_time must be before end_time")
    return start, end


def _cursor(body: Mapping[str, Any]) -> int:
    return _parts(body["cursor"])[2] if "cursor" in body else 0


def _parts(cursor: str) -> tuple[int, int, int]:
    parts = cursor.split(":")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):  # noqa: PLR2004 - start, end, place
        raise bad_value(f"cursor value '{cursor}' is invalid")
    return int(parts[0]), int(parts[1]), int(parts[2])


def _time(value: object, name: str) -> int:
    if value in (None, ""):
        raise bad_parameters(f"{name} is required")
    if not str(value).isdecimal():
        raise bad_value(f"{name} must be a time in milliseconds, got {value}")
    return int(str(value))


HANDLERS: Mapping[tuple[str, str], Handler] = {
    ("GET", "/account/costs"): _costs,
    ("POST", "/account/billing/package"): _package,
    ("POST", "/account/billing/balance"): _balance,
}

# SPDX-License-Identifier: Apache-2.0
"""The account's resource packs and its records of charges."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from decimal import Decimal
from typing import Any

from ..clock import milliseconds
from ..errors import ApiErrorResponse, invalid_request, invalid_value
from ..responses import CURRENCY
from ..spec.schema import ValidationState, any_of, array, number, object_, string
from ..spec.validation import parse_json
from ..state import EmulatorState
from ..task import EmulatedTask
from ..wire import Request, Response
from .tasks import Handler

RESOURCE_PACKS = {"video": "Emulator video units", "image": "Emulator image units"}
LAG_SECONDS = 12 * 3600
_YEAR_SECONDS = 365 * 24 * 3600
API_KEY_NAME = "emulator"
_LIMIT = 500
_FILTERS = frozenset(("api_key_name", "product_type", "package_name", "package_id"))
_CASH_FILTERS = frozenset(("api_key_name",))
_RESOLUTIONS = {"std": "720p", "pro": "1080p", "4k": "4k"}
_TIME = any_of(number(0, whole=True), string())
_QUERY = object_(
    start_time=_TIME,
    end_time=_TIME,
    limit=number(1, 500, whole=True),
    cursor=string(),
    filters=array(object_("key", "values", key=string(), values=array(string(), 0, 100)), 0, 10),
)


async def _costs(state: EmulatorState, request: Request, request_id: str) -> Response:
    start, end = (_time(request.query.get(name), name) for name in ("start_time", "end_time"))
    if start >= end:
        raise invalid_value("start_time must be before end_time")
    if state.faults.setting("costs_limited") and state.costs_queried_too_soon():
        state.faults.strikes("costs_limited")
        raise ApiErrorResponse(429, 1302, "Too many requests, please slow down", {"retry-after": "1"})
    pack_name = request.query.get("resource_pack_name")
    names = RESOURCE_PACKS if state.options.cash is None else {}
    packs = [_pack(state, pack, name) for pack, name in names.items() if pack_name in (None, "", name)]
    return state.envelope.data(
        {"code": 0, "msg": "success", "resource_pack_subscribe_infos": packs}, request_id
    )


def _pack(state: EmulatorState, pack: str, name: str) -> dict[str, Any]:
    now, total = state.clock.now(), Decimal(str(state.options.units))
    # The vendor's remaining quantity is up to 12 hours old.
    spent = sum(
        (job.units(now - LAG_SECONDS) for job in state.account.jobs if job.unit_type == pack), Decimal(0)
    )
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


async def _unit_ledger(state: EmulatorState, request: Request, request_id: str) -> Response:
    query = _parse_query(state, request, _FILTERS)
    lines = [line for job, line in _usage_records(state) if query.matches(job, line)]
    return state.envelope.data(query.paginate(lines), request_id)


async def _cash_ledger(state: EmulatorState, request: Request, request_id: str) -> Response:
    query = _parse_query(state, request, _CASH_FILTERS)
    lines = [line for job, line in _cash_records(state) if query.matches(job, line)]
    return state.envelope.data(query.paginate(lines), request_id)


def _usage_records(state: EmulatorState) -> Iterator[tuple[EmulatedTask, dict[str, Any]]]:
    """Yield the jobs that were charged, in that order, and the record of each."""
    now = state.clock.now()
    remaining = dict.fromkeys(RESOURCE_PACKS, Decimal(str(state.options.units)))
    for job in sorted(state.account.jobs, key=lambda job: job.ended_at):
        if units := job.units(now):
            before = remaining[job.unit_type]
            remaining[job.unit_type] = before - units
            yield (
                job,
                _record(job)
                | {
                    "package_id": f"emulator-{job.unit_type}",
                    "product_type": job.unit_type,
                    "unit_before_deduction": float(before),
                    "deduction_amount": float(units),
                    "unit_after_deduction": float(remaining[job.unit_type]),
                },
            )


def _cash_records(state: EmulatorState) -> Iterator[tuple[EmulatedTask, dict[str, Any]]]:
    """Yield the jobs that were charged in cash, in that order, and the record of each."""
    now, remaining = state.clock.now(), Decimal(str(state.options.cash or 0))
    for job in sorted(state.account.jobs, key=lambda job: job.ended_at):
        if dollars := job.dollars(now):
            remaining -= dollars
            yield (
                job,
                _record(job)
                | {
                    "cash_type": "balance",
                    "balance_before_deduction": float(remaining + dollars),
                    "deduction_amount": float(dollars),
                    "balance_after_deduction": float(remaining),
                    "list_price": float(dollars),
                    "currency": CURRENCY,
                },
            )


def _record(job: EmulatedTask) -> dict[str, Any]:
    body = job.body
    return {
        "task_id": job.task_id,
        "api_key_name": API_KEY_NAME,
        "product_function": job.slug,
        "model_name": body.get("model_name", ""),
        "resolution": _RESOLUTIONS.get(body.get("mode", ""), body.get("resolution", "")),
        "duration": str(body.get("duration", "")),
        "refer_video_input": "video_list" in body,
        "video_sound": "native" if body.get("sound") == "on" else "off",
        "voice_control": "voice_list" in body,
        "deduction_time": str(milliseconds(job.ended_at)),
    }


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """A query for records; the cursor of the next page contains all of it.

    :param start: jobs created from this time on, Unix time in milliseconds.
    :param end: jobs created before this time.
    :param limit: lines on a page.
    :param first: place of the page's first line.
    :param filters: key and accepted values; every key must fit.
    """

    start: int
    end: int
    limit: int
    first: int
    filters: tuple[tuple[str, tuple[str, ...]], ...]

    def matches(self, job: EmulatedTask, line: Mapping[str, Any]) -> bool:
        """Return whether a line of the ledger matches the query.

        :param job: job of the line.
        :param line: the line.
        :return: ``True`` if it matches.
        """
        known = {**line, "package_name": RESOURCE_PACKS[job.unit_type]}
        return self.start <= milliseconds(job.created_at) <= self.end and all(
            not values or known.get(key) in values for key, values in self.filters
        )

    def paginate(self, lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return one page of the lines, and the cursor of the next.

        :param lines: all lines that match.
        :return: the answer, as JSON.
        """
        after = self.first + self.limit
        page, more = lines[self.first : after], after < len(lines)
        return {
            "result": {"detail": page, "count": len(page)},
            "next_cursor": replace(self, first=after).cursor() if more else "",
            "has_more": more,
        }

    def cursor(self) -> str:
        """Encode the query as a cursor.

        :return: the cursor.
        """
        return base64.urlsafe_b64encode(json.dumps(astuple(self)).encode()).decode()


def _parse_query(state: EmulatorState, request: Request, known: frozenset[str]) -> UsageQuery:
    body = _QUERY(
        ValidationState(state.validation.library, state.account.artifacts), "", parse_json(request.body)
    )
    if "cursor" in body:
        return _from_cursor(body["cursor"])
    start, end = (_time(body.get(name), name) for name in ("start_time", "end_time"))
    if start >= end:
        raise invalid_value("start_time must be before end_time")
    filters = tuple((entry["key"], tuple(entry["values"])) for entry in body.get("filters", ()))
    keys = {key for key, values in filters if values}
    if unknown := sorted(keys - known):
        raise invalid_value(
            f"filters.key value '{unknown[0]}' is invalid, must be one of {', '.join(sorted(known))}"
        )
    if {"package_name", "package_id"} <= keys:
        raise invalid_value("package_name and package_id cannot be set at the same time")
    return UsageQuery(start, end, body.get("limit", _LIMIT), 0, filters)


def _from_cursor(cursor: str) -> UsageQuery:
    try:
        return UsageQuery(*json.loads(base64.urlsafe_b64decode(cursor)))
    except (ValueError, TypeError):
        raise invalid_value(f"cursor value '{cursor}' is invalid") from None


def _time(value: object, name: str) -> int:
    if value in (None, ""):
        raise invalid_request(f"{name} is required")
    if not str(value).isdecimal():
        raise invalid_value(f"{name} must be a time in milliseconds, got {value}")
    return int(str(value))


HANDLERS: Mapping[tuple[str, str], Handler] = {
    ("GET", "/account/costs"): _costs,
    ("POST", "/account/billing/package"): _unit_ledger,
    ("POST", "/account/billing/balance"): _cash_ledger,
}

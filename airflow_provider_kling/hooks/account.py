# SPDX-License-Identifier: Apache-2.0
"""Read what is left in an account's resource packs, and what its jobs were charged. Both are free."""

from __future__ import annotations

import copy
import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..api.account import CASH_LEDGER, COSTS, MAX_LEDGER_PAGE, UNIT_LEDGER, PackageType, cash_balances
from ..api.errors import ApiError
from ..api.http import MAX_EMPTY_PAGES, ApiRequest, IncompleteListError, next_cursor, parse_response
from ..api.response_values import clean
from ..exceptions import KlingError, KlingRequestInvalid, KlingServerError, error_from_api
from .flows import READ_ATTEMPTS, is_retryable, retry_delay
from .responses import incomplete_list_error, response_data

if TYPE_CHECKING:
    from .client import KlingClient

Timestamp = datetime | int
"""A time: a ``datetime``, or Unix time in milliseconds."""

COSTS_WINDOW = timedelta(days=400)
"""How far back to look for resource packs by default: the API finds a pack by the day it was bought, so a
pack of a year would drop out of a shorter window while it is in use."""

_BALANCE_WINDOWS = (timedelta(days=1), timedelta(days=31), COSTS_WINDOW)
"""How far back to look for the last charge in cash: no further than necessary, for a page holds 500."""

_CLOCK_SKEW_MS = 300_000

CACHE_SECONDS = 30.0
SECONDS_BETWEEN_CALLS = 1.0
"""The vendor asks for at most one account call a second."""

_OK = 200
_MISSING = object()


@dataclass(slots=True)
class _RateLimiter:
    """Spaces the account calls of one connection, from all threads, and caches their answers."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    next_call: float = 0.0
    responses: dict[tuple[Any, ...], tuple[float, list[dict[str, Any]]]] = field(default_factory=dict)

    def drop_expired(self) -> None:
        """Drop the answers that are too old."""
        oldest = time.monotonic() - CACHE_SECONDS
        self.responses = {question: each for question, each in self.responses.items() if each[0] >= oldest}


# Hooks come and go with tasks; the limit is the account's. Other processes have their own count.
_paces: defaultdict[str, _RateLimiter] = defaultdict(_RateLimiter)
_paces_lock = threading.Lock()


class AccountClient:
    """The account behind a connection.

    :param client: client of the account.
    """

    def __init__(self, client: KlingClient) -> None:
        self._client = client

    def costs(
        self,
        start_time: Timestamp | None = None,
        end_time: Timestamp | None = None,
        resource_pack_name: str | None = None,
    ) -> list[dict[str, Any]]:
        """Return the account's resource packs with what remains of them; lags up to 12 hours.

        The answer to the same question is cached for 30 seconds.

        :param start_time: packs bought from then on; 400 days before ``end_time`` when unset.
        :param end_time: packs bought until then; now when unset.
        :param resource_pack_name: only the pack of this name.
        :return: the packs as the API describes them.
        :raises KlingRequestInvalid: the host has no account calls.
        """
        self._check_supported()
        question = (start_time, end_time, resource_pack_name)
        pace = self._pace()
        with pace.lock:
            pace.drop_expired()
            if question not in pace.responses:
                packs = self._ask_costs(pace, start_time, end_time, resource_pack_name)
                pace.responses[question] = (time.monotonic(), packs)
            return copy.deepcopy(pace.responses[question][1])

    def unit_ledger(
        self,
        start_time: Timestamp,
        end_time: Timestamp,
        *,
        product_types: Sequence[PackageType] = (),
        package_names: Sequence[str] = (),
        package_ids: Sequence[str] = (),
        api_key_names: Sequence[str] = (),
        page_size: int = MAX_LEDGER_PAGE,
    ) -> Iterator[dict[str, Any]]:
        """Yield what each job was charged in units of resource packs, a line each, as the API writes it.

        :param start_time: jobs made from then on.
        :param end_time: jobs made until then.
        :param product_types: only packs of these types.
        :param package_names: only packs of these names; not together with ``package_ids``.
        :param package_ids: only packs of these ids.
        :param api_key_names: only jobs made with these API keys.
        :param page_size: lines a request, 1 to 500.
        :return: the lines, read page by page.
        :raises KlingRequestInvalid: the times or the filters are invalid.
        """
        if package_names and package_ids:
            raise KlingRequestInvalid(
                "Invalid value for 'package_ids': package_names is set too; expected only one of them."
            )
        filters = {
            "product_type": product_types,
            "package_name": package_names,
            "package_id": package_ids,
            "api_key_name": api_key_names,
        }
        return self._ledger(UNIT_LEDGER, start_time, end_time, filters, page_size)

    def cash_ledger(
        self,
        start_time: Timestamp,
        end_time: Timestamp,
        *,
        api_key_names: Sequence[str] = (),
        page_size: int = MAX_LEDGER_PAGE,
    ) -> Iterator[dict[str, Any]]:
        """Yield what each job was charged from the account's balance, a line each, as the API writes it.

        :param start_time: jobs made from then on.
        :param end_time: jobs made until then.
        :param api_key_names: only jobs made with these API keys.
        :param page_size: lines a request, 1 to 500.
        :return: the lines, read page by page.
        :raises KlingRequestInvalid: the times are invalid.
        """
        return self._ledger(CASH_LEDGER, start_time, end_time, {"api_key_name": api_key_names}, page_size)

    def cash_balances(self) -> list[dict[str, Any]]:
        """Return what is left of the account's cash balances, by their last charge.

        The API reports a balance only with a charge, so money that was added since then is not included.

        :return: one of each ``cash_type`` (``balance``, ``test_balance``) and ``currency``, with ``balance``
            as text and ``as_of``, the Unix time (ms) of the charge; empty where nothing was charged in cash
            for 400 days.
        :raises KlingRequestInvalid: the host has no account calls.
        """
        now = int(time.time() * 1000)
        for window in _BALANCE_WINDOWS:
            lines = self.cash_ledger(now - int(window.total_seconds() * 1000), now + _CLOCK_SKEW_MS)
            if found := cash_balances(lines):
                return found
        return []

    def _ask_costs(
        self, pace: _RateLimiter, start_time: Timestamp | None, end_time: Timestamp | None, name: str | None
    ) -> list[dict[str, Any]]:
        end = _milliseconds(end_time) if end_time is not None else int(time.time() * 1000)
        window = int(COSTS_WINDOW.total_seconds() * 1000)
        start = _milliseconds(start_time) if start_time is not None else end - window
        params = {"start_time": str(start), "end_time": str(end)}
        if name:
            params["resource_pack_name"] = name
        call = ApiRequest("GET", COSTS, params=params)
        data = self._read(pace, call)
        return _rows(call, data, "resource_pack_subscribe_infos")

    def _ledger(
        self,
        path: str,
        start: Timestamp,
        end: Timestamp,
        filters: Mapping[str, Sequence[str]],
        page_size: int,
    ) -> Iterator[dict[str, Any]]:
        self._check_supported()
        first, last = _milliseconds(start), _milliseconds(end)
        if first >= last:
            raise KlingRequestInvalid(
                f"Invalid value for 'start_time': {start}; expected a time before end_time={end}."
            )
        if not 1 <= page_size <= MAX_LEDGER_PAGE:
            raise KlingRequestInvalid(
                f"Invalid value for 'page_size': {page_size}; expected 1 to {MAX_LEDGER_PAGE}."
            )
        body: dict[str, Any] = {"start_time": first, "end_time": last, "limit": page_size}
        if chosen := [{"key": key, "values": list(values)} for key, values in filters.items() if values]:
            body["filters"] = chosen
        return self._lines(path, body)

    def _lines(self, path: str, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        pace, cursors, empty_pages = self._pace(), {""}, 0
        before: list[dict[str, Any]] = []
        while True:
            call = ApiRequest("POST", path, body=body)
            with pace.lock:
                data = self._read(pace, call)
            # Where nothing was charged there may be no object with the lines, but the key itself is there.
            result = (data["result"] or {"detail": None}) if "result" in data else data
            rows = _rows(call, result if isinstance(result, Mapping) else {}, "detail")
            if len(rows) > 1 and rows == before:
                # The same page under another cursor: its charges would count twice, and the list never end.
                raise incomplete_list_error(call, "Charges")
            yield from rows
            before = rows
            try:
                cursor = next_cursor(data, cursors)
            except IncompleteListError:
                if not rows:
                    return
                raise incomplete_list_error(call, "Charges") from None
            empty_pages = 0 if rows else empty_pages + 1
            if not cursor:
                return
            if empty_pages > MAX_EMPTY_PAGES:
                raise incomplete_list_error(call, "Charges")
            cursors.add(cursor)
            # A cursor stands for the whole question; other parameters are invalid with it.
            body = {"cursor": cursor}

    def _read(self, pace: _RateLimiter, call: ApiRequest) -> dict[str, Any]:
        """Return the ``data`` of an answer, with retries; the caller holds the lock."""
        # Not the client's own retries: they know neither the pace nor the refusal inside an answer.
        for attempt in range(1, READ_ATTEMPTS):
            try:
                return self._ask(pace, call)
            except KlingError as error:
                if not is_retryable(error):
                    raise
                delay = retry_delay(error, attempt)
            time.sleep(delay)
        return self._ask(pace, call)

    def _ask(self, pace: _RateLimiter, call: ApiRequest) -> dict[str, Any]:
        time.sleep(max(0.0, pace.next_call - time.monotonic()))
        try:
            return _unwrap_inner_envelope(call, self._client.send(call))
        finally:
            pace.next_call = time.monotonic() + SECONDS_BETWEEN_CALLS

    def _pace(self) -> _RateLimiter:
        with _paces_lock:
            return _paces[self._client.settings.fingerprint]

    def _check_supported(self) -> None:
        settings = self._client.settings
        if not settings.dialect.supports_account:
            raise KlingRequestInvalid(
                f"Use a connection to Kling itself, unlike {settings.conn_id!r}: {settings.dialect.title} "
                "has no account calls; only Kling's own hosts report what is left and what was charged."
            )


def _unwrap_inner_envelope(call: ApiRequest, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``data`` of an answer.

    :raises KlingError: it is a refusal: some account calls have a second envelope inside the usual one.
    """
    data = response_data(payload)
    inner = {"code": data.get("code"), "message": data.get("msg"), "request_id": payload.get("request_id")}
    response = parse_response(_OK, {}, json.dumps(inner).encode())
    if isinstance(response, ApiError):
        raise error_from_api(response, str(call))
    return data


def _rows(call: ApiRequest, data: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the objects of a list, fit to be stored; what is no object is no row.

    :raises KlingServerError: the answer has no such list, which does not say that it is empty.
    """
    rows = data.get(name, _MISSING)
    if rows is not None and not isinstance(rows, list):
        raise KlingServerError(
            f"No {name} in the answer: a retry reads again. The answer to {call} is no list of them."
        )
    return [dict(clean(row)) for row in rows or () if isinstance(row, Mapping)]


def _milliseconds(moment: Timestamp) -> int:
    return int(moment.timestamp() * 1000) if isinstance(moment, datetime) else moment

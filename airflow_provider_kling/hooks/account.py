# SPDX-License-Identifier: Apache-2.0
"""What is left in an account's resource packs, and what its jobs were charged. Asking is free."""

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

from tenacity import Retrying, retry_if_exception, stop_after_attempt

from ..api.account import CASH_LEDGER, COSTS, MAX_LEDGER_PAGE, UNIT_LEDGER, PackageType
from ..api.errors import ApiError
from ..api.exchange import Call, read_answer
from ..exceptions import KlingRequestInvalid, error_from_api
from .calls import data_of
from .retries import READ_ATTEMPTS, can_be_read_again, pause

if TYPE_CHECKING:
    from .client import KlingClient

Moment = datetime | int
"""A time: a ``datetime``, or Unix time in milliseconds."""

COSTS_WINDOW = timedelta(days=400)
"""How far back to look for resource packs unless told: the API finds a pack by the day it was bought, so a
pack of a year would drop out of a shorter window while it is in use."""

CACHE_SECONDS = 30.0
SECONDS_BETWEEN_CALLS = 1.0
"""The vendor asks for at most one account call a second."""

_OK = 200


@dataclass(slots=True)
class _Pace:
    """Keeps the account calls of one connection apart, whatever thread makes them, and their answers."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    next_call: float = 0.0
    answers: dict[tuple[Any, ...], tuple[float, list[dict[str, Any]]]] = field(default_factory=dict)

    def forget_old(self) -> None:
        """Drop the answers that are too old."""
        oldest = time.monotonic() - CACHE_SECONDS
        self.answers = {question: kept for question, kept in self.answers.items() if kept[0] >= oldest}


# Hooks come and go with tasks; the limit is the account's. Other processes have their own count.
_paces: defaultdict[str, _Pace] = defaultdict(_Pace)
_paces_lock = threading.Lock()


class Account:
    """The account behind a connection.

    :param client: client of the account.
    """

    def __init__(self, client: KlingClient) -> None:
        self._client = client

    def costs(
        self,
        start_time: Moment | None = None,
        end_time: Moment | None = None,
        resource_pack_name: str | None = None,
    ) -> list[dict[str, Any]]:
        """Return the account's resource packs with what remains of them; lags up to 12 hours.

        The answer to the same question is kept for half a minute.

        :param start_time: packs bought from then on; 400 days before ``end_time`` when unset.
        :param end_time: packs bought until then; now when unset.
        :param resource_pack_name: only the pack of this name.
        """
        self._check_supported()
        question = (start_time, end_time, resource_pack_name)
        pace = self._pace()
        with pace.lock:
            pace.forget_old()
            if question not in pace.answers:
                packs = self._ask_costs(pace, start_time, end_time, resource_pack_name)
                pace.answers[question] = (time.monotonic(), packs)
            return copy.deepcopy(pace.answers[question][1])

    def unit_ledger(
        self,
        start_time: Moment,
        end_time: Moment,
        *,
        product_types: Sequence[PackageType] = (),
        package_names: Sequence[str] = (),
        package_ids: Sequence[str] = (),
        api_key_names: Sequence[str] = (),
        page_size: int = MAX_LEDGER_PAGE,
    ) -> Iterator[dict[str, Any]]:
        """Yield what each job took from resource packs, a line each, as the API writes it.

        :param start_time: jobs made from then on.
        :param end_time: jobs made until then.
        :param product_types: only packs of these types.
        :param package_names: only packs of these names; not together with ``package_ids``.
        :param package_ids: only packs of these ids.
        :param api_key_names: only jobs made with these API keys.
        :param page_size: lines a request, 1 to 500.
        :raises KlingRequestInvalid: the times or the filters cannot be.
        """
        if package_names and package_ids:
            raise KlingRequestInvalid(
                "package_names and package_ids are given; the API takes only one of them."
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
        start_time: Moment,
        end_time: Moment,
        *,
        api_key_names: Sequence[str] = (),
        page_size: int = MAX_LEDGER_PAGE,
    ) -> Iterator[dict[str, Any]]:
        """Yield what each job took from the account's balance, a line each, as the API writes it.

        :param start_time: jobs made from then on.
        :param end_time: jobs made until then.
        :param api_key_names: only jobs made with these API keys.
        :param page_size: lines a request, 1 to 500.
        :raises KlingRequestInvalid: the times cannot be.
        """
        return self._ledger(CASH_LEDGER, start_time, end_time, {"api_key_name": api_key_names}, page_size)

    def _ask_costs(
        self, pace: _Pace, start_time: Moment | None, end_time: Moment | None, name: str | None
    ) -> list[dict[str, Any]]:
        end = _milliseconds(end_time) if end_time is not None else int(time.time() * 1000)
        window = int(COSTS_WINDOW.total_seconds() * 1000)
        start = _milliseconds(start_time) if start_time is not None else end - window
        params = {"start_time": str(start), "end_time": str(end)}
        if name:
            params["resource_pack_name"] = name
        data = self._read(pace, Call("GET", COSTS, params=params))
        return [dict(pack) for pack in data.get("resource_pack_subscribe_infos") or []]

    def _ledger(
        self, path: str, start: Moment, end: Moment, filters: Mapping[str, Sequence[str]], page_size: int
    ) -> Iterator[dict[str, Any]]:
        self._check_supported()
        first, last = _milliseconds(start), _milliseconds(end)
        if first >= last:
            raise KlingRequestInvalid(f"start_time={start} must be before end_time={end}.")
        if not 1 <= page_size <= MAX_LEDGER_PAGE:
            raise KlingRequestInvalid(f"page_size={page_size} must be 1 to {MAX_LEDGER_PAGE}.")
        body: dict[str, Any] = {"start_time": first, "end_time": last, "limit": page_size}
        if given := [{"key": key, "values": list(values)} for key, values in filters.items() if values]:
            body["filters"] = given
        return self._lines(path, body)

    def _lines(self, path: str, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        pace, cursors = self._pace(), {""}
        while True:
            with pace.lock:
                data = self._read(pace, Call("POST", path, body=body))
            result = data.get("result")
            yield from (dict(line) for line in (result or {}).get("detail") or [])
            cursor = str(data.get("next_cursor") or "")
            if not data.get("has_more") or cursor in cursors:
                return
            cursors.add(cursor)
            # A cursor stands for the whole question; beside it the other parameters are invalid.
            body = {"cursor": cursor}

    def _read(self, pace: _Pace, call: Call) -> dict[str, Any]:
        """Return the ``data`` of an answer, asked for until there is one; the caller holds the lock."""
        # Not the client's own repetition: it sees neither the pace nor the refusal inside an answer.
        retrying = Retrying(
            stop=stop_after_attempt(READ_ATTEMPTS),
            wait=pause,
            retry=retry_if_exception(can_be_read_again),
            reraise=True,
        )
        return retrying(self._ask, pace, call)

    def _ask(self, pace: _Pace, call: Call) -> dict[str, Any]:
        time.sleep(max(0.0, pace.next_call - time.monotonic()))
        try:
            return _granted(call, self._client.send(call))
        finally:
            pace.next_call = time.monotonic() + SECONDS_BETWEEN_CALLS

    def _pace(self) -> _Pace:
        with _paces_lock:
            return _paces[self._client.settings.fingerprint]

    def _check_supported(self) -> None:
        settings = self._client.settings
        if not settings.dialect.account:
            raise KlingRequestInvalid(
                f"Connection {settings.conn_id!r}: {settings.dialect.title} has no account calls; only "
                "Kling's own hosts tell what is left and what was charged."
            )


def _granted(call: Call, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``data`` of an answer.

    :raises KlingError: it is a refusal: some account calls have a second envelope inside the usual one.
    """
    data = data_of(payload)
    inner = {"code": data.get("code"), "message": data.get("msg"), "request_id": payload.get("request_id")}
    answer = read_answer(_OK, {}, json.dumps(inner).encode())
    if isinstance(answer, ApiError):
        raise error_from_api(answer, str(call))
    return data


def _milliseconds(moment: Moment) -> int:
    return int(moment.timestamp() * 1000) if isinstance(moment, datetime) else moment

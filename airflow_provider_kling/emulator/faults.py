# SPDX-License-Identifier: Apache-2.0
"""Faults that a test can switch on, and their effects; none of them is random."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from .errors import ApiErrorResponse
from .spec.validation import ValidatedBody
from .wire import ConnectionDropped, Request, Response

DEFAULT_REASON = "Failure to pass the risk control system"
UNTIL_RELEASED = -1.0
_PROXY_PAGE = b"""<html>\r
<head><title>502 Bad Gateway</title></head>\r
<body>\r
<center><h1>502 Bad Gateway</h1></center>\r
<hr><center>nginx</center>\r
</body>\r
</html>\r
"""
_SERVER_ERRORS = (
    ApiErrorResponse(500, 5000, "Internal server error"),
    ApiErrorResponse(503, 5001, "Server is temporarily unavailable, usually due to maintenance"),
    ApiErrorResponse(504, 5002, "Server internal timeout, usually due to backlog"),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    :param kind: type of its setting.
    :param text: what it does, for the help and the docs; ``n`` is the setting.
    :param minimum: the smallest number allowed.
    """

    kind: type
    text: str
    minimum: float = 0


FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        # Any API request; downloads and /_emulator are not counted.
        "proxy_page": Fault(int, "every nth request is answered with a 502 HTML page, like that of a proxy"),
        "server_error": Fault(int, "every nth request is answered with 500/5000, 503/5001, 504/5002 in turn"),
        "rate_limited": Fault(
            int, "the next n requests are answered with 429/1302 and the header Retry-After"
        ),
        "retry_after": Fault(int, "value of the header Retry-After (1)"),
        "bad_credentials": Fault(int, "the next n requests are answered with 401/1002"),
        "latency": Fault(float, "every response is delayed by n seconds"),
        # Create calls.
        "slots_taken": Fault(int, "the next n create calls are answered with 429/1303"),
        "lost_response": Fault(int, "every nth create call creates its job, then the connection is cut"),
        "late_error": Fault(int, "every nth create call creates its job, then the response is 504/5002"),
        "lost_request": Fault(int, "every nth create call is cut before its job is created"),
        "stall_before": Fault(
            float,
            "the next create call is held for n seconds before its job is created; -1: until released",
            UNTIL_RELEASED,
        ),
        "stall_after": Fault(
            float,
            "the next create call is held for n seconds after its job was created; -1: until released",
            UNTIL_RELEASED,
        ),
        "stall_times": Fault(int, "number of create calls that are held (1)"),
        "refused_word": Fault(str, "prompts with this word are answered with 400/1301"),
        "arrears_after": Fault(int, "create calls are answered with 429/1101 after n jobs"),
        "empty_after": Fault(int, "create calls are answered with 429/1102 after n jobs"),
        "no_credit": Fault(bool, "create calls are answered with 429/1102"),
        "not_permitted": Fault(bool, "create calls are answered with 403/1103"),
        # Jobs and queries.
        "failed_job": Fault(int, "every nth job fails"),
        "failed_word": Fault(str, "jobs whose prompt has this word fail"),
        "fail_reason": Fault(str, f"task_status_msg of failed jobs ({DEFAULT_REASON})"),
        "unknown_status": Fault(str, "status that reads return instead of processing"),
        "unlisted_job": Fault(int, "every nth job is missing from lists"),
        "no_list": Fault(bool, "lists are not supported"),
        "no_external_id": Fault(bool, "look-ups by external id are not supported"),
        "costs_limited": Fault(
            bool, "a read of the balance less than a second after the last one is answered with code 1302"
        ),
        # Downloads.
        "expired_url": Fault(int, "the next n downloads are answered with 403, as if the URL had expired"),
        "download_error": Fault(int, "the next n downloads are answered with 503"),
        "cut_download": Fault(int, "downloads are cut after n bytes"),
        "cut_times": Fault(int, "number of downloads that are cut (all)"),
    }
)
"""All faults by name."""

_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


class Faults:
    """The faults that are on, and how often each one has struck.

    :param settings: faults that are on from the start.
    """

    def __init__(self, settings: Mapping[str, object] | None = None) -> None:
        self._settings: dict[str, Any] = {}
        self._occasions: Counter[str] = Counter()
        self.fired: Counter[str] = Counter()
        self.set(settings or {})

    def set(self, settings: Mapping[str, object]) -> None:
        """Turn faults on or, with ``0``, ``""`` or ``None``, off; others are not changed.

        :param settings: settings by name of the fault.
        :raises ValueError: a name is unknown or a value has the wrong type; nothing is changed.
        """
        parsed = {name: _parse(name, value) for name, value in settings.items()}
        for name, value in parsed.items():
            self._occasions.pop(name, None)
            if value:
                self._settings[name] = value
            else:
                self._settings.pop(name, None)

    def clear(self) -> None:
        """Switch all faults off and reset their counts."""
        self._settings.clear()
        self._occasions.clear()
        self.fired.clear()

    def to_json(self) -> dict[str, Any]:
        """Return the settings and counts for the introspection API.

        :return: settings of the faults that are on, and how often each fault struck.
        """
        return {"on": dict(self._settings), "fired": dict(self.fired)}

    def setting(self, name: str) -> Any:
        """Return the setting of a fault.

        :param name: the fault.
        :return: the setting; ``None`` if it is off.
        """
        return self._settings.get(name)

    def strikes(self, name: str) -> bool:
        """Return whether a fault is on, and count it.

        :param name: the fault.
        :return: ``True`` if it strikes.
        """
        return self._count(name, name in self._settings)

    def strikes_every_nth(self, name: str) -> bool:
        """Count one occasion of a fault that strikes every nth time.

        :param name: the fault.
        :return: ``True`` if it strikes.
        """
        nth = self._settings.get(name)
        if nth is None:
            return False
        self._occasions[name] += 1
        return self._count(name, self._occasions[name] % nth == 0)

    def strikes_next_n(self, name: str) -> bool:
        """Use up one of the n times that a fault strikes.

        :param name: the fault.
        :return: ``True`` if it strikes.
        """
        remaining = self._settings.get(name, 0)
        if remaining == 1:
            del self._settings[name]
        elif remaining > 1:
            self._settings[name] = remaining - 1
        return self._count(name, remaining > 0)

    def strikes_limited_times(self, name: str, limit: str, default: int | None) -> Any:
        """Return the setting of a fault that strikes a limited number of times, and count it.

        :param name: the fault.
        :param limit: the setting that says how often it strikes.
        :param default: how often it strikes without; ``None`` is always.
        :return: the setting; ``None`` if the fault does not strike.
        """
        value = self._settings.get(name)
        most = self._settings.get(limit, default)
        if value is None:
            return None
        self._occasions[name] += 1
        if most is not None and self._occasions[name] >= most:
            self._settings.pop(name)
        self.fired[name] += 1
        return value

    def _count(self, name: str, strikes: bool) -> bool:
        if strikes:
            self.fired[name] += 1
        return strikes


def _parse(name: str, value: object) -> Any:
    fault = FAULTS.get(name)
    if fault is None:
        raise ValueError(f"unknown fault {name!r}; known are {', '.join(FAULTS)}")
    if value is None or value == "":
        return None
    if fault.kind is bool:
        return _parse_switch(name, value)
    whole = fault.kind is int and isinstance(value, float)
    try:
        parsed = fault.kind(value)
    except (TypeError, ValueError):
        parsed = None
    if parsed is None or whole:
        raise ValueError(f"fault {name} takes a value of type {fault.kind.__name__}, got {value!r}")
    if fault.kind is not str and parsed < fault.minimum:
        raise ValueError(f"fault {name} takes a number from {fault.minimum:g} on, got {value!r}")
    return parsed


def _parse_switch(name: str, value: object) -> bool:
    word = str(value).lower()
    if word not in _TRUE + _FALSE:
        raise ValueError(f"fault {name} takes true or false, got {value!r}")
    return word in _TRUE


class FaultInjector:
    """Applies the faults that are on.

    :param faults: the faults.
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._errors = itertools.cycle(_SERVER_ERRORS)
        self._released = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.stalled = 0

    async def on_request(self) -> Response | None:
        """Apply the faults that strike any API request.

        :return: the response of a proxy between client and API; ``None`` to continue.
        :raises ApiErrorResponse: an error of the API.
        """
        if latency := self._faults.setting("latency"):
            await asyncio.sleep(latency)
        if self._faults.strikes_every_nth("proxy_page"):
            return Response(_PROXY_PAGE, 502, "text/html")
        if self._faults.strikes_every_nth("server_error"):
            # A copy: an exception that is raised repeatedly would accumulate tracebacks.
            raise replace(next(self._errors))
        if self._faults.strikes_next_n("rate_limited"):
            seconds = self._faults.setting("retry_after") or 1
            raise ApiErrorResponse(
                429, 1302, "Too many requests, please slow down", {"retry-after": str(seconds)}
            )
        if self._faults.strikes_next_n("bad_credentials"):
            raise ApiErrorResponse(401, 1002, "Authorization is invalid")
        return None

    async def before_create(self, request: Request, validated: ValidatedBody, jobs: int) -> None:
        """Apply the faults that strike a valid create call before its job is created.

        :param request: the request.
        :param validated: its validated body.
        :param jobs: number of jobs so far.
        :raises ApiErrorResponse: an error of the API.
        :raises ConnectionDropped: the request is to be lost.
        """
        await self._hold("stall_before", request)
        if self._faults.strikes_every_nth("lost_request"):
            raise ConnectionDropped
        word = self._faults.setting("refused_word")
        if word and word in str(validated.body.get("prompt", "")) and self._faults.strikes("refused_word"):
            raise ApiErrorResponse(400, 1301, "The content is not compliant with the content safety policy")
        self._refuse_after("arrears_after", 1101, "Account in arrears", jobs)
        self._refuse_after("empty_after", 1102, "Account balance not enough", jobs)
        if self._faults.strikes("no_credit"):
            raise ApiErrorResponse(429, 1102, "Account balance not enough")
        if self._faults.strikes("not_permitted"):
            raise ApiErrorResponse(403, 1103, "Unauthorized access to the requested resource")

    async def after_create(self, request: Request) -> None:
        """Apply the faults that strike a create call after its job was created.

        :param request: the request.
        :raises ApiErrorResponse: an error of the API.
        :raises ConnectionDropped: the response is to be lost.
        """
        await self._hold("stall_after", request)
        if self._faults.strikes_every_nth("lost_response"):
            raise ConnectionDropped
        if self._faults.strikes_every_nth("late_error"):
            raise replace(_SERVER_ERRORS[2])

    def release(self) -> None:
        """Answer all create calls that are being held. May be called from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._release)

    def _release(self) -> None:
        self._released.set()
        self._released = asyncio.Event()

    def _refuse_after(self, name: str, code: int, message: str, jobs: int) -> None:
        most = self._faults.setting(name)
        if most is not None and jobs >= most and self._faults.strikes(name):
            raise ApiErrorResponse(429, code, message)

    async def _hold(self, name: str, request: Request) -> None:
        seconds = self._faults.strikes_limited_times(name, "stall_times", 1)
        if seconds is None:
            return
        self._loop = asyncio.get_running_loop()
        release = asyncio.create_task(self._released.wait())
        disconnected = asyncio.create_task(request.disconnected())
        self.stalled += 1
        try:
            await asyncio.wait(
                (release, disconnected),
                timeout=None if seconds == UNTIL_RELEASED else seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            self.stalled -= 1
            is_disconnected = disconnected.done()
            for task in (release, disconnected):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        if is_disconnected:
            raise ConnectionDropped

# SPDX-License-Identifier: Apache-2.0
"""What the faults do to requests, create calls and downloads."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from dataclasses import replace

from .errors import ApiErrorResponse
from .faults import UNTIL_RELEASED, Faults
from .spec.validation import ValidatedBody
from .wire import ConnectionDropped, Request, Response

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


class FaultInjector:
    """Carries out the faults that are on.

    :param faults: the faults.
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._errors = itertools.cycle(_SERVER_ERRORS)
        self._released = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.stalled = 0

    async def request(self) -> Response | None:
        """Apply the faults that strike any API request.

        :return: the response of something between client and API; ``None`` to go on.
        :raises ApiErrorResponse: an error of the API.
        """
        if latency := self._faults.setting("latency"):
            await asyncio.sleep(latency)
        if self._faults.every("proxy_page"):
            return Response(_PROXY_PAGE, 502, "text/html")
        if self._faults.every("server_error"):
            # A copy: an exception that is raised again and again would keep the frames of each time.
            raise replace(next(self._errors))
        if self._faults.times("rate_limited"):
            seconds = self._faults.setting("retry_after") or 1
            raise ApiErrorResponse(
                429, 1302, "Too many requests, please slow down", {"retry-after": str(seconds)}
            )
        if self._faults.times("bad_credentials"):
            raise ApiErrorResponse(401, 1002, "Authorization is invalid")
        return None

    async def before_job(self, call: Request, validated: ValidatedBody, jobs: int) -> None:
        """Apply the faults that strike a valid create call before its job is created.

        :param call: the request.
        :param validated: its validated body.
        :param jobs: number of jobs so far.
        :raises ApiErrorResponse: an error of the API.
        :raises ConnectionDropped: the request is to be lost.
        """
        await self._stall("stall_before", call)
        if self._faults.every("lost_request"):
            raise ConnectionDropped
        word = self._faults.setting("refused_word")
        if word and word in str(validated.body.get("prompt", "")) and self._faults.fire("refused_word"):
            raise ApiErrorResponse(400, 1301, "The content is not compliant with the content safety policy")
        self._account("arrears_after", 1101, "Account in arrears", jobs)
        self._account("empty_after", 1102, "Account balance not enough", jobs)
        if self._faults.fire("no_credit"):
            raise ApiErrorResponse(429, 1102, "Account balance not enough")
        if self._faults.fire("not_permitted"):
            raise ApiErrorResponse(403, 1103, "Unauthorized access to the requested resource")

    async def after_job(self, call: Request) -> None:
        """Apply the faults that strike a create call after its job was created.

        :param call: the request.
        :raises ApiErrorResponse: an error of the API.
        :raises ConnectionDropped: the response is to be lost.
        """
        await self._stall("stall_after", call)
        if self._faults.every("lost_response"):
            raise ConnectionDropped
        if self._faults.every("late_error"):
            raise replace(_SERVER_ERRORS[2])

    def release(self) -> None:
        """Answer all create calls that are being held. May be called from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._release)

    def _release(self) -> None:
        self._released.set()
        self._released = asyncio.Event()

    def _account(self, name: str, code: int, message: str, jobs: int) -> None:
        most = self._faults.setting(name)
        if most is not None and jobs >= most and self._faults.fire(name):
            raise ApiErrorResponse(429, code, message)

    async def _stall(self, name: str, call: Request) -> None:
        seconds = self._faults.limited(name, "stall_times", 1)
        if seconds is None:
            return
        self._loop = asyncio.get_running_loop()
        released = asyncio.create_task(self._released.wait())
        gone = asyncio.create_task(call.gone())
        self.stalled += 1
        try:
            await asyncio.wait(
                (released, gone),
                timeout=None if seconds == UNTIL_RELEASED else seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            self.stalled -= 1
            left = gone.done()
            for task in (released, gone):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        if left:
            raise ConnectionDropped

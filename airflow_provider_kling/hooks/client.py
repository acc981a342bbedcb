# SPDX-License-Identifier: Apache-2.0
"""Synchronous exchanges over one ``requests`` session."""

from __future__ import annotations

import json
import re
import ssl
import time
from contextlib import suppress
from typing import Any, cast

import requests
import requests.auth
from tenacity import Retrying, retry_if_exception, stop_after_attempt
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, SSLError

from ..api.endpoint import Endpoint
from ..api.exchange import Call, create_call, list_call, pages_by_cursor, query_calls
from ..api.readable import readable
from ..api.task import Task, read_tasks
from ..exceptions import KlingServerError, KlingTaskNotFound
from .answers import cause_of, pieces
from .outcome import HEADERS, MAX_ANSWER_BYTES, TokenNotValidNow, payload_of, task_of, unanswered
from .retries import READ_ATTEMPTS, can_be_read_again, pause
from .settings import KlingSettings
from .tls import trusted_by

# OpenSSL's words for what goes wrong before anything is sent.
_HANDSHAKE = re.compile(
    r"CERTIFICATE_VERIFY|WRONG_VERSION|HANDSHAKE|UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|UNRECOGNIZED_NAME"
)

# What http.client says of a proxy that refuses to connect: the request itself comes after that.
_TUNNEL_REFUSED = "Tunnel connection failed"


class KlingClient:
    """Calls the API.

    :param settings: the checked connection.
    :param session: session to send with; its adapters are used as they are.
    """

    def __init__(self, settings: KlingSettings, session: requests.Session) -> None:
        self.settings = settings
        self._session = session
        self._masked = ""
        self._starts: dict[tuple[str, int], list[str]] = {}

    def create(self, endpoint: Endpoint, body: dict[str, Any]) -> Task:
        """Create a task: one POST, never repeated here, for it costs money."""
        call = create_call(endpoint, body)
        return task_of(call, self.send(call))

    def get_task(self, endpoint: Endpoint, task_id: str, *, patient: bool = True) -> Task:
        """Read one task by its id or external id.

        :param patient: try again and again while that can help.
        """
        ask = self.read if patient else self.send
        *first, last = query_calls(endpoint, task_id)
        for call in first:
            with suppress(KlingTaskNotFound):
                return task_of(call, ask(call))
        return task_of(last, ask(last))

    def find_task(self, endpoint: Endpoint, external_task_id: str) -> Task | None:
        """Look a task up by its external id; ``None`` when there is none."""
        try:
            return self.get_task(endpoint, external_task_id)
        except KlingTaskNotFound:
            return None

    def list_tasks(self, endpoint: Endpoint, page: int, page_size: int) -> list[Task]:
        """List tasks, newest first; of an endpoint of API 2.0, those of all its endpoints."""
        if not endpoint.tasks:
            return read_tasks(self.read(list_call(endpoint, page, page_size)))
        starts = self._starts.setdefault((endpoint.tasks, page_size), [])
        steps = pages_by_cursor(endpoint, page, page_size, starts)
        call = next(steps)
        while True:
            try:
                call = steps.send(self.read(call))
            except StopIteration as end:
                return cast("list[Task]", end.value)

    def read(self, call: Call) -> dict[str, Any]:
        """Make a call that changes nothing, again and again while that can help."""
        retrying = Retrying(
            stop=stop_after_attempt(READ_ATTEMPTS),
            wait=pause,
            retry=retry_if_exception(can_be_read_again),
            reraise=True,
        )
        return retrying(self.send, call)

    def send(self, call: Call) -> dict[str, Any]:
        """Make a call once; a second time only where a new token is all that was missing."""
        try:
            return payload_of(self.settings, call, *self._exchange(call))
        except TokenNotValidNow as refusal:
            if not self.settings.credentials.renew():
                raise refusal.error from None
        try:
            return payload_of(self.settings, call, *self._exchange(call))
        except TokenNotValidNow as refusal:
            raise refusal.error from None

    def _exchange(self, call: Call) -> tuple[int, dict[str, str], bytes]:
        data = None if call.body is None else json.dumps(call.body).encode()
        connect = self.settings.timeout[0]
        read = self.settings.read_timeout(len(data or b""))
        deadline = time.monotonic() + self.settings.exchange_timeout(len(data or b""))
        try:
            with self._session.request(
                call.method,
                self.settings.url(call.path),
                params=call.params,
                data=data,
                headers=HEADERS,
                # As a header, what ~/.netrc says of the host would replace it.
                auth=_Bearer(self._token()),
                # Only as arguments of the request do these go before the environment's.
                verify=self.settings.verify,
                proxies=self.settings.proxies,
                timeout=(connect, read),
                allow_redirects=False,
                stream=True,
            ) as response:
                return response.status_code, dict(response.headers), _bounded(response, deadline)
        except OSError as error:
            raise self._failed(call, error, connect, read) from None

    def _failed(self, call: Call, error: OSError, connect: float, read: float) -> KlingServerError:
        reason, sent = _reason(error, connect, read), not _never_sent(error)
        if _about_bundle(error):
            try:
                trusted_by(self.settings)
            except KlingServerError as trouble:
                reason = trouble.message.rstrip(".")
        return unanswered(self.settings, call, reason, sent=sent)

    def _token(self) -> str:
        from airflow.providers.common.compat.sdk import mask_secret

        token = self.settings.credentials.token()
        if token != self._masked:
            # Telling it to Airflow's supervisor takes a message: once a token, not once a poll.
            mask_secret(token)
            self._masked = token
        return token


class _Bearer(requests.auth.AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _bounded(response: requests.Response, deadline: float) -> bytes:
    body = bytearray()
    for piece in pieces(response):
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise requests.exceptions.ContentDecodingError(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
        if time.monotonic() > deadline:
            raise requests.Timeout("the answer does not end")
    return bytes(body)


def _about_bundle(error: OSError) -> bool:
    """Whether the bundle of certificates cannot be read, which is found out before anything is sent."""
    if isinstance(cause := cause_of(error), SSLError | ssl.SSLError):
        return "X509" in str(cause)
    return not isinstance(error, requests.RequestException) and "TLS CA certificate bundle" in str(error)


def _never_sent(error: OSError) -> bool:
    cause = cause_of(error)
    if isinstance(cause, SSLError | ssl.SSLError):
        # Other TLS errors can come with the answer.
        return _about_bundle(error) or _HANDSHAKE.search(str(cause)) is not None
    if isinstance(error, requests.exceptions.InvalidHeader):
        # One of the answer's: our own are fit to be sent.
        return False
    # NameResolutionError is a NewConnectionError; a ValueError is an address that cannot be sent to.
    return (
        isinstance(cause, NewConnectionError | ConnectTimeoutError)
        or isinstance(error, ValueError)
        or (isinstance(cause, OSError) and str(cause).startswith(_TUNNEL_REFUSED))
        or _about_bundle(error)
    )


def _reason(error: OSError, connect: float, read: float) -> str:
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {connect:g} s"
    if isinstance(error, requests.ReadTimeout):
        return f"nothing came within {round(read, 1):g} s"
    text = str(cause_of(error)).split(": ", 1)[-1]
    return f"{type(error).__name__}: {readable(text, 200)}"

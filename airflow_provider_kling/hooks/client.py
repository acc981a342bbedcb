# SPDX-License-Identifier: Apache-2.0
"""Send requests with one ``requests`` session."""

from __future__ import annotations

import json
import re
import ssl
import time
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, TypeVar

import requests
import requests.auth
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, SSLError

from ..api.endpoint import Endpoint
from ..api.http import ApiRequest
from ..api.requests.base import KlingRequest
from ..api.task import KlingTask
from ..exceptions import JobState, KlingServerError
from ..utils.redaction import sanitize_text
from . import flows
from .connection import KlingSettings
from .responses import HEADERS, MAX_RESPONSE_BYTES, no_response_error
from .transport import check_is_final, iter_body, root_cause, ssl_context_for, unpooled, within

# OpenSSL's words for what goes wrong before anything is sent.
_HANDSHAKE = re.compile(
    r"CERTIFICATE_VERIFY|WRONG_VERSION|HANDSHAKE|UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|UNRECOGNIZED_NAME"
)

# Text of http.client for a proxy that refuses to connect, before the request itself is sent.
_TUNNEL_REFUSED = "Tunnel connection failed"


_T = TypeVar("_T")


class KlingClient:
    """Call the API with ``requests``.

    :param settings: the checked connection.
    :param session: session to send with; its adapters are used as they are.
    """

    def __init__(self, settings: KlingSettings, session: requests.Session) -> None:
        self.settings = settings
        self._session = session
        self._masked = ""
        self._cursors = flows.ListCursors()

    def run(self, flow: flows.Flow[_T]) -> _T:
        """Carry out a flow.

        :param flow: a generator of :mod:`.flows`.
        :return: its result.
        """
        try:
            command = next(flow)
            while True:
                try:
                    response = self._run_command(command)
                except Exception as error:
                    command = flow.throw(error)
                else:
                    command = flow.send(response)
        except StopIteration as end:
            result: _T = end.value
            return result

    def _run_command(self, command: flows.Command) -> flows.HttpResponse | None:
        if isinstance(command, ApiRequest):
            return self._send_once(command)
        if isinstance(command, flows.Call):
            command.function()
            return None
        time.sleep(command.seconds)
        return None

    def create(self, endpoint: Endpoint, body: KlingRequest | Mapping[str, Any]) -> KlingTask:
        """Create a task with one POST; see :func:`.flows.create`.

        :param endpoint: the endpoint.
        :param body: the request, or its JSON body as it is to be sent.
        :return: the task.
        """
        return self.run(flows.create(self.settings, endpoint, body))

    def get_task(
        self, endpoint: Endpoint, task_id: str, *, retry: bool = True, by_external_id: bool = False
    ) -> KlingTask:
        """Read one task; see :func:`.flows.get_task`.

        :param endpoint: the endpoint that made it.
        :param task_id: its id or external id.
        :param retry: retry the read while that can help.
        :param by_external_id: ``task_id`` is an external id.
        :return: the task.
        """
        return self.run(
            flows.get_task(self.settings, endpoint, task_id, retry=retry, by_external_id=by_external_id)
        )

    def find_task(
        self, endpoint: Endpoint, external_task_id: str, *, by_external_id: bool = True
    ) -> KlingTask | None:
        """Look a task up by its external id; see :func:`.flows.find_task`.

        :param endpoint: the endpoint that made it.
        :param external_task_id: the external id.
        :param by_external_id: it is an external id; otherwise an id that the host gave.
        :return: the task; ``None`` when there is none.
        """
        return self.run(
            flows.find_task(self.settings, endpoint, external_task_id, by_external_id=by_external_id)
        )

    def list_tasks(self, endpoint: Endpoint, page: int, page_size: int) -> list[KlingTask]:
        """List tasks, newest first; see :func:`.flows.list_tasks`.

        :param endpoint: the endpoint.
        :param page: page number from 1.
        :param page_size: tasks a page, 1 to 500.
        :return: the tasks of the page.
        """
        return self.run(flows.list_tasks(self.settings, endpoint, page, page_size, self._cursors))

    def read(self, request: ApiRequest) -> dict[str, Any]:
        """Send a request that changes nothing, and retry it while that can help.

        :param request: what to send.
        :return: the JSON object of the answer.
        """
        return self.run(flows.read(self.settings, request))

    def send(self, request: ApiRequest) -> dict[str, Any]:
        """Send a request once; a second time only where a new token is all that was missing.

        :param request: what to send.
        :return: the JSON object of the answer.
        """
        return self.run(flows.send(self.settings, request))

    def _send_once(self, call: ApiRequest) -> tuple[int, dict[str, str], bytes]:
        data = None if call.body is None else json.dumps(call.body).encode()
        connect = self.settings.timeout[0]
        read = self.settings.read_timeout(len(data or b""))
        total = self.settings.exchange_timeout(len(data or b""))
        deadline, token = time.monotonic() + total, self._token()

        def exchange() -> tuple[int, dict[str, str], bytes]:
            session = unpooled(self._session) if call.needs_new_connection else nullcontext(self._session)
            with (
                session as used,
                used.request(
                    call.method,
                    self.settings.url(call.path),
                    params=call.params,
                    data=data,
                    headers=HEADERS,
                    # As a header, an entry of ~/.netrc for the host would replace it.
                    auth=_Bearer(token),
                    # Only as arguments of the request do these go before the environment's.
                    verify=self.settings.verify,
                    proxies=self.settings.proxies,
                    timeout=(connect, read),
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                check_is_final(response.status_code)
                return response.status_code, dict(response.headers), _read_body(response, deadline)

        try:
            return within(total, exchange)
        except OSError as error:
            raise self._to_error(call, error, connect, read) from None

    def _to_error(self, call: ApiRequest, error: OSError, connect: float, read: float) -> KlingServerError:
        reason, sent = _describe(error, connect, read), not _was_not_sent(error)
        if _is_ca_bundle_error(error):
            try:
                ssl_context_for(self.settings)
            except KlingServerError as unusable:
                if call.creates_task:
                    unusable.set_job_state(JobState.NOT_CREATED)
                return unusable
        return no_response_error(self.settings, call, reason, sent=sent)

    def _token(self) -> str:
        from ..version_compat import mask_secret

        token = self.settings.credentials.token()
        if token != self._masked:
            # Masking it in Airflow's supervisor takes a message: once a token, not once a poll.
            mask_secret(token)
            self._masked = token
        return token


class _Bearer(requests.auth.AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _read_body(response: requests.Response, deadline: float) -> bytes:
    body = bytearray()
    for chunk in iter_body(response):
        body += chunk
        if len(body) > MAX_RESPONSE_BYTES:
            raise requests.exceptions.ContentDecodingError(
                f"an answer of more than {MAX_RESPONSE_BYTES} bytes"
            )
        if time.monotonic() > deadline:
            raise requests.Timeout("the answer does not end")
    return bytes(body)


def _is_ca_bundle_error(error: OSError) -> bool:
    """Whether the CA bundle cannot be read, an error from before anything is sent."""
    if isinstance(cause := root_cause(error), SSLError | ssl.SSLError):
        return "X509" in str(cause)
    return not isinstance(error, requests.RequestException) and "TLS CA certificate bundle" in str(error)


def _was_not_sent(error: OSError) -> bool:
    cause = root_cause(error)
    if isinstance(cause, SSLError | ssl.SSLError):
        # Other TLS errors can come with the answer.
        return _is_ca_bundle_error(error) or _HANDSHAKE.search(str(cause)) is not None
    if isinstance(error, requests.exceptions.InvalidHeader):
        # One of the answer's: our own are fit to be sent.
        return False
    # NameResolutionError is a NewConnectionError; a ValueError is a URL that cannot be sent to.
    return (
        isinstance(cause, NewConnectionError | ConnectTimeoutError)
        or isinstance(error, ValueError)
        or (isinstance(cause, OSError) and str(cause).startswith(_TUNNEL_REFUSED))
        or _is_ca_bundle_error(error)
    )


def _describe(error: OSError, connect: float, read: float) -> str:
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {connect:g} s"
    if isinstance(error, requests.ReadTimeout):
        return f"nothing came within {round(read, 1):g} s"
    text = str(root_cause(error)).split(": ", 1)[-1]
    return f"{type(error).__name__}: {sanitize_text(text, 200)}"

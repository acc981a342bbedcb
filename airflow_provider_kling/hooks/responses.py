# SPDX-License-Identifier: Apache-2.0
"""Convert an HTTP response to its payload or to an exception."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from .. import __version__
from ..api.errors import REFUSAL_CODES, ApiError, ErrorKind, known_code, read_refusal
from ..api.http import ApiRequest, is_json_object, parse_response, select_task
from ..api.requests.base import KlingRequest
from ..api.task import KlingTask, parse_task
from ..api.validation_errors import format_validation_error
from ..exceptions import (
    CONTENT_ADVICE,
    TAKEN_ADVICE,
    JobState,
    KlingError,
    KlingRequestInvalid,
    KlingServerError,
    KlingTaskNotFound,
    error_from_api,
)
from ..utils.json_input import read_response_json
from ..utils.redaction import sanitize_text
from .connection import KlingSettings
from .hidden_secrets import HiddenSecrets

MAX_RESPONSE_BYTES = 32_000_000
"""Longest answer that is read: some 20 times a full list page."""

_MAX_KEYS_LENGTH = 300
_MAX_ID_LENGTH = 100

HEADERS = {
    "Accept": "application/json",
    "Content-Type": "application/json",
    "User-Agent": f"airflow-provider-kling/{__version__}",
}


_PLAIN_HTTP_HINT = (
    " (the connection's host, or its proxy, is set to https, but the server there speaks plain http)"
)


_PLAIN_HTTP = "WRONG_VERSION_NUMBER"
_NO_TRUST = re.compile(r"certificate|X509", re.IGNORECASE)
_NO_NAME = re.compile(
    r"failed to resolve|name or service not known|nodename nor servname|no address associated"
    r"|name resolution|getaddrinfo|dns lookup",
    re.IGNORECASE,
)
"""Messages of the system's resolver for an unknown host name."""


class TokenRejected(Exception):
    """The signed token is refused because of its times.

    :param error: what to raise if a new token is refused too.
    """

    def __init__(self, error: KlingError) -> None:
        super().__init__()
        self.error = error


def parse_or_raise(
    settings: KlingSettings, call: ApiRequest, status: int, headers: Mapping[str, str], body: bytes
) -> dict[str, Any]:
    """Return the payload of an answer.

    :param settings: the connection that was used, for error texts.
    :param call: the request.
    :param status: HTTP status.
    :param headers: headers of the answer.
    :param body: body of the answer.
    :return: its JSON object, without secrets.
    :raises TokenRejected: a newly signed token may be accepted.
    :raises KlingError: the answer is a refusal or no answer of the API at all.
    """
    response = parse_response(status, headers, body)
    hidden = HiddenSecrets(settings.credentials.secrets())
    if not isinstance(response, ApiError):
        return hidden.redact_response(response, body)
    if call.method == "GET" and _is_trouble_of_a_read(response):
        response = replace(response, kind=ErrorKind.SERVER)
    # Servers echo keys that they refuse; before the text is cut, so that no part of one stays.
    body = hidden.redact_body(body)
    headers = {name: hidden.redact_text(value) for name, value in headers.items()}
    redacted = parse_response(status, headers, body)
    if isinstance(redacted, ApiError):
        response = replace(response, message=redacted.message, request_id=redacted.request_id)
    doing = str(call)
    if response.is_wrong_url:
        doing, response = (
            f"{call.method} {settings.url(call.path)}",
            replace(response, hint=_base_url_hint(settings)),
        )
    error = error_from_api(
        response, doing, job=_job_state_after(call, response, body), advice=_advice(settings, call, response)
    )
    if response.kind is ErrorKind.AUTH_EXPIRED:
        raise TokenRejected(error)
    raise error


def _is_trouble_of_a_read(error: ApiError) -> bool:
    """Whether a read is refused by words that make sense for a create call alone: it costs nothing."""
    if error.kind is ErrorKind.CONTENT:
        return True
    return (
        error.kind is ErrorKind.ACCOUNT
        and not known_code(error.code)
        and error.http_status not in (*(402, 403),)
    )


def no_response_error(
    settings: KlingSettings, call: ApiRequest, reason: str, *, sent: bool
) -> KlingServerError:
    """Make the exception for a request without an answer.

    :param settings: the connection that was used.
    :param call: the request.
    :param reason: what went wrong, in words.
    :param sent: whether the request may have reached the server.
    :return: the exception.
    """
    job = (JobState.MAY_EXIST if sent else JobState.NOT_CREATED) if call.creates_task else None
    reason = HiddenSecrets(settings.credentials.secrets()).redact_text(reason)
    hint = _PLAIN_HTTP_HINT if _PLAIN_HTTP in reason else ""
    return KlingServerError(
        f"{_advice_without_answer(reason, sent=sent)} of connection {settings.conn_id!r}. No response from "
        f"{settings.host_and_port} to {call}: {reason}{hint}.",
        job=job,
    )


def _advice_without_answer(reason: str, *, sent: bool) -> str:
    """Return cause and remedy for a request without an answer; the name of the connection follows."""
    if _NO_NAME.search(reason):
        return "Host not found: check Host"
    if _PLAIN_HTTP in reason:
        return "No TLS there: write http:// in Host or proxy"
    if _NO_TRUST.search(reason):
        return "Certificate not accepted: check verify and Host"
    if sent:
        return "Answer lost, a retry can help: check network and proxy"
    return "Host unreachable: check Host and proxy"


def incomplete_list_error(call: ApiRequest, missing: str) -> KlingServerError:
    """Make the exception for a list that says that it goes on, and names no way to the rest.

    :param call: the request whose answer says so.
    :param missing: what is missing, in a word.
    :return: the exception.
    """
    return KlingServerError(
        f"{missing} are missing; a retry reads again. The answer to {call} says that there are more, and its "
        "cursor does not lead to them."
    )


def parse_task_or_raise(call: ApiRequest, payload: Mapping[str, Any]) -> KlingTask:
    """Read the task of a payload that must hold one.

    :param call: the request.
    :param payload: its answer.
    :return: the task.
    :raises KlingTaskNotFound: a query for tasks found none.
    :raises KlingServerError: it holds none.
    """
    task = parse_task(payload)
    if task is None and payload.get("data") == [] and not call.creates_task:
        raise KlingTaskNotFound(f"{_ADVICE_BY_KIND[ErrorKind.NOT_FOUND]} Kling has no task for {call}.")
    if task is None:
        job = JobState.MAY_EXIST if call.creates_task else None
        keys = sanitize_text(str(sorted(payload)), _MAX_KEYS_LENGTH)
        words = sanitize_text(read_refusal(payload, {}).message, _MAX_KEYS_LENGTH)
        says = f" and it says {words!r}" if words else ""
        raise KlingServerError(
            f"No task in the answer: retry, or check Host and dialect. The answer to {call} holds no task; "
            f"its keys are {keys}{says}.",
            job=job,
        )
    return task


def parse_requested_task(
    settings: KlingSettings,
    call: ApiRequest,
    payload: Mapping[str, Any],
    task_id: str,
    *,
    by_external_id: bool = False,
) -> KlingTask:
    """Read the task that was asked for.

    :param settings: the connection that was used.
    :param call: the request.
    :param payload: its answer.
    :param task_id: the id or external id that was asked for.
    :param by_external_id: it is an external id.
    :return: the task.
    :raises KlingTaskNotFound: there is none.
    :raises KlingServerError: the answer is about another job, which says nothing of this one.
    """
    strict = settings.dialect.name == "kling"
    task = select_task(payload, task_id, by_external_id=by_external_id, strict=strict)
    if task is None:
        return parse_task_or_raise(call, payload)
    if task == "other":
        raise wrong_task_error(call, task_id)
    return task


def wrong_task_error(call: ApiRequest, task_id: str) -> KlingServerError:
    """Make the exception for an answer that names another job than the request.

    :param call: the request.
    :param task_id: the id or external id in it.
    :return: the exception.
    """
    return KlingServerError(
        "Wrong answer, not used; a retry reads again. "
        f"The answer to {call} is about another job than {sanitize_text(task_id, _MAX_ID_LENGTH)}.",
        job=JobState.MAY_EXIST if call.creates_task else None,
    )


_REGIONS = {
    "api-singapore.klingai.com": "region Singapore",
    "api-beijing.klingai.com": "region Beijing",
}


_ADVICE_BY_CODE = {
    1100: "Account not in order: see kling.ai/dev.",
    1101: "No credit: pay the account's debt at kling.ai/dev, then clear the task.",
    1102: "No credit: top up at kling.ai/dev/pricing, then clear the task.",
    1103: "Not in this account's package: use another model, or ask Kling.",
    1203: "No such model or resource at this host: check model_name and ids.",
    1304: "IP not allowed: add this machine's to the account's whitelist.",
}
_ADVICE_BY_KIND = {
    ErrorKind.ACCOUNT: "Account rejected: check its credit and permissions in the host's console.",
    ErrorKind.AUTH_EXPIRED: "Wrong clock: correct the clock of this machine.",
    ErrorKind.CONTENT: CONTENT_ADVICE,
    ErrorKind.DUPLICATE: TAKEN_ADVICE,
    ErrorKind.NOT_FOUND: "No such job: check its id, its endpoint and the account.",
    ErrorKind.RATE_LIMIT: "Too many requests: set a longer retry_delay.",
    ErrorKind.REQUEST: "Correct the request.",
    ErrorKind.CONCURRENCY_LIMIT: "No free slot: use a pool for the account, or let it be retried.",
}


def _advice(settings: KlingSettings, call: ApiRequest, error: ApiError) -> str:
    """Return cause and remedy of a refusal, for the part of a line that Airflow's UI shows."""
    if error.kind is ErrorKind.AUTH:
        return _about_key(settings)
    if error.is_wrong_url:
        return f"Wrong URL: check Host, dialect and base_path of connection {settings.conn_id!r}."
    if error.kind in (ErrorKind.ACCOUNT, ErrorKind.REQUEST) and error.code in _ADVICE_BY_CODE:
        return _ADVICE_BY_CODE[error.code]
    if error.kind is ErrorKind.SERVER and call.creates_task:
        return "Retry later."
    return _ADVICE_BY_KIND.get(error.kind, "")


def _about_key(settings: KlingSettings) -> str:
    """Describe which key is refused and where to get another one: the vendor's regions share no keys."""
    region = _REGIONS.get(settings.hostname, f"host {settings.hostname}")
    if settings.dialect.name != "kling":
        return f"Key rejected: connection {settings.conn_id!r}, {region}; get a key in its console."
    site = "klingai.com" if region.endswith("Beijing") else "kling.ai"
    return f"Key rejected: connection {settings.conn_id!r}, {region}; keys: {site}/dev/api-key."


def _base_url_hint(settings: KlingSettings) -> str:
    return (
        f"check that the API is there: the URL of connection {settings.conn_id!r} is made of its host, its "
        f"extra.dialect ({settings.dialect.name!r}) and its extra.base_path"
    )


# By any other status a proxy between here and Kling may answer, or one of a request that was served before.
_REFUSING = frozenset(
    (*range(200, 300), *range(400, 408), 410, 411, *range(413, 419), 422, 426, 429, 431, 451)
)


def _job_state_after(call: ApiRequest, error: ApiError, body: bytes) -> JobState | None:
    """Return the job state after a refusal: only one in the API's own JSON proves that no job exists."""
    if not call.creates_task:
        return None
    if error.kind is ErrorKind.DUPLICATE:
        return JobState.EXISTS
    # Kling's own code for a refusal decides, whatever the status is, unless a success names a job.
    if error.code in REFUSAL_CODES:
        return JobState.MAY_EXIST if _names_a_task(error, body) else JobState.NOT_CREATED
    unclear = error.kind is ErrorKind.SERVER or error.http_status not in _REFUSING
    return JobState.MAY_EXIST if unclear or not is_json_object(body) else JobState.NOT_CREATED


def _names_a_task(error: ApiError, body: bytes) -> bool:
    if error.http_status not in range(200, 300):
        return False
    response = read_response_json(body)
    task = parse_task(response) if isinstance(response, dict) else None
    return task is not None and bool(task.task_id)


def build_validated_request(path: str, model: type[KlingRequest], values: Mapping[str, Any]) -> ApiRequest:
    """Make the POST request of a validated body.

    :param path: its path.
    :param model: the body's model.
    :param values: its fields; ``None`` counts as unset.
    :return: the request.
    :raises KlingRequestInvalid: field, value and rule of each fault.
    """
    present = {name: value for name, value in values.items() if value is not None}
    try:
        request = model.model_validate(present)
    except ValidationError as error:
        name = path.removeprefix("/v1/")
        raise KlingRequestInvalid(
            format_validation_error(name, error, model), job=JobState.NOT_CREATED
        ) from None
    return ApiRequest("POST", path, body=request.wire())


def response_data(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of an answer that is not about a task.

    A gateway wraps Kling's own answer, whose ``data`` then lies deeper.

    :param payload: the answer's JSON.
    :return: the innermost ``data``; empty where there is none, as in some answers to deletions.
    """
    data: Any = payload.get("data")
    while isinstance(data, Mapping) and isinstance(inner := data.get("data"), Mapping):
        data = inner
    return dict(data) if isinstance(data, Mapping) else {}

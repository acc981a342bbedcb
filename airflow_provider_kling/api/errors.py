# SPDX-License-Identifier: Apache-2.0
"""Errors of the API: from HTTP status, code and message to a kind of error."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from .refusal_words import finds_no_task, lacks_credit, lacks_slots, refuses_content, refuses_duplicate

_MAX_DEPTH = 4
_MAX_ITEMS = 10
_MAX_JSON_LENGTH = 20_000
_MESSAGE_KEYS = ("message", "msg", "error_message", "error_msg", "detail", "error", "errors")
_REQUEST_IDS = ("request_id", "requestId", "requestid", "RequestId", "request-id")
_REQUEST_HEADERS = ("x-request-id", "request-id", "x-requestid", "x-trace-id")
_NO_ERROR = (None, "", "success", "SUCCESS")


class RefusalText(NamedTuple):
    """The content of a refusal.

    :param code: Kling's code, ``-1`` for a code that is no number, ``None`` where there is none.
    :param message: its words.
    :param request_id: Kling's id of the request.
    """

    code: int | None
    message: str
    request_id: str


def read_refusal(payload: Mapping[str, Any], headers: Mapping[str, str]) -> RefusalText:
    """Read a refusal; what a gateway quotes from Kling goes before the gateway's own words.

    :param payload: JSON object of the answer.
    :param headers: headers of the answer.
    :return: code, words and request id.
    """
    layers = list(_refusal_layers(payload, _MAX_DEPTH))[::-1]
    coded = [(layer, *_code(layer.get("code"))) for layer in layers]
    stated = next((each for each in coded if known_code(each[1])), None)
    stated = stated or next((each for each in coded if each[1] is not None), None)
    layer, code, word = stated or (layers[0], None, "")
    if not word and code is None:
        # OpenAI's form names the error by its type as well, such as insufficient_quota.
        types = (each.get("type") for each in layers)
        word = next((t for t in types if isinstance(t, str) and t and not t.endswith("_error")), "")
    message = _text(layer, _MAX_DEPTH) or next(
        (text for each in layers if (text := _text(each, _MAX_DEPTH))), ""
    )
    if word:
        message = f"{message} [{word}]" if message else word
    ids = (each.get(name) for each in layers for name in _REQUEST_IDS)
    request_id = next((str(i) for i in ids if i and isinstance(i, str | int)), "")
    return RefusalText(code, message, request_id or _request_id_in(headers))


def _refusal_layers(payload: Mapping[str, Any], depth: int) -> Iterator[Mapping[str, Any]]:
    yield payload
    if not depth:
        return
    for name in _MESSAGE_KEYS:
        value = payload.get(name)
        inner = value if isinstance(value, Mapping) else _embedded_json(value)
        if inner is not None:
            yield from _refusal_layers(inner, depth - 1)


def _embedded_json(value: Any) -> Mapping[str, Any] | None:
    """Return the JSON object that a text holds, also behind a few words of the gateway."""
    if not isinstance(value, str) or "{" not in value or len(value) > _MAX_JSON_LENGTH:
        return None
    try:
        found, _ = json.JSONDecoder().raw_decode(value[value.index("{") :])
    except (ValueError, RecursionError):
        return None
    stated = isinstance(found, dict) and any(name in found for name in ("code", *_MESSAGE_KEYS))
    return found if stated else None


def _code(value: Any) -> tuple[int | None, str]:
    if isinstance(value, list | dict | bool) or value in _NO_ERROR:
        return None, ""
    try:
        return int(value), ""
    except (TypeError, ValueError, OverflowError):
        return -1, str(value)


def _text(value: Any, depth: int) -> str:
    """Return the words of an answer's field: text, an object, or a list such as FastAPI's."""
    if isinstance(value, str):
        inner = _embedded_json(value)
        return (_text(inner, depth - 1) if inner is not None and depth else "") or value.strip()
    if not depth:
        return ""
    if isinstance(value, list):
        return "; ".join(filter(None, (_text(item, depth - 1) for item in value[:_MAX_ITEMS])))
    if not isinstance(value, Mapping):
        return ""
    text = next((text for name in _MESSAGE_KEYS if (text := _text(value.get(name), depth - 1))), "")
    location = value.get("loc")
    field = ".".join(str(part) for part in location if part != "body") if isinstance(location, list) else ""
    return f"{field}: {text}" if field and text else text


def _request_id_in(headers: Mapping[str, str]) -> str:
    names = {name.lower(): value for name, value in headers.items()}
    return next((names[name] for name in _REQUEST_HEADERS if names.get(name)), "")


class ErrorKind(StrEnum):
    """What an error means for the caller."""

    AUTH = "auth"
    """The credentials are refused; asking again changes nothing."""
    AUTH_EXPIRED = "clock"
    """The signed token is not valid now; sign a new one and ask once more."""
    ACCOUNT = "account"
    """The account may not do this: no credit, no permission, IP address not allowed."""
    CONTENT = "content"
    """The content is refused by policy or safety checks."""
    REQUEST = "request"
    """The request itself is wrong."""
    NOT_FOUND = "not_found"
    """The account has no task with this id."""
    DUPLICATE = "duplicate"
    """The external task id is taken: the task exists already."""
    RATE_LIMIT = "rate"
    """Too many requests in a short time."""
    CONCURRENCY_LIMIT = "slots"
    """All of the account's parallel tasks are taken; none was made."""
    SERVER = "server"
    """Kling, or something between here and Kling, failed; what was asked may have happened."""


_BY_CODE: dict[int, ErrorKind] = {
    1000: ErrorKind.AUTH,
    1001: ErrorKind.AUTH,
    1002: ErrorKind.AUTH,
    1003: ErrorKind.AUTH_EXPIRED,
    1004: ErrorKind.AUTH_EXPIRED,
    1100: ErrorKind.ACCOUNT,
    1101: ErrorKind.ACCOUNT,
    1102: ErrorKind.ACCOUNT,
    1103: ErrorKind.ACCOUNT,
    1200: ErrorKind.REQUEST,
    1201: ErrorKind.REQUEST,
    1202: ErrorKind.REQUEST,
    1203: ErrorKind.REQUEST,
    1300: ErrorKind.CONTENT,
    1301: ErrorKind.CONTENT,
    1302: ErrorKind.RATE_LIMIT,
    1303: ErrorKind.CONCURRENCY_LIMIT,
    1304: ErrorKind.ACCOUNT,
    5000: ErrorKind.SERVER,
    5001: ErrorKind.SERVER,
    5002: ErrorKind.SERVER,
}

REFUSAL_CODES = frozenset(code for code, kind in _BY_CODE.items() if kind is not ErrorKind.SERVER)
"""Kling's own codes that say that the request was refused."""

# Gateways and proxies answer without Kling's codes.
_BY_STATUS: dict[int, ErrorKind] = {
    401: ErrorKind.AUTH,
    402: ErrorKind.ACCOUNT,
    403: ErrorKind.ACCOUNT,
    408: ErrorKind.SERVER,
    429: ErrorKind.RATE_LIMIT,
}

_REFUSED = (*range(200, 300), 400, 403, 406, 422, 429, 451)
_ANSWERED = range(200, 500)
_REFUSING = range(300, 500)
_TOO_MANY = 429
_NO_SUCH_METHOD = 1202
_WRONG_PATH_STATUSES = (*range(300, 400), 404, 405)

_MEANING: dict[int, str] = {
    1000: "authentication failed",
    1001: "no credentials were sent",
    1002: "the credentials are not valid",
    1003: "the token is not valid yet: correct the clock of this machine",
    1004: "the token has expired: correct the clock of this machine",
    1100: "something is wrong with the account: see the Kling console",
    1101: "the account is in arrears",
    1102: "the resource pack is used up or has expired (video and image packs are separate; speech and other "
    "audio is charged to the video pack)",
    1103: "the account may not use this endpoint or model",
    1203: "no such model or resource",
    1300: "refused by the platform's policy",
    1301: "refused by the content safety check",
    1302: "too many requests",
    1303: "all slots of the account are taken",
    1304: "this machine's IP address is not on the account's whitelist",
    5001: "Kling is under maintenance",
}


@dataclass(frozen=True, slots=True)
class ApiError:
    """An answer that is no success.

    :param kind: what it means.
    :param http_status: HTTP status of the answer.
    :param code: Kling's code, or ``None`` where the answer has none.
    :param message: the answer's own words, shortened.
    :param request_id: Kling's id of the request, for the vendor's support.
    :param retry_after: seconds that the answer asks to wait.
    :param hint: what to look at, to follow the answer's own words.
    """

    kind: ErrorKind
    http_status: int
    code: int | None
    message: str
    request_id: str | None = None
    retry_after: float | None = None
    hint: str = ""

    @property
    def is_wrong_url(self) -> bool:
        """Whether the API may be elsewhere: there is nothing here that such a request could be for."""
        if self.kind is not ErrorKind.REQUEST:
            return False
        return self.code == _NO_SUCH_METHOD or (
            self.code not in _BY_CODE and self.http_status in _WRONG_PATH_STATUSES
        )

    def __str__(self) -> str:
        meaning = _MEANING.get(self.code or 0)
        source = f"HTTP {self.http_status}" + (f", code {self.code}" if self.code is not None else "")
        request_text = f", request_id {self.request_id}" if self.request_id else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{f'{meaning}: ' if meaning else ''}{self.message!r} ({source}{request_text}){hint}"


def known_code(code: int | None) -> bool:
    """Return whether a code is one of Kling's own.

    :param code: code of an answer.
    :return: ``True`` if the vendor documents it.
    """
    return code in _BY_CODE


def classify(http_status: int, code: int | None, message: str) -> ErrorKind:
    """Classify a refused call by HTTP status, code and message.

    HTTP 429 alone says little: codes 1100 to 1102 and 1304 use it too and never pass by waiting, and gateways
    send it with words of their own for a quota that is used up.

    Words count only in a plain refusal: a server error that speaks of a task it did not find must not lead
    to the conclusion that there is none, and to a second payment.

    :param http_status: HTTP status of the answer.
    :param code: Kling's code in it; ``None`` if it has none.
    :param message: message in it.
    :return: the kind, which decides about retries and the exception.
    """
    is_plain_refusal = http_status in _ANSWERED
    if _BY_CODE.get(code or 0, ErrorKind.REQUEST) is ErrorKind.REQUEST:
        if is_plain_refusal and finds_no_task(message):
            return ErrorKind.NOT_FOUND
        # Kling's own code proves that the words are its own, whatever status a gateway gives them.
        if (is_plain_refusal or code in _BY_CODE) and refuses_duplicate(message):
            return ErrorKind.DUPLICATE
    if code in _BY_CODE:
        return _BY_CODE[code]
    if kind := _classify_message(http_status, message):
        return kind
    if http_status in _BY_STATUS:
        return _BY_STATUS[http_status]
    # An unknown refusal inside a 2xx does not say what happened; a redirect is a wrong URL. A status outside
    # of HTTP's classes is not the API's, and neither is an interim one: the request may have been served.
    return ErrorKind.REQUEST if http_status in _REFUSING else ErrorKind.SERVER


def _classify_message(http_status: int, message: str) -> ErrorKind | None:
    if http_status in _REFUSED and refuses_content(message):
        return ErrorKind.CONTENT
    if http_status in _REFUSED and lacks_credit(message):
        return ErrorKind.ACCOUNT
    return ErrorKind.CONCURRENCY_LIMIT if http_status == _TOO_MANY and lacks_slots(message) else None

# SPDX-License-Identifier: Apache-2.0
"""What a refusal says: its code, text and request id, wherever a host or gateway puts them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import known_code

_DEEPEST = 4
_MOST_ITEMS = 10
_LONGEST_JSON = 20_000
_TEXTS = ("message", "msg", "error_message", "error_msg", "detail", "error", "errors")
_REQUEST_IDS = ("request_id", "requestId", "requestid", "RequestId", "request-id")
_REQUEST_HEADERS = ("x-request-id", "request-id", "x-requestid", "x-trace-id")
_NO_ERROR = (None, "", "success", "SUCCESS")


@dataclass(frozen=True, slots=True)
class RefusalText:
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
    layers = list(_layers(payload, _DEEPEST))[::-1]
    coded = [(layer, *_code(layer.get("code"))) for layer in layers]
    stated = next((each for each in coded if known_code(each[1])), None)
    stated = stated or next((each for each in coded if each[1] is not None), None)
    layer, code, word = stated or (layers[0], None, "")
    message = _text(layer, _DEEPEST) or next((text for each in layers if (text := _text(each, _DEEPEST))), "")
    if word:
        message = f"{message} [{word}]" if message else word
    ids = (each.get(name) for each in layers for name in _REQUEST_IDS)
    request_id = next((str(i) for i in ids if i and isinstance(i, str | int)), "")
    return RefusalText(code, message, request_id or _of_headers(headers))


def _layers(payload: Mapping[str, Any], depth: int) -> Iterator[Mapping[str, Any]]:
    yield payload
    if not depth:
        return
    for name in _TEXTS:
        value = payload.get(name)
        inner = value if isinstance(value, Mapping) else _quoted(value)
        if inner is not None:
            yield from _layers(inner, depth - 1)


def _quoted(value: Any) -> Mapping[str, Any] | None:
    """Return the JSON object that a text holds, also behind a few words of the gateway."""
    if not isinstance(value, str) or "{" not in value or len(value) > _LONGEST_JSON:
        return None
    try:
        found, _ = json.JSONDecoder().raw_decode(value[value.index("{") :])
    except (ValueError, RecursionError):
        return None
    stated = isinstance(found, dict) and any(name in found for name in ("code", *_TEXTS))
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
        inner = _quoted(value)
        return (_text(inner, depth - 1) if inner is not None and depth else "") or value.strip()
    if not depth:
        return ""
    if isinstance(value, list):
        return "; ".join(filter(None, (_text(item, depth - 1) for item in value[:_MOST_ITEMS])))
    if not isinstance(value, Mapping):
        return ""
    words = next((text for name in _TEXTS if (text := _text(value.get(name), depth - 1))), "")
    place = value.get("loc")
    where = ".".join(str(part) for part in place if part != "body") if isinstance(place, list) else ""
    return f"{where}: {words}" if where and words else words


def _of_headers(headers: Mapping[str, str]) -> str:
    names = {name.lower(): value for name, value in headers.items()}
    return next((names[name] for name in _REQUEST_HEADERS if names.get(name)), "")

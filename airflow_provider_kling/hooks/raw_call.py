# SPDX-License-Identifier: Apache-2.0
"""Requests for which the hook has no method: checked for safety, sent as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..api.account import CASH_LEDGER, UNIT_LEDGER
from ..api.http import ApiRequest
from ..exceptions import JobState, KlingRequestInvalid

_READS = frozenset(("/tasks", "/solutions", UNIT_LEDGER, CASH_LEDGER))
"""POSTs that change nothing: lists that are read by cursor."""

_METHODS = ("GET", "POST")


def free_call(
    method: str, path: str, body: Mapping[str, Any] | None, params: Mapping[str, Any] | None
) -> ApiRequest:
    """Make a request for any path of the API.

    :param method: GET or POST.
    :param path: path from ``/v1/``, ``/account/`` and the like on.
    :param body: JSON of a POST.
    :param params: query parameters.
    :return: the request; a POST that is no list may create a job.
    :raises KlingRequestInvalid: such a request cannot be sent.
    """
    verb = method.strip().upper() if isinstance(method, str) else method
    if verb not in _METHODS:
        _refuse("method", method, "expected GET or POST")
    # The key goes to the host of the connection only.
    if (
        not isinstance(path, str)
        or not path.startswith("/")
        or path.startswith("//")
        or not path.isprintable()
    ):
        _refuse("path", path, "expected a path that begins with one /, such as /v1/videos/effects")
    if body is not None and not isinstance(body, Mapping):
        _refuse("body", type(body).__name__, "expected a mapping")
    if verb == "GET" and body:
        _refuse("body", "a mapping", "a GET has none; give query parameters as params")
    try:
        json.dumps(body, allow_nan=False)
    except (TypeError, ValueError) as error:
        _refuse("body", type(body).__name__, f"it cannot be sent as JSON: {error}")
    asked = {str(name): str(value) for name, value in (params or {}).items() if value is not None}
    return ApiRequest(
        "GET" if verb == "GET" else "POST",
        path,
        body=dict(body or {}) if verb == "POST" else None,
        params=asked or None,
        creates_task=verb == "POST" and path.partition("?")[0].rstrip("/") not in _READS,
    )


def _refuse(name: str, value: Any, rule: str) -> None:
    raise KlingRequestInvalid(f"Invalid value for {name!r}: {value!r}; {rule}.", job=JobState.NOT_CREATED)

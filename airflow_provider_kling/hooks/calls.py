# SPDX-License-Identifier: Apache-2.0
"""Calls that make no job: their bodies are checked here before they are sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ..api.exchange import Call
from ..api.explain import explain
from ..api.request import KlingRequest
from ..exceptions import JobState, KlingRequestInvalid


def checked_call(path: str, model: type[KlingRequest], values: Mapping[str, Any]) -> Call:
    """Make the POST of a checked body.

    :param path: where it goes.
    :param model: the body's model.
    :param values: its fields; ``None`` counts as not given.
    :raises KlingRequestInvalid: names field, value and rule of each fault.
    """
    given = {name: value for name, value in values.items() if value is not None}
    try:
        request = model.model_validate(given)
    except ValidationError as error:
        name = path.removeprefix("/v1/")
        raise KlingRequestInvalid(explain(name, error, model), job=JobState.NOT_CREATED) from None
    return Call("POST", path, body=request.wire())


def data_of(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``data`` of an answer; empty where it has none, as some answers to deletions."""
    data = payload.get("data")
    return dict(data) if isinstance(data, Mapping) else {}

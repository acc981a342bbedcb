# SPDX-License-Identifier: Apache-2.0
"""Envelopes of responses, official and of gateways: where they hold the task or the list of tasks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..utils.json_input import read_json

_CAMEL_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MAX_LAYERS = 20
STATUS_NAMES = ("task_status", "status", "state")
"""Names of a task's status, in the order in which they count."""

_ENVELOPES = ("result", "task", "tasks", "items", "list", "records", "response")


def parse_embedded_json(value: Any) -> Any:
    """Return the object or list that a text holds as JSON, else the value as it is.

    :param value: any JSON value.
    :return: the object, the list, or ``value``.
    """
    if not isinstance(value, str) or value.strip()[:1] not in ("{", "["):
        return value
    try:
        return read_json(value)
    except ValueError:
        return value


def api_name(name: Any) -> str:
    """Return a name as the API writes names: ``videoUrl`` is ``video_url``.

    :param name: key of an object.
    :return: the name.
    """
    return _CAMEL_CASE.sub("_", str(name)).lower()


def iter_layers(payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield an answer and what its ``data`` holds, from the outside inwards.

    :param payload: an answer.
    :return: the objects, outermost first.
    """
    layer: Any = payload
    for _ in range(_MAX_LAYERS):
        if not isinstance(layer, Mapping):
            return
        yield with_api_names(layer)
        layer = inner_layer(layer)
        if isinstance(layer, list):
            layer = layer[0] if layer else None


def with_api_names(layer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an object with the API's names for its keys as well: ``taskId`` is ``task_id``.

    :param layer: an object of an answer.
    :return: the object, or a copy with further keys.
    """
    if not any(_CAMEL_CASE.search(str(name)) for name in layer):
        return layer
    return {**{api_name(name): value for name, value in layer.items()}, **layer}


def inner_layer(layer: Mapping[str, Any]) -> Any:
    """Return what an envelope holds.

    :param layer: an object of an answer.
    :return: the object, or the list of objects, in it; ``None`` where it is the task itself or holds none.
    """
    layer = with_api_names(layer)
    data = parse_embedded_json(layer.get("data"))
    if isinstance(data, Mapping) or _holds_records(data, in_task=is_task(layer)):
        return data
    if is_task(layer):
        return None
    for name in _ENVELOPES:
        inner = parse_embedded_json(layer.get(name))
        if (isinstance(inner, Mapping) and is_task(inner)) or _holds_records(inner, in_task=False):
            return inner
    output = parse_embedded_json(layer.get("output"))
    if isinstance(output, Mapping) and is_task(output):
        return output
    return data if isinstance(data, list) else None


def is_task(layer: Mapping[str, Any]) -> bool:
    """Return whether an object of an answer is a task, not what contains it.

    :param layer: the object.
    :return: whether it has an id and a status.
    """
    layer = with_api_names(layer)
    named = any(layer.get(name) not in (None, "") for name in ("task_id", "id"))
    return named and any(isinstance(layer.get(name), str) for name in STATUS_NAMES)


def _holds_records(value: Any, *, in_task: bool) -> bool:
    """Whether a list is one of tasks; that of a task itself is one of its files, unless it says otherwise."""
    rows = [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []
    if not rows:
        return False
    return (
        any("task_id" in row or is_task(row) for row in rows)
        if in_task
        else any("url" not in row for row in rows)
    )

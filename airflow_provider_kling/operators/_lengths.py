# SPDX-License-Identifier: Apache-2.0
"""Find the length that decides a job's price: in results of upstream tasks, or in the headers of a file."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..api.pricing import amount_of, length_source

if TYPE_CHECKING:
    from ..api.requests.base import KlingRequest
    from ..version_compat import Context

_log = logging.getLogger(__name__)

MAX_UPSTREAM = 16
"""Most upstream tasks whose results are searched."""

_MAX_ITEMS = 10_000
_IDS = {"audio": ("audio_id",), "video": ("video_id",)}


def find_seconds(
    operator: Any, context: Context | None, request: KlingRequest, *, read_files: bool
) -> Decimal | None:
    """Return the length of the input that decides a job's price.

    :param operator: the operator, with the endpoint and the connection.
    :param context: Airflow's context; ``None`` where no task runs.
    :param request: the request as it is validated.
    :param read_files: also read the headers of a public URL or a file on object storage.
    :return: seconds; ``None`` if not known.
    """
    source = length_source(operator.endpoint)
    if source is None:
        return None
    media = list(_media(request, source))
    wanted = {*_ids(request, _IDS[source]), *media}
    if context is not None and wanted and (seconds := upstream_length(operator, context, wanted)):
        return seconds
    lengths = [found for value in media if read_files and (found := _file_length(operator, value))]
    return Decimal(str(max(lengths))) if lengths else None


def upstream_length(operator: Any, context: Context, wanted: set[str]) -> Decimal | None:
    """Search the results of upstream tasks for an item with an id or URL.

    :param operator: the operator.
    :param context: Airflow's context.
    :param wanted: ids and URLs.
    :return: the longest length of those items in seconds; ``None`` where there is none.
    """
    ti = context["ti"]
    for task_id in _upstream(operator):
        try:
            value = ti.xcom_pull(task_ids=task_id, key="return_value")
            found = [length for item in _items(value) if (length := _length(item, wanted))]
        except Exception as error:
            # The length is needed for the estimate only.
            _log.debug("The result of task %s cannot be read: %s", task_id, type(error).__name__)
            continue
        if found:
            _log.info("The result of task %s holds the length: %s s", task_id, max(found))
            return max(found)
    return None


def _upstream(operator: Any) -> list[str]:
    """Return upstream tasks, those directly before this one first."""
    direct = sorted(getattr(operator, "upstream_task_ids", ()))
    try:
        above = sorted(operator.get_flat_relative_ids(upstream=True))
    except Exception:
        above = []
    return list(dict.fromkeys([*direct, *above]))[:MAX_UPSTREAM]


def _items(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the dicts of a result, at any depth; of mapped tasks it is a list of results."""
    waiting: list[Any] = [value]
    for _ in range(_MAX_ITEMS):
        if not waiting:
            return
        item = waiting.pop()
        if isinstance(item, Mapping):
            yield item
            waiting.extend(each for each in item.values() if isinstance(each, Mapping | list))
        elif isinstance(item, Iterable) and not isinstance(item, str | bytes):
            waiting.extend(item)


def _length(item: Mapping[str, Any], wanted: set[str]) -> Decimal | None:
    if not any(str(item[name]) in wanted for name in ("id", "url") if item.get(name)):
        return None
    return amount_of(item.get("duration")) or None


def _ids(value: Any, names: tuple[str, ...]) -> Iterator[str]:
    """Yield the ids of inputs in a request, at any depth."""
    if isinstance(value, list):
        for item in value:
            yield from _ids(item, names)
    elif hasattr(type(value), "model_fields"):
        for name in type(value).model_fields:
            inner = getattr(value, name)
            if name in names and isinstance(inner, str | int):
                yield str(inner)
            else:
                yield from _ids(inner, names)


def _media(request: KlingRequest, kind: str) -> Iterator[str]:
    from ..inputs.resolve import MediaField, map_media_fields

    found: list[str] = []

    def note(field: MediaField) -> str:
        if field.rules.kind == kind:
            found.append(field.value)
        return field.value

    map_media_fields(request, note)
    yield from found


def _file_length(operator: Any, value: str) -> float | None:
    from ..inputs.resolve import is_private_url
    from ..inputs.sources import InputSource, classify_input, opened
    from ..results.remote_length import stored_length, url_length

    source = classify_input(value)
    if source is InputSource.STORAGE:
        return stored_length(opened(value))
    if source is not InputSource.URL or is_private_url(opened(value)):
        return None
    settings = operator.hook.settings
    return url_length(opened(value), proxy=settings.proxy, verify=settings.verify)

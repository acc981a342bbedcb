# SPDX-License-Identifier: Apache-2.0
"""What the preview shows of task instances. Pure: no I/O."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from ..result_items import Item, items_of, result_in


@dataclass(frozen=True, slots=True)
class Instance:
    """A task instance as Airflow's database knows it.

    :param label: what its DAG author calls this instance of a mapped task.
    :param state: Airflow's state, ``None`` before it is scheduled.
    :param xcoms: what it pushed, by key.
    :param fields: its rendered template fields; Airflow keeps those of the latest runs only.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    label: str | None = None
    state: str | None = None
    try_number: int = 0
    xcoms: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def result(self) -> Mapping[str, Any]:
        """The job that it returned, or what is known of it so far."""
        so_far = {name: self.xcoms.get(name) for name in ("task_id", "external_task_id")}
        return result_in(self.xcoms.get("return_value")) or so_far

    @property
    def output_path(self) -> str | None:
        """Where it was to land files, empty for nowhere; ``None`` if Airflow does not know any more."""
        if not self.fields:
            return None
        given = self.fields.get("output_path")
        # An ObjectStoragePath is kept as an object by newer versions.
        given = given.get("path") if isinstance(given, Mapping) else given
        return given if isinstance(given, str) and given != "None" else ""


def card_of(instance: Instance) -> dict[str, Any]:
    """Return what is shown of a task instance: what it made, or how far it is.

    :return: plain JSON, see ``static/kling.js``.
    """
    fields, result = instance.fields, instance.result
    return {
        "id": f"{instance.task_id}/{instance.map_index}",
        "task_id": instance.task_id,
        "map_index": instance.map_index,
        "label": instance.label,
        "state": instance.state,
        "try_number": instance.try_number,
        "prompt": _first_text(fields, "prompt", "text"),
        "model": _first_text(fields, "model_name"),
        "endpoint": _plain(result.get("endpoint")),
        "job": _plain(result.get("task_id")),
        "external_id": _plain(result.get("external_task_id")),
        **{name: _plain(result.get(name)) for name in ("units", "created_at", "updated_at", "expires_at")},
        "items": [_shown(instance, item) for item in items_of(result)],
    }


def _plain(value: Any) -> str | float | None:
    # An XCom may hold anything, and what JSON has no word for would take the whole page with it.
    fits = isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
    return value if fits else None


def _shown(instance: Instance, item: Item) -> dict[str, Any]:
    return {
        "media": item.media,
        "seconds": item.seconds,
        "path": item.path,
        "file": _address(instance, item) if item.path else None,
        "url": item.url,
    }


def _address(instance: Instance, item: Item) -> str:
    """Where the plugin streams a landed file: it names the place in the XCom, never a path."""
    query = {
        "run_id": instance.run_id,
        "task_id": instance.task_id,
        "map_index": instance.map_index,
        "item": item.key,
    }
    return f"dags/{quote(instance.dag_id, safe='')}/file?{urlencode(query)}"


def _first_text(fields: Mapping[str, Any], *names: str) -> str | None:
    return next(_texts(fields, names), None)


def _texts(fields: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        # Airflow writes a field that was not set as the word for it.
        if isinstance(fields.get(name), str) and fields[name] not in ("", "None"):
            yield fields[name]

# SPDX-License-Identifier: Apache-2.0
"""Arrange the items of a result in one order, because a host may list them in another one each time.

Files are named and listed by position. Without this, after a second read of the job, the file of one image
would stand for another one. Pure: no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..api.response_values import id_text

_NAMES = ("id", "index")
"""Fields that distinguish the items of an array; the first one that all of them have counts."""

_KEY = re.compile(r"(\w{1,40})\[(\d{1,3})\]\..+", re.ASCII)

ItemOrder = Mapping[str, Sequence[Mapping[str, Any]]]
"""For each array the ``id`` and ``index`` of its items, as far as they are known."""


def order_of(task: Mapping[str, Any]) -> ItemOrder:
    """Return the order of the items of a task's result.

    :param task: the task as operators return it.
    :return: the order.
    """
    return {
        array: [_named(item) for item in items] for array, items in task.items() if isinstance(items, list)
    }


def stored_order(files: Iterable[Any]) -> ItemOrder:
    """Return the order of the items whose files are stored.

    :param files: ``files`` of a manifest, which is untrusted data.
    :return: the order.
    """
    arrays: dict[str, list[dict[str, Any]]] = {}
    for entry in files:
        if not isinstance(entry, Mapping) or not (found := _KEY.fullmatch(str(entry.get("key")))):
            continue
        items, index = arrays.setdefault(found[1], []), int(found[2])
        items.extend({} for _ in range(index + 1 - len(items)))
        items[index] = _named(entry)
    return arrays


def in_order(task: Mapping[str, Any], order: ItemOrder) -> dict[str, Any]:
    """Return a task with the items of its result at the positions that they had before.

    An array stays as it is unless all of its items have an id or an index of their own, and one of them was
    known before: some hosts make new ids with each answer.

    :param task: the task as operators return it.
    :param order: the earlier order.
    :return: a copy; an item that is not there any more has its ``id`` and ``index`` only.
    """
    return {
        name: _arranged(value, order[name]) if isinstance(value, list) and name in order else value
        for name, value in task.items()
    }


def _arranged(items: list[Any], known: Sequence[Mapping[str, Any]]) -> list[Any]:
    for name in _NAMES:
        ids, known_ids = _ids(items, name), _ids(known, name)
        if not ids or not known_ids or not set(ids) & set(known_ids):
            continue
        if ids == known_ids[: len(ids)]:
            return items
        by_id = dict(zip(ids, items, strict=True))
        new = [item for ident, item in by_id.items() if ident not in known_ids]
        return [by_id.get(ident, known[at]) for at, ident in enumerate(known_ids)] + new
    return items


def _ids(items: Sequence[Any], name: str) -> list[str]:
    """Return what distinguishes items; empty if one has none or two have the same."""
    ids = [id_text(item.get(name)) if isinstance(item, Mapping) else "" for item in items]
    return ids if all(ids) and len(set(ids)) == len(ids) else []


def _named(item: Any) -> dict[str, Any]:
    fields = item if isinstance(item, Mapping) else {}
    return {name: fields[name] for name in _NAMES if fields.get(name) is not None}

# SPDX-License-Identifier: Apache-2.0
"""Task objects as API 2.0 writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import prices

_WORDS = {"succeed": "succeeded"}


def created_view(task: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return the task object that answers a create call.

    :param task: the same task object as v1 writes it.
    :param path: where such tasks are queried.
    """
    view = task_view(task, path)
    # The solutions answer the create call in the words of v1.
    return {**view, "task_id": view.pop("id")} if path == "/solutions" else view


def task_view(task: Mapping[str, Any], path: str, slug: str = "") -> dict[str, Any]:
    """Return the task object of a query or a callback.

    :param task: the same task object as v1 writes it.
    :param path: where such tasks are queried.
    :param slug: the endpoint that made it.
    """
    word = task["task_status"]
    view: dict[str, Any] = {
        "id": task["task_id"],
        "status": word if path == "/solutions" else _WORDS.get(word, word),
        "message": task.get("task_status_msg", ""),
        "create_time": task["created_at"],
        "update_time": task["updated_at"],
    }
    if name := task["task_info"].get("external_task_id"):
        view["external_id"] = name
    if "task_result" in task:
        view["outputs"] = [
            {"type": array.removesuffix("s"), **_without_index(item)}
            for array, items in task["task_result"].items()
            for item in items
        ]
        view["billing"] = [
            {
                "charge_type": "unit",
                "amount": task["final_unit_deduction"],
                "package_type": prices.pack(slug),
            }
        ]
    return view


def _without_index(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name != "index"}

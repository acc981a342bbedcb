# SPDX-License-Identifier: Apache-2.0
"""How an operator keeps the files of its jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from ..api.task import Task
    from ..hooks.kling import KlingHook

Land = Callable[["Task", Mapping[str, Any]], dict[str, Any]]


def lander(hook: KlingHook, endpoint: Endpoint, output_path: Any) -> Land:
    """Make the function that keeps a task's files and returns the task as JSON with their paths.

    :param hook: reads a task again when its addresses have run out.
    :param endpoint: the endpoint that made the tasks.
    :param output_path: where to keep the files.
    """
    from ..results import DownloadRules, land

    settings = hook.settings
    rules = DownloadRules.for_host(
        settings.hostname, verify=settings.verify, proxy=settings.proxy, timeout=settings.timeout
    )

    def keep(task: Task, facts: Mapping[str, Any]) -> dict[str, Any]:
        return land(
            task.to_json(endpoint.slug),
            output_path,
            refresh=lambda: hook.get_task(endpoint, task.task_id).to_json(endpoint.slug),
            facts=facts,
            rules=rules,
        )

    return keep

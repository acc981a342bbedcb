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


def check_before_paying(output_path: Any) -> None:
    """Refuse an output path that cannot work, while nothing is paid yet.

    :raises KlingRequestInvalid: names the path and what is wrong with it.
    :raises KlingServerError: the storage does not answer; trying again can help.
    """
    from ..exceptions import JobState, KlingRequestInvalid, KlingServerError
    from ..results import check_output_path
    from ..storage import StorageDown, StorageRefused

    try:
        check_output_path(output_path)
    except StorageRefused as error:
        raise KlingRequestInvalid(
            f"output_path={str(output_path)!r} is refused: {error}.", job=JobState.NOT_CREATED
        ) from None
    except StorageDown as error:
        raise KlingServerError(
            f"output_path={str(output_path)!r} does not answer: {error}.", job=JobState.NOT_CREATED
        ) from None


def result_of(
    hook: KlingHook, endpoint: Endpoint, task: Task, output_path: Any, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what every operator returns for a task that succeeded, its files kept if that is asked for.

    :param output_path: where to keep the files; empty for nowhere.
    :param facts: what the manifest says of the inputs.
    """
    return lander(hook, endpoint, output_path)(task, facts) if output_path else task.to_json(endpoint.slug)

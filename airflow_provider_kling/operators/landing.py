# SPDX-License-Identifier: Apache-2.0
"""How an operator keeps the files of its jobs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..api.shorten import shorten

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from ..api.task import Task
    from ..hooks.settings import KlingSettings
    from ..hooks.task import KlingTaskHook

_log = logging.getLogger(__name__)

ReadTask = Callable[[], "Task"]
Land = Callable[["Task", Mapping[str, Any], ReadTask], dict[str, Any]]


def lander(settings: KlingSettings, endpoint: Endpoint, output_path: Any) -> Land:
    """Make the function that keeps a task's files and returns the task as JSON with their paths.

    It takes the task, what the manifest says of the inputs, and a function that reads the task again, for
    when its addresses have run out.

    :param settings: the connection that made the tasks.
    :param endpoint: the endpoint that made them.
    :param output_path: where to keep the files.
    """
    from ..results import DownloadRules, land

    rules = DownloadRules.for_host(
        settings.hostname, verify=settings.verify, proxy=settings.proxy, timeout=settings.timeout
    )

    def keep(task: Task, facts: Mapping[str, Any], read: ReadTask) -> dict[str, Any]:
        return land(
            task.to_json(endpoint.slug),
            output_path,
            refresh=lambda: read().to_json(endpoint.slug),
            facts=facts,
            rules=rules,
        )

    return keep


def _named(output_path: Any) -> str:
    return f"output_path={shorten(str(output_path))!r}"


@contextmanager
def explained_for(what: str, output_path: Any) -> Iterator[None]:
    """Turn errors of the output path's storage into those that tell Airflow whether to try again.

    :param what: what is said of a path that cannot be used, such as ``is refused``.
    :raises KlingRequestInvalid: names the path and what is wrong with it.
    :raises KlingServerError: the storage does not answer; trying again can help.
    """
    from ..exceptions import JobState, KlingRequestInvalid, KlingServerError
    from ..storage import StorageDown, StorageRefused

    try:
        yield
    except StorageRefused as error:
        raise KlingRequestInvalid(
            f"{_named(output_path)} {what}: {error}.", job=JobState.NOT_CREATED
        ) from None
    except StorageDown as error:
        raise KlingServerError(
            f"{_named(output_path)} does not answer: {error}.", job=JobState.NOT_CREATED
        ) from None


def check_before_paying(output_path: Any, *, tried_before: bool = False) -> None:
    """Refuse an output path that cannot work, while nothing is paid yet.

    :param tried_before: an earlier try may have paid: its path worked, so this one may work again.
    :raises KlingRequestInvalid: names the path and what is wrong with it.
    :raises KlingServerError: the storage does not answer; trying again can help.
    """
    from ..exceptions import JobState, KlingServerError
    from ..results import check_output_path
    from ..storage import StorageDown, StorageRefused

    if not tried_before:
        with explained_for("is refused", output_path):
            check_output_path(output_path)
        return
    try:
        check_output_path(output_path)
    except (StorageRefused, StorageDown) as error:
        raise KlingServerError(
            f"{_named(output_path)} cannot be used now: {error}.", job=JobState.MAY_EXIST
        ) from None


def result_of(
    hook: KlingTaskHook, endpoint: Endpoint, task: Task, output_path: Any, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what every operator returns for a task that succeeded, its files kept if that is asked for.

    :param output_path: where to keep the files; empty for nowhere.
    :param facts: what the manifest says of the inputs.
    :raises KlingResultExpired: Kling has deleted the files; a retry is of no use.
    :raises KlingResultNotKept: they could not be fetched or written.
    """
    if not output_path:
        return _unexpired(endpoint, task.to_json(endpoint.slug))
    keep = lander(hook.settings, endpoint, output_path)
    landed = keep(task, facts, lambda: hook.get_task(endpoint, task.task_id))
    _log.info("The files of job %s are kept in %s", task.task_id, shorten(str(output_path)))
    return landed


def _unexpired(endpoint: Endpoint, task: dict[str, Any]) -> dict[str, Any]:
    from ..api.endpoint import Result

    # What is made for the account's library stays there; of all else only addresses that lead nowhere would.
    lasts = endpoint.result in (Result.VOICES, Result.ELEMENTS)
    if lasts or task["expires_at"] is None or time.time() * 1000 < task["expires_at"]:
        return task
    from ..results.job import deleted

    raise deleted(task)

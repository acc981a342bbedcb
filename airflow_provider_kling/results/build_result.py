# SPDX-License-Identifier: Apache-2.0
"""Build the return value of an operator for a finished job, and store the files of the job."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..api.endpoint import Endpoint, ResultType
from ..exceptions import KlingError
from ..utils.redaction import redact_text

# What only a running task needs is imported in the functions: DAG files import this module.
if TYPE_CHECKING:
    from ..api.task import KlingTask
    from ..hooks.connection import KlingSettings
    from ..hooks.kling import KlingHook

_log = logging.getLogger(__name__)

MISSING_RESULT_SECONDS = 45.0
"""Seconds for which a successful job without a file is read again."""

FIRST_MISSING_DELAY = 2.0
"""Delay in seconds before the first of these reads; doubled after each."""

ReloadTask = Callable[[], "KlingTask"]
StoreResult = Callable[["KlingTask", Mapping[str, Any], ReloadTask], dict[str, Any]]


def result_writer(
    settings: KlingSettings,
    endpoint: Endpoint,
    output_path: Any,
    context: Mapping[str, Any] | None = None,
    *,
    poster: bool = False,
) -> StoreResult:
    """Make the function that stores a task's files and returns the task as JSON with their paths.

    The function takes the task, the request for the manifest, and a function that reads the task again when
    its URLs have expired. A job that others may re-use is added to the index.

    :param settings: connection that made the tasks.
    :param endpoint: endpoint that made them.
    :param output_path: folder to store the files in.
    :param context: Airflow's context, from which the manifest names the task instance.
    :param poster: whether to store a poster next to each video.
    :return: the function.
    """
    from .download import DownloadOptions
    from .files import drop_data_urls
    from .job_origin import identity_in
    from .manifest import task_instance_info
    from .posters import add_posters
    from .reuse_index import ResultIndex
    from .store import store_result

    airflow = task_instance_info(context or {})
    options = DownloadOptions.for_host(
        settings.hostname,
        verify=settings.verify,
        proxy=settings.proxy,
        timeout=settings.timeout,
        base_url=settings.base_url,
        token=settings.credentials.token,
    )

    def store(task: KlingTask, metadata: Mapping[str, Any], read: ReloadTask) -> dict[str, Any]:
        stored = store_result(
            task.to_json(endpoint.slug),
            output_path,
            refresh=lambda: read().to_json(endpoint.slug),
            metadata=metadata,
            airflow=airflow,
            options=options,
        )
        if poster:
            stored = add_posters(stored)
        if identity := identity_in(metadata):
            ResultIndex(output_path, endpoint.slug, options.host).record(stored, identity)
        return drop_data_urls(stored)

    return store


def build_result(
    hook: KlingHook,
    endpoint: Endpoint,
    task: KlingTask,
    output_path: Any,
    metadata: Mapping[str, Any],
    *,
    stop: threading.Event | None = None,
    deadline: float | None = None,
    context: Mapping[str, Any] | None = None,
    poster: bool = False,
    as_listed: bool = False,
) -> dict[str, Any]:
    """Build the return value of an operator for a successful task, and store its files if requested.

    :param hook: hook of the connection that made the task.
    :param endpoint: endpoint that made the task.
    :param task: the task.
    :param output_path: folder to store the files in; empty to store nothing.
    :param metadata: the request, for the manifest.
    :param stop: event that another thread sets to stop reading a job without files.
    :param deadline: Unix time in seconds after which a job without files is not read again.
    :param context: Airflow's context, from which the manifest names the task instance.
    :param poster: whether to store a poster next to each video.
    :param as_listed: the endpoint may be known from a list that it shares with others.
    :return: the task as JSON, with the paths of stored files.
    :raises KlingResultMissing: the job still holds no file of its endpoint's kind.
    :raises KlingResultExpired: Kling has deleted the files; a retry cannot help.
    :raises KlingResultNotKept: the files could not be downloaded or written.
    """
    from .expected_files import holds_files_as_listed, holds_its_files

    holds = holds_files_as_listed if as_listed else holds_its_files
    if not holds(endpoint, task):
        task = _wait_for_files(hook, endpoint, task, stop or threading.Event(), deadline, holds=holds)
    if not output_path:
        return _raise_if_expired(endpoint, task.to_json(endpoint.slug))
    store = result_writer(hook.settings, endpoint, output_path, context, poster=poster)
    stored = store(task, metadata, lambda: hook.get_task(endpoint, task.task_id))
    _log.info("Stored the files of job %s in %s", task.task_id, redact_text(str(output_path)))
    return stored


def _wait_for_files(
    hook: KlingHook,
    endpoint: Endpoint,
    task: KlingTask,
    stop: threading.Event,
    deadline: float | None,
    *,
    holds: Callable[[Endpoint, KlingTask], bool],
) -> KlingTask:
    """Return the job once it holds its files, which may be later than its status "succeed"."""
    from .expected_files import result_missing

    _raise_if_expired(endpoint, task.to_json(endpoint.slug))
    retry_until = time.time() + MISSING_RESULT_SECONDS
    retry_until = retry_until if deadline is None else min(retry_until, deadline)
    delay = FIRST_MISSING_DELAY
    missing = result_missing(task.task_id, endpoint.slug, at_once=endpoint.synchronous)
    if endpoint.synchronous:
        raise missing
    _log.warning("Job %s ended as succeed but holds no file; reading it again", task.task_id)
    while (remaining := retry_until - time.time()) > 0 and not stop.wait(min(delay, remaining)):
        delay *= 2
        try:
            reloaded = hook.client.get_task(endpoint, task.task_id, retry=False)
        except KlingError as error:
            _log.info("Job %s cannot be read: %s", task.task_id, error)
            continue
        if reloaded.status is task.status and holds(endpoint, reloaded):
            return reloaded
    raise missing


def _raise_if_expired(endpoint: Endpoint, task: dict[str, Any]) -> dict[str, Any]:
    # Entries of the account's library do not expire; any other result would hold dead URLs only.
    never_expires = endpoint.result in (ResultType.VOICES, ResultType.ELEMENTS)
    if never_expires or task["expires_at"] is None or time.time() * 1000 < task["expires_at"]:
        return task
    from .signed_urls import expired_error

    raise expired_error(task)

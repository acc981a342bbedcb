# SPDX-License-Identifier: Apache-2.0
"""Store the files of an operator's jobs, and check its output path before a job is paid for."""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ..api.endpoint import Endpoint, ResultType
from ..api.templating import is_templated
from ..exceptions import JobState, KlingError, KlingRequestInvalid, KlingServerError
from ..utils.atomic_file import AtomicFile, is_object_store
from ..utils.redaction import redact_text
from ..utils.storage import (
    StorageForbidden,
    StorageNotInstalled,
    StoragePath,
    StoragePermanentError,
    StorageTransientError,
    check_installed,
    is_relative,
    path_to_uri,
    resolve_path,
)

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

PROBE = ".kling-write-check"
"""Name of the object that is written to an output path and deleted before a job is made."""

_PROBE_CONTENT = (
    b"Written by airflow-provider-kling to see whether results can be stored here. Safe to delete.\n"
)


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
    from .job_facts import identity_in
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


def _describe_path(output_path: Any) -> str:
    return f"output_path={redact_text(str(output_path))!r}"


@contextmanager
def storage_errors_for(what: str, output_path: Any, *, job: JobState | None = None) -> Iterator[None]:
    """Translate storage errors of an output path into errors that Airflow retries or not.

    :param what: the failed action, such as ``is invalid``.
    :param output_path: the path.
    :param job: whether a job exists; by default none does.
    :return: a context manager.
    :raises KlingRequestInvalid: the path cannot be used; the text names the cause.
    :raises KlingServerError: the storage does not respond; a retry can help.
    """
    job = job or JobState.NOT_CREATED
    try:
        yield
    except StoragePermanentError as error:
        raise KlingRequestInvalid(
            f"{_remedy(error, output_path)}{_describe_path(output_path)} {what}: {error}.", job=job
        ) from None
    except StorageTransientError as error:
        raise KlingServerError(
            "The storage of output_path does not respond; check host and network. "
            f"{_describe_path(output_path)} does not respond: {error}.",
            job=job,
        ) from None


def _remedy(error: Exception, output_path: Any) -> str:
    """Return cause and remedy in one short sentence, which stands first in the message."""

    if isinstance(error, StorageNotInstalled):
        return f"Package for output_path missing: {error}. "
    if not isinstance(error, StorageForbidden):
        return ""
    if "://" not in str(output_path):
        return "No write permission for output_path: give it to the worker's user, or change the path. "
    return f"No write permission for output_path (403): {_who_needs_access(output_path)}. "


def _who_needs_access(output_path: Any) -> str:

    uri = path_to_uri(output_path) if hasattr(output_path, "storage_options") else str(output_path)
    conn_id, has_conn_id, _ = uri.partition("://")[2].partition("/")[0].rpartition("@")
    return (
        f"give it to connection {redact_text(conn_id)!r}"
        if has_conn_id
        else "name a connection: s3://connection@bucket"
    )


def check_installed_for(task_id: str, output_path: Any) -> None:
    """Check at parse time that the package which a literal output path needs is installed.

    :param task_id: Airflow's id of the task.
    :param output_path: the path; a template is not checked.
    :raises KlingRequestInvalid: the package is missing; the text names the extra to install.
    """
    if is_templated(output_path):
        return
    try:
        check_installed(output_path)
    except StorageNotInstalled as error:
        raise KlingRequestInvalid(
            f"Package for output_path missing: {error}. Task {task_id!r}, {_describe_path(output_path)}."
        ) from None
    except StoragePermanentError:
        # Other errors are reported when the task runs.
        return


def _check_absolute(output_path: Any) -> None:
    """Check that a path is absolute: a relative one would depend on the worker's working directory."""
    if is_relative(output_path):
        raise StoragePermanentError("it is relative; give an absolute path or a storage URI such as s3://…")


def validate_output_path(output_path: Any, *, is_retry: bool = False, write: bool = True) -> None:
    """Check before a job is paid for that an output path is usable.

    In an object store a small object is written and deleted.

    :param output_path: folder to store the files in.
    :param is_retry: an earlier try may have made a job, so that errors of the path are retried.
    :param write: check by writing; otherwise only by reading.
    :raises KlingRequestInvalid: the path cannot be used; the text names the cause.
    :raises KlingServerError: the storage does not respond; a retry can help.
    """
    from .manifest import check_output_path

    if not is_retry:
        with storage_errors_for("is rejected", output_path):
            _check_absolute(output_path)
            check_output_path(output_path)
            if write:
                check_writable(output_path)
        return
    try:
        _check_absolute(output_path)
        check_output_path(output_path)
    except (StoragePermanentError, StorageTransientError) as error:
        raise KlingServerError(
            f"{_describe_path(output_path)} cannot be used now: {error}.", job=JobState.MAY_EXIST
        ) from None


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
    from .finished_job import holds_files_as_listed, holds_its_files

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
    from .finished_job import result_missing

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
    from .finished_job import expired_error

    raise expired_error(task)


def check_writable(output_path: Any) -> None:
    """Check that an output path is writable.

    In an object store a small object is written, and deleted if that is permitted. Of a local path only the
    permissions are checked.

    :param output_path: ``ObjectStoragePath``, its URI, or a local path.
    :raises StorageForbidden: writing is not permitted.
    :raises StoragePermanentError: the path cannot be used for another reason.
    :raises StorageTransientError: the storage does not respond as expected.
    """
    path = resolve_path(output_path)
    if not is_object_store(path):
        if _is_local(path):
            _check_rights(path.path)
        return
    try:
        _write(path.child(PROBE))
    except StorageForbidden:
        # If objects may be added but not replaced, the object of an earlier task cannot be overwritten.
        _write(path.child(f"{PROBE}-{secrets.token_hex(4)}"))


def _write(path: StoragePath) -> None:
    with AtomicFile(path) as file:
        file.write(_PROBE_CONTENT)
    # A role that may write may not be allowed to delete.
    with suppress(Exception):
        path.fs.rm_file(path.path)


def _is_local(path: StoragePath) -> bool:
    names = path.fs.protocol
    return "file" in ((names,) if isinstance(names, str) else names)


def _check_rights(path: str) -> None:
    """Check the nearest existing folder, in which the rest of the path is created."""
    while not os.path.exists(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    if os.path.isdir(path) and not os.access(path, os.W_OK | os.X_OK):
        raise StorageForbidden(f"this process may not write to {path}")

# SPDX-License-Identifier: Apache-2.0
"""Check an output path before a job is paid for, and translate the errors of its storage."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..api.templating import is_templated
from ..exceptions import JobState, KlingRequestInvalid, KlingServerError
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
    translate_storage_errors,
)

PROBE = ".kling-write-check"
"""Name of the object that is written to an output path and deleted before a job is made."""

_AFTER_STORAGE_ERROR = "A retry continues with the jobs that exist, and pays for none of them again."

_REJECTED, _NOT_WRITTEN = "is rejected", "cannot be written"

_PROBE_CONTENT = (
    b"Written by airflow-provider-kling to see whether results can be stored here. Safe to delete.\n"
)


def _describe_path(output_path: Any) -> str:
    return f"output_path={redact_text(str(output_path))!r}"


@contextmanager
def storage_errors_for(what: str, output_path: Any, *, job: JobState | None = None) -> Iterator[None]:
    """Translate storage errors of an output path into errors that Airflow retries or not.

    :param what: the failed action, such as ``is invalid``.
    :param output_path: the path.
    :param job: whether a job exists; by default none does. If one may, every error can be retried.
    :return: a context manager.
    :raises KlingRequestInvalid: the path cannot be used, and no job exists; the text names the cause.
    :raises KlingServerError: the storage does not respond, or refuses what a paid job needs.
    """
    job = job or JobState.NOT_CREATED
    try:
        yield
    except StoragePermanentError as error:
        text = f"{_remedy(error, output_path, what)}{_describe_path(output_path)} {what}: {error}."
        if job is JobState.NOT_CREATED:
            raise KlingRequestInvalid(text, job=job) from None
        raise KlingServerError(text, job=job, next_steps=_AFTER_STORAGE_ERROR) from None
    except StorageTransientError as error:
        raise KlingServerError(
            "The storage of output_path does not respond; check host and network. "
            f"{_describe_path(output_path)} does not respond: {error}.",
            job=job,
            next_steps="" if job is JobState.NOT_CREATED else _AFTER_STORAGE_ERROR,
        ) from None


def _remedy(error: Exception, output_path: Any, what: str) -> str:
    """Return cause and remedy in one short sentence, which stands first in the message."""
    if isinstance(error, StorageNotInstalled):
        return f"Package for output_path missing: {error}. "
    if not isinstance(error, StorageForbidden):
        return ""
    access = "write permission for" if what in (_REJECTED, _NOT_WRITTEN) else "access to"
    if "://" not in str(output_path):
        return f"No {access} output_path: give it to the worker's user, or change the path. "
    return f"No {access} output_path (403): {_who_needs_access(output_path)}. "


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
        with storage_errors_for(_REJECTED, output_path):
            _check_absolute(output_path)
            check_output_path(output_path)
            if write:
                check_writable(output_path)
        return
    try:
        _check_absolute(output_path)
        check_output_path(output_path)
    except (StoragePermanentError, StorageTransientError) as error:
        remedy = _remedy(error, output_path, _REJECTED)
        raise KlingServerError(
            f"{remedy}{_describe_path(output_path)} cannot be used now: {error}.", job=JobState.MAY_EXIST
        ) from None


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
    with translate_storage_errors():
        folder, missing = path, []
        while not _exists(folder) and os.path.dirname(folder) != folder:
            folder, name = os.path.split(folder)
            missing.append(name)
        longest = os.pathconf(folder, "PC_NAME_MAX")
        if any(len(os.fsencode(name)) > longest for name in missing):
            raise StoragePermanentError(f"a part of its path is longer than {longest} bytes")
    if not os.path.isdir(folder):
        raise StoragePermanentError(f"{redact_text(folder)} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StorageForbidden(f"this process may not write to {folder}")


def _exists(path: str) -> bool:
    try:
        os.stat(path)
    except FileNotFoundError:
        if os.path.islink(path):
            raise StoragePermanentError(
                f"{redact_text(path)} is a link to a folder that does not exist"
            ) from None
        return False
    return True

# SPDX-License-Identifier: Apache-2.0
"""Check that an output path is writable before a job is paid for."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from typing import Any

from ..utils.atomic_file import AtomicFile, is_object_store
from ..utils.storage import StorageForbidden, StoragePath, resolve_path

PROBE = ".kling-write-check"
"""Name of the object that is written to an output path and deleted before a job is made."""

_CONTENT = b"Written by airflow-provider-kling to see whether results can be stored here. Safe to delete.\n"


def check_writable(output_path: Any) -> None:
    """Check that an output path is writable.

    In an object store a small object is written, and deleted if that is permitted. Of a local path only the
    permissions are checked.

    :param output_path: ``ObjectStoragePath``, its URI, or a local path.
    :raises StorageForbidden: writing is not permitted.
    :raises StoragePermanentError: the path cannot be used for another reason.
    :raises StorageTransientError: the storage does not respond as expected.
    """
    place = resolve_path(output_path)
    if not is_object_store(place):
        if _is_local(place):
            _check_rights(place.path)
        return
    try:
        _write(place.child(PROBE))
    except StorageForbidden:
        # If objects may be added but not replaced, the object of an earlier task cannot be overwritten.
        _write(place.child(f"{PROBE}-{secrets.token_hex(4)}"))


def _write(where: StoragePath) -> None:
    with AtomicFile(where) as file:
        file.write(_CONTENT)
    # A role that may write may not be allowed to delete.
    with suppress(Exception):
        where.fs.rm_file(where.path)


def _is_local(place: StoragePath) -> bool:
    names = place.fs.protocol
    return "file" in ((names,) if isinstance(names, str) else names)


def _check_rights(path: str) -> None:
    """Check the nearest existing folder, in which the rest of the path is created."""
    while not os.path.exists(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    if os.path.isdir(path) and not os.access(path, os.W_OK | os.X_OK):
        raise StorageForbidden(f"this process may not write to {path}")

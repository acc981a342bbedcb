# SPDX-License-Identifier: Apache-2.0
"""Write files that become visible in a storage only when they are complete."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol

from .storage import StoragePath, translate_storage_errors

TEMP_SUFFIX = ".part"
"""Suffix of the temporary name of a file while it is written, in storages that show incomplete files."""

# An object becomes visible when its upload completes, and an unfinished upload can be aborted.
_COMMITTING = frozenset(("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl"))
# Minimum part size of S3; larger parts would only use more memory.
_PART_BYTES = 5 * 1024**2
_ABANDONED_SECONDS = 6 * 3600
# Names that file systems use for the time of the last change.
_CHANGED = ("mtime", "modified", "LastModified", "last_modified", "created")


class _CommitStrategy(Protocol):
    """Hide a file in one kind of storage until it is complete."""

    def begin(self) -> Any: ...

    def commit(self) -> None: ...

    def discard(self) -> None: ...


class AtomicFile:
    """Write a file that readers see only after the ``with`` block has ended without an exception.

    :param where: the file; an existing one is replaced.
    """

    def __init__(self, where: StoragePath) -> None:
        self._way = _way_for(where)
        self._file: Any = None

    def __enter__(self) -> AtomicFile:
        with translate_storage_errors():
            self._file = self._way.begin()
        return self

    def write(self, data: bytes) -> None:
        """Append bytes.

        :param data: the bytes.
        :raises StoragePermanentError: the storage denies access or is not configured.
        :raises StorageTransientError: the storage does not respond as expected.
        """
        with translate_storage_errors():
            self._file.write(data)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        whole = False
        try:
            if kind is None:
                with translate_storage_errors():
                    self._way.commit()
                whole = True
        finally:
            if not whole:
                with suppress(Exception):
                    self._way.discard()


def is_object_store(where: StoragePath) -> bool:
    """Return whether a path is in an object store, which hides objects until their upload completes.

    :param where: file or folder.
    :return: ``True`` for S3, Google Cloud Storage and Azure.
    """
    return bool(_protocols(where) & _COMMITTING)


def _protocols(where: StoragePath) -> set[str]:
    names = where.fs.protocol
    return {names} if isinstance(names, str) else set(names)


def _way_for(where: StoragePath) -> _CommitStrategy:
    if is_object_store(where):
        return _MultipartUpload(where)
    return _LocalRename(where) if "file" in _protocols(where) else _RemoteRename(where)


class _MultipartUpload:
    """Commit by completing a multipart upload of an object store."""

    def __init__(self, where: StoragePath) -> None:
        self._where = where

    def begin(self) -> Any:
        self._file = self._where.fs.open(self._where.path, "wb", block_size=_PART_BYTES)
        return self._file

    def commit(self) -> None:
        self._file.close()

    def discard(self) -> None:
        try:
            self._file.discard()
        finally:
            # Otherwise the garbage collector closes the file, which completes the upload.
            self._file.closed = True


class _LocalRename:
    """Commit by an atomic rename of a temporary local file."""

    def __init__(self, where: StoragePath) -> None:
        self._path = where.path
        self._part = _part_of(where.path)

    def begin(self) -> Any:
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        self._file = open(self._part, "xb")  # noqa: SIM115
        return self._file

    def commit(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._part, self._path)

    def discard(self) -> None:
        self._file.close()
        os.unlink(self._part)


class _RemoteRename:
    """Commit by a rename of a temporary file through fsspec."""

    def __init__(self, where: StoragePath) -> None:
        self._where = where
        self._part = _part_of(where.path)

    def begin(self) -> Any:
        self._where.fs.makedirs(self._where.path.rpartition("/")[0], exist_ok=True)
        self._file = self._where.fs.open(self._part, "wb")
        return self._file

    def commit(self) -> None:
        self._file.close()
        self._where.fs.mv(self._part, self._where.path)

    def discard(self) -> None:
        self._file.close()
        self._where.fs.rm(self._part)


def _part_of(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/.{name}.{secrets.token_hex(4)}{TEMP_SUFFIX}"


def cleanup_temp_files(folder: StoragePath) -> None:
    """Delete temporary files that killed processes left behind.

    Only files older than six hours are deleted: a newer one may still be written to. Errors are ignored.

    :param folder: the folder to clean up.
    """
    if is_object_store(folder):
        return
    with suppress(Exception):
        for entry in folder.fs.ls(folder.path, detail=True):
            if str(entry["name"]).endswith(TEMP_SUFFIX) and _age(entry, time.time()) > _ABANDONED_SECONDS:
                folder.fs.rm(entry["name"])


def _age(entry: Mapping[str, Any], now: float) -> float:
    """Return the age of a listed file in seconds; 0 if its storage does not report it."""
    changed = next((entry[name] for name in _CHANGED if entry.get(name)), now)
    if isinstance(changed, datetime):
        changed = (changed if changed.tzinfo else changed.replace(tzinfo=UTC)).timestamp()
    return now - changed if isinstance(changed, int | float) else 0.0

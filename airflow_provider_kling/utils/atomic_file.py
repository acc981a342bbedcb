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
_OBJECT_STORE_SCHEMES = frozenset(("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl"))
# Minimum part size of S3; larger parts would only use more memory.
_PART_BYTES = 5 * 1024**2
_ABANDONED_SECONDS = 6 * 3600
# Names that file systems use for the time of the last change.
_MODIFIED_KEYS = ("mtime", "modified", "LastModified", "last_modified", "created")


class _CommitStrategy(Protocol):
    """Hide a file in one kind of storage until it is complete."""

    def begin(self) -> Any: ...

    def commit(self) -> None: ...

    def discard(self) -> None: ...


class AtomicFile:
    """Write a file that readers see only after the ``with`` block has ended without an exception.

    :param path: the file; an existing one is replaced.
    """

    def __init__(self, path: StoragePath) -> None:
        self._strategy = _commit_strategy(path)
        self._file: Any = None

    def __enter__(self) -> AtomicFile:
        with translate_storage_errors():
            self._file = self._strategy.begin()
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
        committed = False
        try:
            if kind is None:
                with translate_storage_errors():
                    self._strategy.commit()
                committed = True
        finally:
            if not committed:
                with suppress(Exception):
                    self._strategy.discard()


def is_object_store(path: StoragePath) -> bool:
    """Return whether a path is in an object store, which hides objects until their upload completes.

    :param path: file or folder.
    :return: ``True`` for S3, Google Cloud Storage and Azure.
    """
    return bool(_protocols(path) & _OBJECT_STORE_SCHEMES)


def _protocols(path: StoragePath) -> set[str]:
    names = path.fs.protocol
    return {names} if isinstance(names, str) else set(names)


def _commit_strategy(path: StoragePath) -> _CommitStrategy:
    if is_object_store(path):
        return _MultipartUpload(path)
    return _LocalRename(path) if "file" in _protocols(path) else _RemoteRename(path)


class _MultipartUpload:
    """Commit by completing a multipart upload of an object store."""

    def __init__(self, path: StoragePath) -> None:
        self._target = path

    def begin(self) -> Any:
        self._file = self._target.fs.open(self._target.path, "wb", block_size=_PART_BYTES)
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

    def __init__(self, path: StoragePath) -> None:
        self._path = path.path
        self._temp_path = _new_temp_path(path.path)

    def begin(self) -> Any:
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        self._file = open(self._temp_path, "xb")  # noqa: SIM115
        return self._file

    def commit(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._temp_path, self._path)
        sync_folder(self._path)

    def discard(self) -> None:
        try:
            # It writes buffered bytes, which fails on a full disk.
            self._file.close()
        finally:
            os.unlink(self._temp_path)


def sync_folder(path: str) -> None:
    """Write the folder of a local file to disk, so that a loss of power does not undo its creation or rename.

    :param path: path of the file.
    """
    # Some file systems cannot do it; the file itself is written.
    with suppress(OSError):
        folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class _RemoteRename:
    """Commit by a rename of a temporary file through fsspec."""

    def __init__(self, path: StoragePath) -> None:
        self._target = path
        self._temp_path = _new_temp_path(path.path)

    def begin(self) -> Any:
        self._target.fs.makedirs(self._target.path.rpartition("/")[0], exist_ok=True)
        self._file = self._target.fs.open(self._temp_path, "wb")
        return self._file

    def commit(self) -> None:
        self._file.close()
        self._target.fs.mv(self._temp_path, self._target.path)

    def discard(self) -> None:
        try:
            self._file.close()
        finally:
            self._target.fs.rm(self._temp_path)


def _new_temp_path(path: str) -> str:
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
    modified = next((entry[name] for name in _MODIFIED_KEYS if entry.get(name)), now)
    if isinstance(modified, datetime):
        modified = (modified if modified.tzinfo else modified.replace(tzinfo=UTC)).timestamp()
    return now - modified if isinstance(modified, int | float) else 0.0

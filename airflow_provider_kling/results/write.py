# SPDX-License-Identifier: Apache-2.0
"""Files that appear in a storage only when they are whole."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol

from ..storage import Location, explained

PART = ".part"
"""Ending of the name that a file has while it is being written, where the storage shows it then."""

# These show an object when its upload is completed, not before, and can throw an unfinished one away.
_COMMITTING = frozenset(("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl"))
# The least that S3 takes as a part; larger parts would only take more memory.
_PART_BYTES = 5 * 1024**2
_ABANDONED_SECONDS = 6 * 3600
# What filesystems call the time of the last change.
_CHANGED = ("mtime", "modified", "LastModified", "last_modified", "created")


class _Way(Protocol):
    """How one kind of storage keeps a file out of sight until it is whole."""

    def begin(self) -> Any: ...

    def commit(self) -> None: ...

    def discard(self) -> None: ...


class WholeFile:
    """A file to write. Readers see it when the ``with`` block has ended well, and never see a part of it.

    :param where: the file; one that exists is replaced.
    """

    def __init__(self, where: Location) -> None:
        self._way = _way_for(where)
        self._file: Any = None

    def __enter__(self) -> WholeFile:
        with explained():
            self._file = self._way.begin()
        return self

    def write(self, data: bytes) -> None:
        """Write some bytes.

        :raises StorageRefused: when the storage does not permit it.
        :raises StorageDown: when the storage fails.
        """
        with explained():
            self._file.write(data)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        whole = False
        try:
            if kind is None:
                with explained():
                    self._way.commit()
                whole = True
        finally:
            if not whole:
                with suppress(Exception):
                    self._way.discard()


def commits(where: Location) -> bool:
    """Whether the storage itself keeps a file out of sight until it is whole, as object stores do."""
    return bool(_protocols(where) & _COMMITTING)


def _protocols(where: Location) -> set[str]:
    names = where.fs.protocol
    return {names} if isinstance(names, str) else set(names)


def _way_for(where: Location) -> _Way:
    if commits(where):
        return _Upload(where)
    return _LocalRename(where) if "file" in _protocols(where) else _Rename(where)


class _Upload:
    """An object store's own transaction."""

    def __init__(self, where: Location) -> None:
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
            # The garbage collector would close the file, and closing completes the upload.
            self._file.closed = True


class _LocalRename:
    """A temporary name beside the file, then the system's own rename, which is one step."""

    def __init__(self, where: Location) -> None:
        self._path = where.path
        self._part = _part_of(where.path)

    def begin(self) -> Any:
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        self._file = open(self._part, "wb")  # noqa: SIM115
        return self._file

    def commit(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._part, self._path)

    def discard(self) -> None:
        self._file.close()
        os.unlink(self._part)


class _Rename:
    """A temporary name beside the file, then a rename by the filesystem."""

    def __init__(self, where: Location) -> None:
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
    return f"{folder}/.{name}.{secrets.token_hex(4)}{PART}"


def remove_parts(folder: Location) -> None:
    """Remove what writers left behind that were killed.

    A part that was changed in the last hours may be somebody's who is writing it.
    """
    if commits(folder):
        return
    with suppress(Exception):
        for entry in folder.fs.ls(folder.path, detail=True):
            if str(entry["name"]).endswith(PART) and _age(entry, time.time()) > _ABANDONED_SECONDS:
                folder.fs.rm(entry["name"])


def _age(entry: Mapping[str, Any], now: float) -> float:
    """Return how many seconds ago a listed file was changed; 0 where its storage does not tell."""
    changed = next((entry[name] for name in _CHANGED if entry.get(name)), now)
    if isinstance(changed, datetime):
        changed = (changed if changed.tzinfo else changed.replace(tzinfo=UTC)).timestamp()
    return now - changed if isinstance(changed, int | float) else 0.0

# SPDX-License-Identifier: Apache-2.0
"""Files behind any address that Airflow's object storage knows, and what their errors mean."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.providers.common.compat.sdk import ObjectStoragePath


_BLOCK_BYTES = 1024**2


class StorageRefused(Exception):
    """The file is not there, may not be read, or its storage is not set up: trying again changes nothing."""


class StorageDown(Exception):
    """The storage did not answer as it should; trying again can help."""


@dataclass(frozen=True, slots=True)
class Location:
    """A file or folder of a storage.

    :param uri: address for people and for other systems, with the connection where one is named.
    :param fs: the fsspec filesystem that holds it.
    :param path: its path within the filesystem.
    """

    uri: str
    fs: Any
    path: str

    def child(self, name: str) -> Location:
        """Return the file or folder of that relative name inside this folder."""
        return Location(f"{self.uri.rstrip('/')}/{name}", self.fs, f"{self.path.rstrip('/')}/{name}")


def locate(where: str | os.PathLike[str] | ObjectStoragePath) -> Location:
    """Find the filesystem of an address.

    :param where: ``ObjectStoragePath``, its URI (``s3://connection@bucket/key``), or a local path as text or
        ``Path``.
    :raises StorageRefused: when Airflow knows no such storage, or cannot reach it as configured.
    """
    with explained():
        from airflow.providers.common.compat.sdk import ObjectStoragePath

        path: Any = where
        if hasattr(path, "storage_options"):
            uri = uri_of(path)
        else:
            text = _text(where)
            # Airflow 2.11 takes a relative path for one from the root.
            uri = text if "://" in text else os.path.abspath(text)
            path = ObjectStoragePath(uri if "://" in uri else f"file://{uri}")
        return Location(uri, _filesystem(path), path.path)


def _text(where: Any) -> str:
    try:
        return os.fsdecode(where)
    except TypeError:
        raise StorageRefused(f"it is a {type(where).__name__}, and must be a path or an address") from None


def open_to_read(where: Location) -> Any:
    """Open a file to read.

    Object stores read ahead as much as a block, by default up to 50 MB for each look at a file's beginning.
    """
    return where.fs.open(where.path, "rb", block_size=_BLOCK_BYTES)


def _connection(path: ObjectStoragePath) -> str | None:
    # Airflow 3 has the attribute, 2.11 keeps it among the options.
    found = getattr(path, "conn_id", None) or path.storage_options.get("conn_id")
    return str(found) if found else None


def uri_of(path: ObjectStoragePath) -> str:
    """Return the URI of a path with its connection, which ``str()`` drops on Airflow 3."""
    scheme, separator, rest = str(path).partition("://")
    conn_id = _connection(path)
    if not separator or not conn_id or rest.startswith(f"{conn_id}@"):
        return str(path)
    return f"{scheme}://{conn_id}@{rest}"


def _filesystem(path: ObjectStoragePath) -> Any:
    try:
        return path.fs
    except ValueError:
        # Airflow knows the schemes of the installed providers; fsspec brings more that need no connection.
        if _connection(path):
            raise
        import fsspec

        return fsspec.filesystem(path.protocol or "file")


@contextmanager
def explained() -> Iterator[None]:
    """Turn what filesystems raise into one of two errors: asking again helps, or it does not.

    :raises StorageRefused: missing file or connection, no permission, no credentials, missing package.
    :raises StorageDown: anything else, such as an unreachable host.
    """
    try:
        yield
    except (StorageRefused, StorageDown):
        raise
    except FileNotFoundError:
        raise StorageRefused("it does not exist") from None
    except IsADirectoryError:
        raise StorageRefused("it is a folder") from None
    except (NotADirectoryError, FileExistsError):
        raise StorageRefused("a part of its path is a file") from None
    except PermissionError as error:
        raise StorageRefused(f"the storage refuses access ({_words(error)}){_HINT}") from None
    except ImportError as error:
        raise StorageRefused(f"a package for this storage is not installed ({_words(error)})") from None
    except (ValueError, NotImplementedError) as error:
        raise StorageRefused(_words(error)) from None
    except Exception as error:
        if type(error).__name__ in _NO_CREDENTIALS:
            raise StorageRefused(f"there are no usable credentials for it ({_words(error)}){_HINT}") from None
        raise StorageDown(_words(error)) from None


_HINT = "; the address names the Airflow connection to use: s3://connection@bucket/key"

# By name: the packages that raise them are optional.
_NO_CREDENTIALS = frozenset(
    {
        "AirflowNotFoundException",
        "NoCredentialsError",
        "PartialCredentialsError",
        "CredentialRetrievalError",
        "DefaultCredentialsError",
        "RefreshError",
    }
)


def _words(error: BaseException) -> str:
    from .api.shorten import shorten

    return shorten(f"{type(error).__name__}: {error}".rstrip(": "))[:300]

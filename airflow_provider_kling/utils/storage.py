# SPDX-License-Identifier: Apache-2.0
"""Resolve paths of any storage that Airflow supports, and translate the errors of its file systems."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..version_compat import ObjectStoragePath


_BLOCK_BYTES = 1024**2
_MAX_NAME_LENGTH = 200

_AZURE = frozenset(("abfs", "abfss", "adl", "az", "wasb", "wasbs"))
_OTHER_CLOUDS = frozenset(("gs", "gcs", "oss", "oci", "obs", "cos", "cosn", "tos", "r2"))
SUPPORTED_SCHEMES = frozenset(("file", "local", "memory", "s3", "s3a", "s3n")) | _AZURE | _OTHER_CLOUDS
"""Schemes of local files and object stores. fsspec supports more, such as http, which would send a request to
any host that a text names."""

_LOCAL_SCHEMES = ("file", "local")

_PACKAGES = {
    **dict.fromkeys(("s3", "s3a"), ("s3", "s3fs", "airflow.providers.amazon")),
    **dict.fromkeys(("gs", "gcs"), ("gs", "gcsfs", "airflow.providers.google")),
    **dict.fromkeys(_AZURE, ("abfs", "adlfs", "airflow.providers.microsoft.azure")),
}
"""Extra of this package, module of the filesystem, and Airflow's provider with the type of connection."""

_CHAINED_SCHEME = re.compile(r"::[A-Za-z][A-Za-z0-9+.-]*://")


class StoragePermanentError(Exception):
    """The file is missing or forbidden, or its storage is not configured; a retry cannot help."""


class StorageForbidden(StoragePermanentError):
    """The storage denies access to this identity."""


class StorageNotInstalled(StoragePermanentError):
    """The package of the storage is not installed; the text names what to install."""


class StorageTransientError(Exception):
    """The storage did not respond as expected; a retry can help."""


@dataclass(frozen=True, slots=True)
class StoragePath:
    """A file or folder in a storage.

    :param uri: URI for people and for other systems, with the connection id if there is one.
    :param fs: the fsspec filesystem that holds it.
    :param path: its path within the filesystem.
    """

    uri: str
    fs: Any
    path: str

    def child(self, name: str) -> StoragePath:
        """Return a file or folder inside this folder.

        :param name: relative name.
        :return: its path.
        """
        return StoragePath(f"{self.uri.rstrip('/')}/{name}", self.fs, f"{self.path.rstrip('/')}/{name}")


def resolve_path(path: str | os.PathLike[str] | ObjectStoragePath) -> StoragePath:
    """Resolve a path to its file system.

    :param path: ``ObjectStoragePath``, its URI (``s3://connection@bucket/key``), or a local path as text or
        ``Path``.
    :return: the resolved path.
    :raises StoragePermanentError: the scheme is not supported, or the storage is not configured in Airflow.
    :raises StorageTransientError: the storage did not respond.
    """
    with translate_storage_errors():
        from ..version_compat import ObjectStoragePath

        storage_path: Any = path
        check_installed(storage_path)
        if hasattr(storage_path, "storage_options"):
            uri = path_to_uri(storage_path)
        else:
            text = _path_text(path)
            # Airflow 2.11 takes a relative path for one from the root.
            uri = text if "://" in text else os.path.abspath(text)
            storage_path = ObjectStoragePath(uri if "://" in uri else f"file://{uri}")
        return StoragePath(uri, _filesystem(storage_path), storage_path.path)


def is_link(path: StoragePath) -> bool:
    """Return whether a path is a symbolic link; only local paths can be.

    :param path: file or folder; it may be missing.
    :return: ``True`` for a symbolic link.
    """
    names = path.fs.protocol
    return "file" in ((names,) if isinstance(names, str) else names) and os.path.islink(path.path)


def is_relative(path: Any) -> bool:
    """Return whether a path depends on the worker's working directory or user.

    :param path: text, ``Path`` or ``ObjectStoragePath``.
    :return: ``True`` for ``films``, ``~/films`` and ``file://films``.
    """
    if hasattr(path, "storage_options"):
        return False
    scheme, separator, rest = _path_text(path).partition("://")
    return not os.path.isabs(rest if separator else scheme) and (
        not separator or scheme.lower() in _LOCAL_SCHEMES
    )


def scheme_of(path: Any) -> str:
    """Return the scheme of a path as it will be opened.

    :param path: text, ``Path`` or ``ObjectStoragePath``.
    :return: the scheme; empty for a local path.
    :raises StoragePermanentError: the scheme is not supported, or the path chains several schemes.
    """
    text = str(path) if hasattr(path, "storage_options") else _path_text(path)
    scheme, separator, rest = text.partition("://")
    if not separator:
        return ""
    if scheme not in SUPPORTED_SCHEMES or _CHAINED_SCHEME.search(rest):
        raise StoragePermanentError(
            f"{scheme[:20]!r} is not a supported storage scheme; expected one of "
            f"{', '.join(sorted(SUPPORTED_SCHEMES))}"
        )
    return scheme


def check_installed(path: Any) -> None:
    """Check that the package which a path's storage needs is installed, without opening anything.

    :param path: text, ``Path`` or ``ObjectStoragePath``.
    :raises StorageNotInstalled: the package is missing; the text names the extra to install.
    :raises StoragePermanentError: the scheme is not supported.
    """
    scheme = scheme_of(path)
    # A file system registered by the user replaces the default one.
    registered = getattr(sys.modules.get("fsspec.registry"), "registry", {})
    if scheme not in _PACKAGES or scheme in registered:
        return
    extra, module, provider = _PACKAGES[scheme]
    text = path_to_uri(path) if hasattr(path, "storage_options") else _path_text(path)
    has_conn_id = "@" in text.partition("://")[2].partition("/")[0]
    if missing := [
        each for each in (module, *([provider] if has_conn_id else [])) if not _is_importable(each)
    ]:
        raise StorageNotInstalled(
            f"install airflow-provider-kling[{extra}]: {scheme}:// needs {' and '.join(missing)}"
        )


def _is_importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _path_text(path: Any) -> str:
    try:
        return os.fsdecode(path)
    except TypeError:
        raise StoragePermanentError(f"expected a path or a URI, got {type(path).__name__}") from None


def open_to_read(path: StoragePath) -> Any:
    """Open a file for reading, with a block size of 1 MB.

    The default block of an object store is up to 50 MB, which is read even for the first bytes of a file.

    :param path: the file.
    :return: a binary file object.
    """
    return path.fs.open(path.path, "rb", block_size=_BLOCK_BYTES)


def file_version(file: Any) -> tuple[int, int] | None:
    """Return what changes when somebody writes to an open file: its size, and the time of the last change.

    :param file: a file object.
    :return: ``None`` for an object store, whose client reads one version of an object only.
    """
    try:
        found = os.fstat(file.fileno())
    except (AttributeError, OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns


def check_unchanged(file: Any, version: tuple[int, int] | None) -> None:
    """Fail if a file was written to: what was read may be partly of the old and partly of the new content.

    :param file: a file object.
    :param version: :func:`file_version` before the first read.
    :raises StorageTransientError: it was.
    """
    if file_version(file) != version:
        raise StorageTransientError("it has changed while it was read")


def _conn_id(path: ObjectStoragePath) -> str | None:
    # Airflow 3 has the attribute, 2.11 has it among the options.
    conn_id = getattr(path, "conn_id", None) or path.storage_options.get("conn_id")
    return str(conn_id) if conn_id else None


def path_to_uri(path: ObjectStoragePath) -> str:
    """Return the URI of a path with its connection id, which ``str()`` drops on Airflow 3.

    :param path: the path.
    :return: the URI, such as ``s3://aws_default@bucket/key``.
    """
    scheme, separator, rest = str(path).partition("://")
    conn_id = _conn_id(path)
    if not separator or not conn_id or rest.startswith(f"{conn_id}@"):
        return str(path)
    return f"{scheme}://{conn_id}@{rest}"


def _filesystem(path: ObjectStoragePath) -> Any:
    try:
        return path.fs
    except ValueError:
        # Airflow supports the schemes of installed providers; fsspec adds some that need no connection.
        if _conn_id(path):
            raise
        import fsspec

        return fsspec.filesystem(path.protocol or "file")


@contextmanager
def translate_storage_errors() -> Iterator[None]:
    """Translate exceptions of file systems into a permanent or a transient error.

    :raises StoragePermanentError: missing file or connection, no permission, no credentials, missing package.
    :raises StorageTransientError: any other error, such as an unreachable host.
    """
    try:
        yield
    except (StoragePermanentError, StorageTransientError):
        raise
    except FileNotFoundError:
        raise StoragePermanentError("it does not exist") from None
    except IsADirectoryError:
        raise StoragePermanentError("it is a folder") from None
    except (NotADirectoryError, FileExistsError):
        raise StoragePermanentError("a part of its path is a file") from None
    except PermissionError as error:
        raise StorageForbidden(
            f"the storage refuses access ({_error_text(error)}){_CONNECTION_HINT}"
        ) from None
    except ImportError as error:
        raise StorageNotInstalled(
            f"a package for this storage is not installed ({_error_text(error)})"
        ) from None
    except (ValueError, NotImplementedError) as error:
        raise StoragePermanentError(_error_text(error)) from None
    except Exception as error:
        raise _translate(error) from None


def _translate(error: Exception) -> StoragePermanentError | StorageTransientError:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EROFS:
        return StorageForbidden("its file system is read-only")
    if number in _INVALID_PATHS:
        return StoragePermanentError(_error_text(error))
    if type(error).__name__ in _NO_CREDENTIALS:
        return StoragePermanentError(
            f"there are no usable credentials for it ({_error_text(error)}){_CONNECTION_HINT}"
        )
    return StorageTransientError(_error_text(error))


_INVALID_PATHS = frozenset((errno.ENAMETOOLONG, errno.ELOOP))

_CONNECTION_HINT = "; the URL names the Airflow connection to use: s3://connection@bucket/key"

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


def _error_text(error: BaseException) -> str:
    from .redaction import redact_text

    return redact_text(f"{type(error).__name__}: {error}".rstrip(": "))[:300]


def safe_file_name(text: str) -> str:
    """Return a file name for a text, which no other text has and every storage accepts.

    :param text: the text.
    :return: the text with percent signs and codes for special characters; a long one ends with a hash.
    """
    # "~" is of names that end with a hash.
    name = quote(text, safe="").replace("~", "%7E")
    if len(name) <= _MAX_NAME_LENGTH:
        return name
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    return f"{name[: _MAX_NAME_LENGTH - len(digest) - 1]}~{digest}"

# SPDX-License-Identifier: Apache-2.0
"""Open files that a task instance has stored for the preview, in few threads, and send parts of them.

A path comes from an XCom or a ledger, which more people may write than may read the API server's files. So
the manifest in the file's folder must name this task instance and the file, and the folder must be below the
task instance's output path.
"""

from __future__ import annotations

import asyncio
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, TypeVar
from urllib.parse import unquote

from ..results.files import MANIFEST, SNIFF_BYTES, task_folder
from ..results.manifest import read_manifest
from ..results.viewable_files import ResultItem
from ..utils.media_types import detect_media_type
from ..utils.storage import (
    StoragePath,
    StoragePermanentError,
    open_to_read,
    resolve_path,
    scheme_of,
    translate_storage_errors,
)
from .serializers import TaskInstanceRow

T = TypeVar("T")

_RETRY_SECONDS = 0.02

# ASCII only, and short enough to be converted in no time.
_RANGE = re.compile(r"([0-9]{0,18})-([0-9]{0,18})")
CHUNK = 256 * 1024

_MEDIA_TYPES = ("image/", "video/", "audio/")
_REJECTED_TYPES = ("image/svg+xml",)
_MASKED = "***"
_INSTANCE = ("dag_id", "run_id", "task_id", "map_index")
LOCAL_SCHEMES = ("", "file", "local")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An open file.

    :param file: at its beginning; the reader closes it.
    :param size: bytes.
    :param mime: media type, by content.
    :param sha256: hash of the content, from the manifest.
    """

    file: BinaryIO
    size: int
    mime: str
    sha256: str | None = None

    def read(self, position: int, length: int) -> bytes:
        """Read a part, at most :data:`CHUNK` bytes of it.

        :param position: position of the first byte.
        :param length: number of bytes.
        :return: the bytes; empty at the end of the file.
        """
        self.file.seek(position)
        return self.file.read(min(CHUNK, length))


def open_stored_file(instance: TaskInstanceRow, item: ResultItem) -> StoredFile:
    """Open the file of an item.

    :param instance: the task instance that the item belongs to.
    :param item: a file of its result.
    :return: the open file.
    :raises StoragePermanentError: it is not there, may not be read, or nothing proves that this task instance
        stored it.
    :raises StorageTransientError: its storage does not respond.
    """
    folder = task_folder(instance.result)
    if not item.path or not _is_expected_path(item.path, folder, item.stem):
        raise StoragePermanentError(_WRONG_FOLDER)
    _check_output_path(item.path, instance.output_path)
    stored = resolve_path(item.path)
    folder_path, _, name = stored.path.rpartition("/")
    parent = StoragePath(stored.uri.rpartition("/")[0], stored.fs, folder_path)
    if scheme_of(item.path) in LOCAL_SCHEMES:
        _check_real(folder_path, name)
    entry = _find_manifest_entry(parent, instance, item, name)
    found = _open(stored, _MEDIA_TYPES)
    if found.size != entry.get("bytes", found.size):
        found.file.close()
        raise StoragePermanentError("it is not the file that its manifest names")
    return replace(found, sha256=item.sha256 if item.sha256 == entry.get("sha256") else None)


def _open(path: StoragePath, families: tuple[str, ...]) -> StoredFile:
    with translate_storage_errors():
        size = int(path.fs.info(path.path)["size"])
        file = open_to_read(path)
        try:
            mime = _media_type(file.read(SNIFF_BYTES), families)
        except BaseException:
            file.close()
            raise
    return StoredFile(file, size, mime)


_WRONG_FOLDER = "it is not where the files of this job are stored"
_NOT_PROVEN = "no manifest says that this task instance stored it"


def _find_manifest_entry(
    folder: StoragePath, instance: TaskInstanceRow, item: ResultItem, name: str
) -> Mapping[str, Any]:
    """Return the entry of a file in the manifest of its folder, if this task instance stored it."""
    manifest = read_manifest(folder) or {}
    if not is_same_instance(instance, manifest.get("airflow")):
        raise StoragePermanentError(_NOT_PROVEN)
    video = f"{item.key.removesuffix('.poster')}.url" if item.key.endswith(".poster") else None
    for entry in manifest["files"]:
        if not isinstance(entry, Mapping):
            continue
        if (entry.get("key"), entry.get("name")) == (item.key, name):
            return entry
        # A video's entry names its poster, without the size.
        if (entry.get("key"), entry.get("poster")) == (video, name):
            return {}
    raise StoragePermanentError(_NOT_PROVEN)


def open_proven_image(image: StoragePath) -> StoredFile:
    """Open an image in the folder of a file that belongs to this task instance.

    :param image: the image; its folder has been checked.
    :return: the open file.
    :raises StoragePermanentError: it is not there, a link, or no image.
    :raises StorageTransientError: its storage does not respond.
    """
    folder_path, _, name = image.path.rpartition("/")
    if scheme_of(image.uri) in LOCAL_SCHEMES:
        real = os.path.realpath(folder_path)
        if os.path.realpath(image.path) != f"{real}/{name}":
            raise StoragePermanentError(_WRONG_FOLDER)
    return _open(image, ("image/",))


def read_request(instance: TaskInstanceRow, path: str) -> Mapping[str, Any]:
    """Read the request of a stored file from the manifest in its folder.

    :param instance: the task instance that stored the file.
    :param path: the file.
    :return: prompt, model and parameters; empty where nothing proves that this task instance stored it.
    :raises StoragePermanentError: the storage may not be read.
    :raises StorageTransientError: the storage does not respond.
    """
    _check_folder(path, task_folder(instance.result))
    _check_output_path(path, instance.output_path)
    stored = resolve_path(path)
    folder_path, _, name = stored.path.rpartition("/")
    if scheme_of(path) in LOCAL_SCHEMES:
        _check_real(folder_path, name)
    manifest = read_manifest(StoragePath(stored.uri.rpartition("/")[0], stored.fs, folder_path)) or {}
    proven = is_same_instance(instance, manifest.get("airflow"))
    return manifest["request"] if proven else {}


def is_same_instance(instance: TaskInstanceRow, airflow: Any) -> bool:
    """Whether the block ``airflow`` of a manifest, ledger or summary names a task instance.

    :param instance: the task instance.
    :param airflow: JSON value of the block.
    :return: whether all of DAG, run, task and map index are the same, and of the same type.
    """
    return isinstance(airflow, Mapping) and all(
        type(airflow.get(part)) is type(getattr(instance, part))
        and airflow.get(part) == getattr(instance, part)
        for part in _INSTANCE
    )


def is_masked(path: str) -> bool:
    """Return whether Airflow shows a part of a path as asterisks.

    :param path: a rendered template field.
    :return: ``True`` if the path is incomplete.
    """
    return _MASKED in path


def is_plain_path(path: str) -> bool:
    """Return whether a path is absolute and unambiguous: no steps up, queries, chains or blanks.

    :param path: path or URI.
    :return: ``True`` if it can be opened.
    """
    scheme = scheme_of(path)
    if not scheme and not path.startswith("/"):
        return False
    if any(ord(character) < ord(" ") for character in path) or path != path.strip():
        return False
    parts = unquote(path).replace("\\", "/").split("/")
    return not (any(part in ("..", ".") for part in parts) or "?" in path or "#" in path or "::" in path)


def _check_folder(path: str, folder: str) -> None:
    if not is_plain_path(path) or unquote(path).replace("\\", "/").split("/")[-2:-1] != [folder]:
        raise StoragePermanentError(_WRONG_FOLDER)


def _is_expected_path(path: str, folder: str, stem: str) -> bool:
    """Whether a path is one that a stored file has: ``.../{folder of the task}/{stem}.{ending}``."""
    if not is_plain_path(path):
        return False
    parts = unquote(path).replace("\\", "/").split("/")
    name, dot, ending = parts[-1].partition(".")
    return len(parts) > 1 and parts[-2] == folder and name == stem and bool(dot) and ending.isalnum()


def _check_output_path(path: str, output_path: str | None) -> None:
    """Reject a path that is not directly below the output path, if Airflow still stores that.

    Where it does not, or shows a part of it as ``***``, the manifest alone decides.
    """
    if output_path is None or _MASKED in output_path:
        return
    local = scheme_of(output_path) in LOCAL_SCHEMES
    if not output_path or (local and not local_path(output_path).startswith("/")):
        raise StoragePermanentError(_WRONG_FOLDER)
    if local != (scheme_of(path) in LOCAL_SCHEMES):
        raise StoragePermanentError(_WRONG_FOLDER)
    if local:
        root, file = os.path.realpath(local_path(output_path)), local_path(path)
        is_below = os.path.realpath(file) == os.path.join(root, *file.split("/")[-2:])
    else:
        is_below = path.rsplit("/", 2)[0] == output_path.rstrip("/")
    if not is_below:
        raise StoragePermanentError(_WRONG_FOLDER)


def local_path(path: str) -> str:
    """Return a local path without its scheme.

    :param path: path or URI of a file of this machine.
    :return: the path.
    """
    return path.partition("://")[2] if "://" in path else path


def _check_real(folder_path: str, name: str) -> None:
    """Reject a file, a manifest or a folder that is a symbolic link."""
    above, folder = os.path.split(folder_path)
    real = os.path.join(os.path.realpath(above), folder)
    if any(os.path.realpath(f"{folder_path}/{each}") != f"{real}/{each}" for each in (name, MANIFEST)):
        raise StoragePermanentError(_WRONG_FOLDER)


def _media_type(head: bytes, families: tuple[str, ...]) -> str:
    mime = detect_media_type(head)
    if mime is None or not mime.startswith(families) or mime in _REJECTED_TYPES:
        raise StoragePermanentError("it is no image, video or audio")
    return mime


class NotSatisfiable(ValueError):
    """The requested part lies outside the file."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A part of a file.

    :param first: position of its first byte, from 0.
    :param last: position of its last byte.
    """

    first: int
    last: int

    @property
    def length(self) -> int:
        """Number of bytes."""
        return self.last - self.first + 1


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """Parse a ``Range`` header.

    :param header: its value, if there is one.
    :param size: size of the file in bytes.
    :return: the requested part; ``None`` for the whole file, which is also the answer to a header that is
        malformed, of another unit, or requests several parts.
    :raises NotSatisfiable: the part lies outside the file.
    """
    unit, _, spec = (header or "").partition("=")
    found = _RANGE.fullmatch(spec.strip())
    if unit.strip().lower() != "bytes" or not found or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        return _suffix(int(last), size)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise NotSatisfiable(header)
    return ByteRange(int(first), min(int(last), size - 1) if last else size - 1)


def _suffix(length: int, size: int) -> ByteRange:
    if not length or not size:
        raise NotSatisfiable(length)
    return ByteRange(max(size - length, 0), size - 1)


class StorageBusy(Exception):
    """The storage did not answer in time, or all threads wait for it."""


class StoragePool:
    """Run a limited number of reads at once, each with a timeout, so that storage cannot block the server.

    A read that hangs occupies its thread until it ends; further reads wait for a short time, without a
    thread, and are rejected then. The threads are daemons, so that they do not delay the end of the process.

    :param size: maximum number of reads at once.
    :param wait: seconds to wait for a free thread.
    :param timeout: seconds that a read may take.
    """

    def __init__(self, size: int, wait: float, timeout: float) -> None:
        self._free = threading.BoundedSemaphore(size)
        self._wait = wait
        self._timeout = timeout

    async def run(self, read: Callable[[], T], discard: Callable[[T], None] | None = None) -> T:
        """Run a function in a thread of the pool.

        :param read: the function.
        :param discard: called with the result of a read that ends after its timeout.
        :return: its result.
        :raises StorageBusy: no thread became free, or the read timed out.
        """
        until = time.monotonic() + self._wait
        while not self._free.acquire(blocking=False):
            if time.monotonic() >= until:
                raise StorageBusy("all reads of the preview wait for their storage")
            await asyncio.sleep(_RETRY_SECONDS)
        future: Future[T] = Future()
        try:
            threading.Thread(
                target=self._run_read, args=(future, read), name="kling-read", daemon=True
            ).start()
        except BaseException:
            self._free.release()
            raise
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), self._timeout)
        except (asyncio.CancelledError, TimeoutError) as error:
            if discard:
                future.add_done_callback(lambda done: _discard(done, discard))
            if isinstance(error, TimeoutError) and not future.done():
                raise StorageBusy("the storage does not respond in time") from None
            raise

    def _run_read(self, future: Future[Any], read: Callable[[], Any]) -> None:
        try:
            result = read()
        except BaseException as error:
            self._free.release()
            future.set_exception(error)
        else:
            self._free.release()
            future.set_result(result)


def _discard(done: Future[T], discard: Callable[[T], None]) -> None:
    if done.exception() is None:
        discard(done.result())

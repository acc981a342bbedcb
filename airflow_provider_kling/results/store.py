# SPDX-License-Identifier: Apache-2.0
"""Store the files of a finished task: download, check, commit, and list them in a manifest."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from ..exceptions import KlingResultExpired
from ..utils.atomic_file import AtomicFile, cleanup_temp_files
from ..utils.redaction import redact_text
from ..utils.storage import (
    StorageForbidden,
    StoragePath,
    StoragePermanentError,
    StorageTransientError,
    is_link,
    resolve_path,
    translate_storage_errors,
)
from .download import (
    Download,
    DownloadOptions,
    PermanentDownloadError,
    TransientDownloadError,
    UrlExpiredError,
    download,
)
from .file_completeness import container_of
from .files import (
    MANIFEST,
    PARTIAL_MANIFEST,
    SNIFF_BYTES,
    ResultFile,
    UnexpectedContentError,
    attach_paths,
    list_result_files,
    match_manifest_entry,
    media_type,
    task_folder,
)
from .item_order import in_order, stored_order
from .manifest import build_manifest, is_of_same_job, read_manifest, read_permitted_manifest, serialize
from .signed_urls import Refresh, SignedUrlSource

if TYPE_CHECKING:
    from ..version_compat import ObjectStoragePath

log = logging.getLogger(__name__)

_UNMEASURED = (
    "the server sends no reliable length, and the format of the file does not show whether it is complete"
)


def store_result(
    task: Mapping[str, Any],
    output_path: str | ObjectStoragePath,
    *,
    refresh: Refresh | None = None,
    metadata: Mapping[str, Any] | None = None,
    airflow: Mapping[str, Any] | None = None,
    options: DownloadOptions | None = None,
) -> dict[str, Any]:
    """Store the files of a finished task in ``output_path/{task id}/``.

    Files that are already stored are not downloaded again, and one that cannot be stored prevents no other.
    The manifest is written last: if there is one, all files are stored.

    :param task: the task as operators return it.
    :param output_path: folder in any storage that Airflow supports.
    :param refresh: reads the task from Kling again, for new URLs; called from a separate thread.
    :param metadata: the request, for the manifest: model, prompt, parameters, fingerprint, inputs.
    :param airflow: the task instance that stores the files, for the manifest; the preview serves files to
        readers of this task instance only.
    :param options: limits of the downloads.
    :return: the task with ``path``, ``bytes`` and ``sha256`` in each item. Further files of an item have
        fields of their own: ``watermark_path`` for ``watermark_url``, ``path_wav`` for ``url_wav``.
    :raises KlingResultExpired: Kling has deleted the files; a retry cannot help.
    :raises KlingResultNotKept: the files could not be downloaded or written; a retry downloads them without
        a new job.
    """
    job = SignedUrlSource(task, refresh)
    try:
        options = options or DownloadOptions()
        folder = _folder(resolve_path(output_path), task, options.host)
        manifest = read_permitted_manifest(folder)
        known = manifest or _partial_manifest(folder, task, options.host)
        task = in_order(task, stored_order(known["files"]))
        job = SignedUrlSource(task, refresh)
        store = _ResultStore(task, job, folder, options, airflow)
        return attach_paths(task, store.run(metadata or {}, known, is_whole=manifest is not None))
    except (StorageTransientError, StoragePermanentError) as error:
        raise job.not_stored_error(f"cannot be stored in {redact_text(str(output_path))}: {error}") from None


def _folder(root: StoragePath, task: Mapping[str, Any], host: str | None) -> StoragePath:
    """Return the folder of a job; if another job has that name already, one with a longer name.

    A role that may only write, or may not list, cannot read whose folder it is: the longer name then.

    :raises StoragePermanentError: the folder is a symbolic link, or both names belong to other jobs.
    """
    unique_name = task_folder(task, host=host, unique=True)
    for name in (task_folder(task), unique_name):
        folder = root.child(name)
        if is_link(folder):
            raise StoragePermanentError(f"{name} in it is a link; remove the link")
        try:
            if is_of_same_job(read_manifest(folder), task, host):
                return folder
        except StorageForbidden:
            # Whose files the first folder holds is unknown; the second one belongs to this job alone.
            if name == unique_name:
                return folder
    raise StoragePermanentError(f"{name} in it holds the files of another job; remove or rename that folder")


def _partial_manifest(folder: StoragePath, task: Mapping[str, Any], host: str | None) -> Mapping[str, Any]:
    """Return the list of files that an earlier try could store."""
    partial = read_permitted_manifest(folder, PARTIAL_MANIFEST)
    return partial if partial and is_of_same_job(partial, task, host) else {"files": ()}


class _ResultStore:
    """Run one call of :func:`store_result`."""

    def __init__(
        self,
        task: Mapping[str, Any],
        job: SignedUrlSource,
        folder: StoragePath,
        options: DownloadOptions,
        airflow: Mapping[str, Any] | None,
    ) -> None:
        self._task = task
        self._job = job
        self._folder = folder
        self._options = options
        self._airflow = airflow
        self._stop = threading.Event()

    def run(
        self, metadata: Mapping[str, Any], manifest: Mapping[str, Any], *, is_whole: bool
    ) -> dict[str, dict[str, Any]]:
        """Download the files that are not stored yet; return the manifest entries of all files by key."""
        stored = self._already_stored(manifest)
        missing = [file for file in list_result_files(self._task) if file.key not in stored]
        if missing:
            self._download_missing(missing, stored)
        # A sweep stores the files without knowing the request.
        if missing or (stored and (not is_whole or (metadata and not manifest.get("request")))):
            self._write_manifest(stored, metadata)
            if manifest["files"] and not is_whole:
                # Not every role may remove files.
                with suppress(Exception):
                    self._folder.fs.rm_file(self._folder.child(PARTIAL_MANIFEST).path)
        return stored

    def _already_stored(self, manifest: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return the manifest entries of files that are already stored, by key."""
        return {
            file.key: {**known, "path": self._folder.child(known["name"]).uri}
            for file in list_result_files(self._task)
            for entry in manifest["files"]
            if (known := match_manifest_entry(file, entry)) and self._exists_completely(known)
        }

    def _exists_completely(self, entry: Mapping[str, Any]) -> bool:
        path = self._folder.child(entry["name"])
        if is_link(path):
            return False
        with translate_storage_errors():
            try:
                return bool(path.fs.info(path.path)["size"] == entry["bytes"])
            except (FileNotFoundError, PermissionError):
                # S3 denies a role that may not list to know of a missing file.
                return False

    def _download_missing(self, files: list[ResultFile], stored: dict[str, dict[str, Any]]) -> None:
        """Download files and add their entries to the stored ones.

        The first error is raised after all have ended: the other files are paid for, too, and a retry need
        not download them again.
        """
        errors: dict[str, BaseException] = {}
        known = len(stored)
        for key, result in self._download_all(files).items():
            if isinstance(result, BaseException):
                errors[key] = result
            else:
                stored[key] = result
        if not errors:
            return
        if len(stored) > known:
            with suppress(StorageTransientError, StoragePermanentError):
                self._write_list(PARTIAL_MANIFEST, stored, {})
        key, error = next(iter(errors.items()))
        some_stored = f"{len(stored)} of {len(stored) + len(errors)} files are stored"
        if isinstance(error, TransientDownloadError | PermanentDownloadError):
            others = f"; {some_stored}" if stored else ""
            raise self._job.not_stored_error(f"could not be downloaded: {key}: {error}{others}") from None
        if isinstance(error, KlingResultExpired) and stored:
            error.set_next_steps(
                f"In {redact_text(self._folder.uri)} {some_stored}. Only a new job, which is charged, makes "
                "the others again."
            )
        raise error

    def _download_all(self, files: list[ResultFile]) -> dict[str, dict[str, Any] | BaseException]:
        """Download files in parallel; return the entry of each, or why there is none."""
        if len(files) == 1:
            # In the main thread an interrupt takes effect at once.
            try:
                return {files[0].key: self._download_with_retries(files[0])}
            except Exception as error:
                return {files[0].key: error}
        pool = ThreadPoolExecutor(min(self._options.parallel, len(files)), thread_name_prefix="kling-store")
        try:
            running = {pool.submit(self._download_with_retries, file): file for file in files}
            wait(running)
            return {file.key: done.exception() or done.result() for done, file in running.items()}
        finally:
            self._stop.set()
            pool.shutdown(cancel_futures=True)

    def _write_manifest(self, stored: Mapping[str, Mapping[str, Any]], metadata: Mapping[str, Any]) -> None:
        """Write the manifest, which marks the result as stored."""
        if not metadata:
            # An earlier or concurrent writer may know the request.
            known = read_permitted_manifest(self._folder) or {}
            metadata = {**(known.get("request") or {}), "labels": known.get("labels")}
        self._write_list(MANIFEST, stored, metadata)
        cleanup_temp_files(self._folder)
        # Not on INFO: a batch would write thousands of these lines.
        log.debug(
            "Stored %s files of task %s in %s",
            len(stored),
            self._task.get("task_id"),
            redact_text(self._folder.uri),
        )

    def _write_list(
        self, name: str, stored: Mapping[str, Mapping[str, Any]], metadata: Mapping[str, Any]
    ) -> None:
        entries = [
            {field: value for field, value in stored[file.key].items() if field != "path"}
            for file in list_result_files(self._task)
            if file.key in stored
        ]
        content = serialize(build_manifest(self._task, entries, metadata, self._options.host, self._airflow))
        with AtomicFile(self._folder.child(name)) as sink:
            sink.write(content)

    def _download_with_retries(self, file: ResultFile) -> dict[str, Any]:
        retrying = Retrying(
            stop=stop_after_attempt(self._options.attempts),
            wait=self._retry_delay,
            retry=retry_if_exception_type((TransientDownloadError, StorageTransientError)),
            sleep=self._sleep_or_stop,
            reraise=True,
        )
        return retrying(self._download_once, file)

    def _retry_delay(self, state: RetryCallState) -> float:
        """Return the delay in seconds: exponential with jitter, or ``Retry-After``, up to the limit."""
        limit = self._options.max_retry_delay
        backoff = wait_random_exponential(multiplier=0.5, max=limit)(state)
        error = state.outcome.exception() if state.outcome else None
        return max(backoff, min(getattr(error, "retry_after", None) or 0.0, limit))

    def _sleep_or_stop(self, seconds: float) -> None:
        self._stop.wait(seconds)

    def _download_once(self, file: ResultFile) -> dict[str, Any]:
        self._raise_if_cancelled()
        url = self._job.url(file)
        try:
            with download(url, self._options) as response:
                return self._write_file(file, response)
        except UrlExpiredError:
            self._job.renew(file, url)
            raise

    def _write_file(self, file: ResultFile, response: Download) -> dict[str, Any]:
        chunks = self._until_cancelled(response.chunks())
        head = _head(chunks)
        try:
            mime = media_type(file, head, response.content_type)
        except UnexpectedContentError as error:
            raise TransientDownloadError(str(error)) from None
        path = self._folder.child(file.name(mime))
        digest, size, container = hashlib.sha256(), 0, container_of(mime)
        with AtomicFile(path) as sink:
            for chunk in chain((head,), chunks):
                digest.update(chunk)
                container.feed(chunk)
                size += len(chunk)
                sink.write(chunk)
            if defect := container.defect():
                raise TransientDownloadError(f"it is not complete: {defect}")
            if not response.measured and not container.closed:
                raise TransientDownloadError(_UNMEASURED)
        return {
            "key": file.key,
            "name": file.name(mime),
            "type": mime,
            "bytes": size,
            "sha256": digest.hexdigest(),
            "path": path.uri,
        }

    def _until_cancelled(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._raise_if_cancelled()
            yield chunk

    def _raise_if_cancelled(self) -> None:
        if self._stop.is_set():
            raise PermanentDownloadError("the download was interrupted")


def _head(chunks: Iterator[bytes]) -> bytes:
    head = b""
    while len(head) < SNIFF_BYTES and (chunk := next(chunks, b"")):
        head += chunk
    return head

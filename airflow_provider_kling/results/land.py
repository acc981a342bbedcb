# SPDX-License-Identifier: Apache-2.0
"""Lands the files of a finished task: fetched, checked, kept whole, listed in a manifest."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import chain
from typing import TYPE_CHECKING, Any

from ..api.shorten import shorten
from ..storage import Location, StorageDown, StorageRefused, explained, locate
from .job import FinishedJob, Refresh
from .manifest import encode, manifest_of, read_manifest
from .plan import (
    HEAD_BYTES,
    MANIFEST,
    NotTheResult,
    ResultFile,
    files_of,
    folder_of,
    landed_before,
    media_type,
    with_files,
)
from .rules import DownloadRules
from .write import WholeFile, remove_parts

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from .download import Download

log = logging.getLogger(__name__)


def land(
    task: Mapping[str, Any],
    output_path: str | ObjectStoragePath,
    *,
    refresh: Refresh | None = None,
    facts: Mapping[str, Any] | None = None,
    rules: DownloadRules | None = None,
) -> dict[str, Any]:
    """Keep the files of a finished task below ``output_path/{task id}/``.

    A file that landed before is not fetched again. The manifest is written last: where there is one, all
    files are there.

    :param task: the task as operators return it.
    :param output_path: folder in any storage that Airflow knows.
    :param refresh: reads the task from Kling again, for fresh addresses; called from a thread of its own.
    :param facts: what is known of the job beside the task, for the manifest: model, prompt, parameters,
        fingerprint, inputs.
    :param rules: limits of the downloads.
    :return: the task with ``path``, ``bytes`` and ``sha256`` in each item. Other files of an item have
        names of their own: ``watermark_path`` for ``watermark_url``, ``path_wav`` for ``url_wav``.
    :raises KlingResultExpired: Kling has deleted the files; a retry is of no use.
    :raises KlingResultNotKept: the files could not be fetched or written; a retry fetches them again
        without a new job.
    """
    job = FinishedJob(task, refresh)
    try:
        folder = locate(output_path).child(folder_of(task))
        return with_files(task, _Landing(task, job, folder, rules or DownloadRules()).run(facts or {}))
    except (StorageDown, StorageRefused) as error:
        raise job.not_kept(f"cannot be kept in {shorten(str(output_path))}: {error}") from None


class _Landing:
    """One call of :func:`land`."""

    def __init__(
        self, task: Mapping[str, Any], job: FinishedJob, folder: Location, rules: DownloadRules
    ) -> None:
        self._task = task
        self._job = job
        self._folder = folder
        self._rules = rules
        self._stop = threading.Event()

    def run(self, facts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Fetch what is not there yet; return the facts of all files by key."""
        manifest = read_manifest(self._folder) or {"files": ()}
        kept = self._known(manifest)
        missing = [file for file in files_of(self._task) if file.key not in kept]
        if missing:
            kept |= self._fetch(missing)
        # Who only swept up the files did not know what was asked for.
        if missing or (kept and facts and not manifest.get("request")):
            self._finish(kept, facts)
        return kept

    def _known(self, manifest: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Files that landed before, by key."""
        return {
            file.key: {**facts, "path": self._folder.child(facts["name"]).uri}
            for file in files_of(self._task)
            for entry in manifest["files"]
            if (facts := landed_before(file, entry)) and self._is_there(facts)
        }

    def _is_there(self, entry: Mapping[str, Any]) -> bool:
        place = self._folder.child(entry["name"])
        with explained():
            try:
                return bool(place.fs.info(place.path)["size"] == entry["bytes"])
            except FileNotFoundError:
                return False

    def _fetch(self, files: list[ResultFile]) -> dict[str, dict[str, Any]]:
        """Fetch files, several at once; all of them or an error."""
        if len(files) == 1:
            # In this thread an interruption takes effect at once.
            return {files[0].key: self._one(files[0])}
        pool = ThreadPoolExecutor(min(self._rules.parallel, len(files)), thread_name_prefix="kling-land")
        try:
            running = {pool.submit(self._one, file): file for file in files}
            return {running[done].key: done.result() for done in as_completed(running)}
        finally:
            self._stop.set()
            pool.shutdown(cancel_futures=True)

    def _finish(self, kept: Mapping[str, Mapping[str, Any]], facts: Mapping[str, Any]) -> None:
        """Write the manifest, which says that all is there."""
        entries = [
            {name: value for name, value in kept[file.key].items() if name != "path"}
            for file in files_of(self._task)
        ]
        if not facts:
            # Whoever landed these before, or lands them at this moment, may know.
            facts = (read_manifest(self._folder) or {}).get("request") or {}
        content = encode(manifest_of(self._task, entries, facts))
        with WholeFile(self._folder.child(MANIFEST)) as sink:
            sink.write(content)
        remove_parts(self._folder)
        # Whoever lands one task may say so; of the thousands of a batch a line each would bury all others.
        log.debug(
            "Landed %s files of task %s in %s",
            len(entries),
            self._task.get("task_id"),
            shorten(self._folder.uri),
        )

    def _one(self, file: ResultFile) -> dict[str, Any]:
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

        from .download import Faulty, Unfit

        retrying = Retrying(
            stop=stop_after_attempt(self._rules.attempts),
            wait=wait_random_exponential(multiplier=0.5, max=self._rules.longest_pause),
            retry=retry_if_exception_type((Faulty, StorageDown)),
            sleep=self._pause,
            reraise=True,
        )
        try:
            return retrying(self._try, file)
        except (Faulty, Unfit) as error:
            raise self._job.not_kept(f"could not be fetched: {file.key}: {error}") from None

    def _pause(self, seconds: float) -> None:
        self._stop.wait(seconds)

    def _try(self, file: ResultFile) -> dict[str, Any]:
        from .download import Gone, download

        self._go_on()
        url = self._job.url(file)
        try:
            with download(url, self._rules) as answer:
                return self._keep(file, answer)
        except Gone:
            self._job.renew(file, url)
            raise

    def _keep(self, file: ResultFile, answer: Download) -> dict[str, Any]:
        from .download import Faulty

        chunks = self._while_wanted(answer.chunks())
        head = _head(chunks)
        try:
            mime = media_type(file, head, answer.content_type)
        except NotTheResult as error:
            raise Faulty(str(error)) from None
        place = self._folder.child(file.name(mime))
        digest, size = hashlib.sha256(), 0
        with WholeFile(place) as sink:
            for chunk in chain((head,), chunks):
                digest.update(chunk)
                size += len(chunk)
                sink.write(chunk)
        return {
            "key": file.key,
            "name": file.name(mime),
            "type": mime,
            "bytes": size,
            "sha256": digest.hexdigest(),
            "path": place.uri,
        }

    def _while_wanted(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._go_on()
            yield chunk

    def _go_on(self) -> None:
        from .download import Unfit

        if self._stop.is_set():
            raise Unfit("another file of the task failed")


def _head(chunks: Iterator[bytes]) -> bytes:
    head = b""
    while len(head) < HEAD_BYTES and (chunk := next(chunks, b"")):
        head += chunk
    return head

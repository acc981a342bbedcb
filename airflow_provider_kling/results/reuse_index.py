# SPDX-License-Identifier: Apache-2.0
"""The index of stored results by their request: ``_index/<fingerprint>.json`` at the output path.

Where hosts share an output path, the second one's entries are ``_index/<fingerprint>.host-<hash>.json``.
An entry only points to a job. The job's manifest and the files next to it decide: an entry that is damaged,
foreign or without its files is ignored, and its request goes to Kling.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..api.response_values import milliseconds
from ..api.task import TaskStatus
from ..utils.atomic_file import AtomicFile
from ..utils.json_input import read_json
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
from .files import attach_paths, list_result_files, match_manifest_entry, task_folder
from .job_origin import CONNECTION_FACT, TAKE_FACT, RequestIdentity, as_reused, origin_of
from .manifest import read_permitted_manifest
from .posters import poster_name

if TYPE_CHECKING:
    from ..version_compat import ObjectStoragePath

INDEX_FOLDER = "_index"
_ACCEPTED = "accepted_take"
_VERSION = 1
_PARALLEL = 32
_KEY = re.compile(r"([a-z0-9_]{1,40})\[(\d{1,3})\]\.([a-z0-9_]{1,40})")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_OF_ITEM = ("id", "index", "duration", "duration_mp3", "duration_wav")
_TIMES = ("created_at", "updated_at", "expires_at")
_OF_TASK = ("task_id", "external_task_id", "endpoint", "status", "created_at", "updated_at", "expires_at")

_log = logging.getLogger(__name__)

SizeOf = Callable[[StoragePath], int | None]
"""Returns the size of a file; ``None`` where there is none."""


@dataclass(slots=True)
class ResultIndex:
    """The index at one output path, for one endpoint of one host.

    :param output_path: folder that results are stored in; any storage that Airflow knows.
    :param endpoint: slug of the endpoint.
    :param host: host of the connection, with its port where one is named.
    """

    output_path: str | ObjectStoragePath
    endpoint: str
    host: str | None
    _root: StoragePath | None = field(default=None, init=False)

    @property
    def root(self) -> StoragePath:
        """The output path."""
        self._root = self._root or resolve_path(self.output_path)
        return self._root

    def record(
        self, result: Mapping[str, Any], identity: RequestIdentity, *, accepted: str | None = None
    ) -> None:
        """Write the entry of a stored result. Raises nothing, because the result is valid without it.

        :param result: the task as operators return it, with the paths of its files.
        :param identity: its key.
        :param accepted: the job's own take, if it replaces a job of the key whose files were rejected.
        """
        if not _FINGERPRINT.fullmatch(identity.fingerprint):
            return
        entry = {
            "version": _VERSION,
            "fingerprint": identity.fingerprint,
            "take": identity.take,
            **({} if accepted is None else {_ACCEPTED: accepted}),
            "host": self.host,
            **{name: result.get(name) for name in ("task_id", "external_task_id", "endpoint", "created_at")},
        }
        try:
            with AtomicFile(self._entry_path(self._name_to_write(identity))) as file:
                file.write(json.dumps(entry, ensure_ascii=False).encode())
        except (StoragePermanentError, StorageTransientError) as error:
            _log.warning(
                "The result of job %s is stored, but not in the index, so the next task with this request "
                "looks for the job at Kling: %s",
                result.get("task_id"),
                error,
            )

    def find(self, identity: RequestIdentity) -> dict[str, Any] | None:
        """Return the stored result of a request.

        :param identity: its key.
        :return: the task as operators return it, with ``units`` "0" and ``reused_from``; its files have paths
            and no URLs. ``None`` where none is stored.
        :raises StorageTransientError: the storage does not respond.
        """
        try:
            return self._read(identity, _size_of)
        except StoragePermanentError as error:
            self._log_unreadable(error)
            return None

    def find_all(self, identities: Iterable[RequestIdentity], listing: Listing) -> dict[str, dict[str, Any]]:
        """Return the stored results of many requests, read with a bounded number of threads.

        :param identities: their keys.
        :param listing: the files of the output path.
        :return: results as :meth:`find` returns them, by the names of their entries.
        :raises StorageTransientError: the storage does not respond.
        """
        wanted = [each for each in identities if self._is_listed(each, listing)]
        if not wanted:
            return {}
        try:
            with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="kling-index") as pool:
                found = pool.map(lambda each: self._read(each, listing.size_of), wanted)
                return {
                    each.file_name: result
                    for each, result in zip(wanted, found, strict=True)
                    if result is not None
                }
        except StoragePermanentError as error:
            self._log_unreadable(error)
            return {}

    def find_listed(self, identity: RequestIdentity, listing: Listing) -> dict[str, Any] | None:
        """Return the stored result of one more request.

        :param identity: its key.
        :param listing: the files of the output path.
        :return: the result as :meth:`find` returns it; ``None`` where none is stored.
        :raises StorageTransientError: the storage does not respond.
        """
        if not self._is_listed(identity, listing):
            return None
        try:
            return self._read(identity, listing.size_of)
        except StoragePermanentError as error:
            self._log_unreadable(error)
            return None

    def list_files(self) -> Listing:
        """List the output path once.

        :return: its files and their sizes; empty where it cannot be listed.
        :raises StorageTransientError: the storage does not respond.
        """
        root = self.root
        try:
            with translate_storage_errors():
                root.fs.invalidate_cache()
                if not root.fs.exists(root.child(INDEX_FOLDER).path):
                    return Listing(root, {})
                found = root.fs.find(root.path, detail=True)
        except StoragePermanentError as error:
            self._log_unreadable(error)
            return Listing(root, {})
        inside = len(str(root.fs._strip_protocol(root.path)).rstrip("/"))
        sizes = {str(name)[inside:].lstrip("/"): info.get("size") for name, info in found.items()}
        return Listing(root, sizes)

    def _entry_path(self, name: str) -> StoragePath:
        return self.root.child(INDEX_FOLDER).child(name)

    def _names(self, identity: RequestIdentity) -> tuple[str, str]:
        """The name of an entry, and the one to use where another host's entry has the first."""
        mark = hashlib.sha256(repr(self.host).encode()).hexdigest()[:12]
        return identity.file_name, f"{identity.file_name.removesuffix('.json')}.host-{mark}.json"

    def _is_listed(self, identity: RequestIdentity, listing: Listing) -> bool:
        return any(f"{INDEX_FOLDER}/{name}" in listing.sizes for name in self._names(identity))

    def _name_to_write(self, identity: RequestIdentity) -> str:
        first, second = self._names(identity)
        try:
            entry = _read_json(self._entry_path(first))
        except StorageForbidden:
            # Another host may have the first one.
            return second
        return second if entry is not None and self._is_of_another_host(entry, identity) else first

    def _is_of_another_host(self, entry: Mapping[str, Any], identity: RequestIdentity) -> bool:
        return entry.get("host") != self.host and self._is_valid({**entry, "host": self.host}, identity)

    def _read(self, identity: RequestIdentity, size_of: SizeOf) -> dict[str, Any] | None:
        entries = [
            entry for name in self._names(identity) if (entry := self._read_entry(name, identity)) is not None
        ]
        for entry in entries:
            for name in (task_folder(entry), task_folder(entry, host=self.host, unique=True)):
                folder = self.root.child(name)
                manifest = None if is_link(folder) else read_permitted_manifest(folder)
                if manifest and self._is_of(manifest, entry, identity):
                    return _result_of(manifest, folder, size_of)
        if entries:
            _log_lost(entries[-1]["task_id"])
        return None

    def _read_entry(self, name: str, identity: RequestIdentity) -> dict[str, Any] | None:
        """Return an entry of this request at this host."""
        try:
            entry = _read_json(self._entry_path(name))
        except StorageForbidden as error:
            # S3 denies a role that may not list to know of a missing entry; the other one may exist.
            self._log_unreadable(error)
            return None
        if entry is None or self._is_valid(entry, identity):
            return entry
        if not self._is_of_another_host(entry, identity):
            _log.warning("The index entry %s is not of this request; it is not used", name)
        return None

    def _is_valid(self, entry: Mapping[str, Any], identity: RequestIdentity) -> bool:
        known = {
            "version": _VERSION,
            "fingerprint": identity.fingerprint,
            "take": identity.take,
            "endpoint": self.endpoint,
            "host": self.host,
        }
        ids = entry.get("task_id"), entry.get("external_task_id")
        created = entry.get("created_at")
        return (
            all(entry.get(name) == value for name, value in known.items())
            and isinstance(ids[0], str)
            and bool(ids[0])
            and isinstance(ids[1], str | None)
            and (created is None or type(created) is int)
        )

    def _is_of(
        self, manifest: Mapping[str, Any], entry: Mapping[str, Any], identity: RequestIdentity
    ) -> bool:
        asked = manifest["request"]
        return (
            all(
                manifest.get(name) == entry.get(name)
                for name in ("task_id", "endpoint", "created_at", "host")
            )
            and manifest.get("status") == TaskStatus.SUCCEED
            and asked.get("fingerprint") == identity.fingerprint
            and (asked.get(TAKE_FACT) or "") == entry.get(_ACCEPTED, identity.take)
        )

    def _log_unreadable(self, error: Exception) -> None:
        _log.warning(
            "The index in %s cannot be read, so stored results are not re-used: %s",
            redact_text(self.root.uri),
            error,
        )


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of an output path at one moment.

    :param root: the output path.
    :param sizes: bytes of each file by its name below the output path.
    """

    root: StoragePath
    sizes: Mapping[str, int | None]

    @property
    def has_entries(self) -> bool:
        """Whether the index holds anything."""
        return any(name.startswith(f"{INDEX_FOLDER}/") for name in self.sizes)

    def size_of(self, file: StoragePath) -> int | None:
        """Return the size of a file.

        :param file: the file, below the output path.
        :return: bytes; ``None`` where it is not there.
        """
        return self.sizes.get(file.path[len(self.root.path.rstrip("/")) :].lstrip("/"))


def _read_json(place: StoragePath) -> dict[str, Any] | None:
    if is_link(place):
        return None
    with translate_storage_errors():
        try:
            content = read_json(place.fs.cat_file(place.path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except ValueError:
            content = None
    if not isinstance(content, dict):
        _log.warning("The index entry %s is no JSON object; it is not used", place.path.rpartition("/")[2])
        return None
    return content


def _size_of(file: StoragePath) -> int | None:
    with translate_storage_errors():
        try:
            size = file.fs.info(file.path)["size"]
        except FileNotFoundError:
            return None
    return int(size) if size is not None else None


def _log_lost(task_id: Any) -> None:
    _log.warning(
        "The stored result of job %s is not complete, so it is not re-used: a new job is made and charged, "
        "unless Kling still has that one",
        redact_text(str(task_id)),
    )


def _result_of(manifest: Mapping[str, Any], folder: StoragePath, size_of: SizeOf) -> dict[str, Any] | None:
    """Return the result that a manifest describes; ``None`` where one of its files is not there."""
    arrays = _arrays_of(manifest["files"])
    files = {file.key: file for file in list_result_files(arrays)}
    stored: dict[str, dict[str, Any]] = {}
    for listed in manifest["files"]:
        file = files.get(str(listed.get("key"))) if isinstance(listed, Mapping) else None
        facts = match_manifest_entry(file, listed) if file else None
        place = folder.child(facts["name"]) if facts else None
        if not (file and facts and place) or is_link(place) or size_of(place) != facts["bytes"]:
            _log_lost(manifest.get("task_id"))
            return None
        stored[file.key] = {**facts, "path": place.uri}
    if not stored:
        return None
    task = {name: manifest.get(name) for name in _OF_TASK}
    # A manifest is a file that anyone may write.
    task |= {name: milliseconds(task[name]) for name in _TIMES}
    if conn_id := manifest["request"].get(CONNECTION_FACT):
        task[CONNECTION_FACT] = conn_id
    result = attach_paths({**task, **arrays}, stored)
    named = {listed.get("key"): listed.get("poster") for listed in manifest["files"]}
    for file in files.values():
        item = result[file.array][file.index]
        item[file.url_key] = None
        poster = folder.child(poster_name(file))
        if named.get(file.key) == poster_name(file) and not is_link(poster) and size_of(poster):
            item["poster"] = poster.uri
    return as_reused(result, origin_of(str(task["task_id"]), manifest.get("airflow")))


def _arrays_of(files: Iterable[Any]) -> dict[str, list[dict[str, Any]]]:
    """Rebuild a result's arrays from its manifest; each URL is a placeholder."""
    arrays: dict[str, list[dict[str, Any]]] = {}
    for listed in files:
        found = _KEY.fullmatch(str(listed.get("key"))) if isinstance(listed, Mapping) else None
        if not found or found[1] in _OF_TASK:
            continue
        array, index, url_key = found[1], int(found[2]), found[3]
        items = arrays.setdefault(array, [])
        while len(items) <= index:
            items.append({})
        items[index] |= {name: listed[name] for name in _OF_ITEM if listed.get(name) is not None}
        items[index][url_key] = "stored"
    return arrays

# SPDX-License-Identifier: Apache-2.0
"""Write and read the manifest of a task's files: what was requested, stored and charged."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..utils.atomic_file import is_object_store
from ..utils.json_input import read_json
from ..utils.redaction import redact
from ..utils.storage import (
    StorageForbidden,
    StoragePath,
    StoragePermanentError,
    is_link,
    resolve_path,
    translate_storage_errors,
)
from .files import MANIFEST, PARTIAL_MANIFEST, list_result_files, task_folder

if TYPE_CHECKING:
    from ..version_compat import ObjectStoragePath

VERSION = 1
"""Version of the manifest's format; raised by incompatible changes."""

_OF_TASK = (
    *("task_id", "external_task_id", "endpoint", "status", "created_at", "updated_at", "expires_at"),
    *("units", "charges", "final_balance_deduction"),
)
_IDENTITY = ("task_id", "endpoint", "created_at")
_OF_ITEM = ("id", "index", "duration", "duration_mp3", "duration_wav")


_OF_INSTANCE = ("dag_id", "run_id", "task_id", "map_index", "try_number")


def task_instance_info(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest's description of the task instance that stores the files.

    :param context: Airflow's context of the running task.
    :return: ``dag_id``, ``run_id``, ``task_id``, ``map_index``, ``try_number`` and ``owner``, as far as
        they are known.
    """
    ti = context.get("ti")
    values = {name: getattr(ti, name, None) for name in _OF_INSTANCE}
    values["owner"] = getattr(context.get("task") or getattr(ti, "task", None), "owner", None)
    return {name: value for name, value in values.items() if isinstance(value, str | int)}


def build_manifest(
    task: Mapping[str, Any],
    files: Sequence[Mapping[str, Any]],
    metadata: Mapping[str, Any],
    host: str | None = None,
    airflow: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Build the manifest of a task. It holds no URLs of the vendor, because they are signed.

    :param task: the task as operators return it.
    :param files: ``key``, ``name``, ``type``, ``bytes`` and ``sha256`` of each file.
    :param metadata: the request: model, prompt, parameters, fingerprint, inputs, labels.
    :param host: host that made the job, ``None`` if it is unknown.
    :param airflow: the task instance that stores the files, as :func:`task_instance_info` returns it.
    :return: the manifest as JSON value.
    """
    request = {name: value for name, value in metadata.items() if name not in ("labels", "airflow")}
    labels = metadata.get("labels")
    file_fields = {
        file.key: {name: task[file.array][file.index].get(name) for name in _OF_ITEM}
        for file in list_result_files(task)
    }
    return {
        "version": VERSION,
        **{name: task.get(name) for name in _OF_TASK},
        **({"host": host} if host else {}),
        "landed_at": int(time.time() * 1000),
        **({"airflow": dict(airflow)} if airflow else {}),
        **({"labels": dict(labels)} if isinstance(labels, Mapping) and labels else {}),
        "request": redact(request),
        "files": [
            {**file, **{name: value for name, value in file_fields[file["key"]].items() if value is not None}}
            for file in files
        ],
    }


def is_of_same_job(manifest: Mapping[str, Any] | None, task: Mapping[str, Any], host: str | None) -> bool:
    """Return whether a manifest belongs to a job: jobs of other endpoints and hosts may have the same id.

    :param manifest: manifest of the job's folder, ``None`` if there is none.
    :param task: the task as operators return it.
    :param host: host that made the job, ``None`` if it is unknown.
    :return: ``True`` if id, endpoint, host and time of creation agree, as far as both are known.
    """
    existing = {**{name: task.get(name) for name in _IDENTITY}, "host": host}
    stated = manifest or {}
    return all(
        stated.get(name) == value
        for name, value in existing.items()
        if value is not None and stated.get(name) is not None
    )


def serialize(manifest: Mapping[str, Any]) -> bytes:
    """Serialize a manifest.

    :param manifest: the manifest.
    :return: JSON as UTF-8.
    """
    return json.dumps(manifest, indent=2, ensure_ascii=False, default=str).encode()


def read_manifest(folder: StoragePath, name: str = MANIFEST) -> dict[str, Any] | None:
    """Read the manifest of a task's folder.

    :param folder: the folder.
    :param name: name of the file.
    :return: the manifest; ``None`` if there is none of a known version, which means that the files are not
        stored.
    :raises StoragePermanentError: the storage denies access or is not configured.
    :raises StorageTransientError: the storage does not respond as expected.
    """
    path = folder.child(name)
    if is_link(path):
        return None
    with translate_storage_errors():
        try:
            path.fs.invalidate_cache()
            content = read_json(path.fs.cat_file(path.path))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
    known_version = isinstance(content, dict) and content.get("version") == VERSION
    kinds = {"files": list, "request": dict}
    is_valid = known_version and all(isinstance(content.get(name), kind) for name, kind in kinds.items())
    return content if is_valid else None


def read_permitted_manifest(folder: StoragePath, name: str = MANIFEST) -> dict[str, Any] | None:
    """Read the manifest of a task's folder, if this identity may read it.

    S3 denies a role that may not list to know that an object is missing.

    :param folder: the folder.
    :param name: name of the file.
    :return: the manifest; ``None`` if there is none of a known version, or reading is denied.
    :raises StoragePermanentError: the storage is not configured.
    :raises StorageTransientError: the storage does not respond as expected.
    """
    try:
        return read_manifest(folder, name)
    except StorageForbidden:
        return None


def read_task_manifest(output_path: str | ObjectStoragePath, task_id: str) -> dict[str, Any] | None:
    """Read the manifest of a task below an output path.

    :param output_path: folder that holds the folders of tasks.
    :param task_id: Kling's id of the task.
    :return: the manifest; ``None`` if the files of the task are not stored there.
    :raises StoragePermanentError: the storage denies access or is not configured.
    :raises StorageTransientError: the storage does not respond as expected.
    """
    return read_manifest(resolve_path(output_path).child(task_folder({"task_id": task_id})))


def stored_task_ids(output_path: str | ObjectStoragePath) -> set[str]:
    """List the tasks whose files are stored, by one listing and without reading a file.

    :param output_path: folder that holds the folders of tasks, at any depth.
    :return: names of the folders with a manifest and a file that is not empty; they are the tasks' ids.
    :raises StoragePermanentError: the storage denies access or is not configured.
    :raises StorageTransientError: the storage does not respond as expected.
    """
    return {name for name, folders in stored_folders(output_path).items() if any(folders)}


def stored_folders(output_path: str | ObjectStoragePath) -> dict[str, list[Counter[str]]]:
    """List the folders that hold a manifest, by one listing and without reading a file.

    :param output_path: folder that holds the folders of tasks, at any depth.
    :return: by name of the folder, for each folder of that name: how many files it holds of each name,
        without the extensions. The manifest, links and empty files do not count.
    :raises StoragePermanentError: the storage denies access or is not configured.
    :raises StorageTransientError: the storage does not respond as expected.
    """
    root = resolve_path(output_path)
    with translate_storage_errors():
        try:
            root.fs.invalidate_cache()
            found = root.fs.find(root.path, detail=True)
        except FileNotFoundError:
            return {}
    folders: dict[str, Counter[str]] = {}
    with_manifest: set[str] = set()
    for path, info in found.items():
        folder, _, name = str(path).rpartition("/")
        if name == MANIFEST:
            with_manifest.add(folder)
        elif name != PARTIAL_MANIFEST and info.get("size") != 0 and not info.get("islink"):
            folders.setdefault(folder, Counter())[name.rpartition(".")[0]] += 1
    stored: dict[str, list[Counter[str]]] = {}
    for folder in with_manifest:
        stored.setdefault(folder.rpartition("/")[2], []).append(folders.get(folder, Counter()))
    return stored


def check_output_path(output_path: str | ObjectStoragePath) -> None:
    """Check an output path before a job is paid for.

    A role that may write need not be allowed to read, so a denied read is not an error.

    :param output_path: the path.
    :raises StoragePermanentError: unknown scheme, missing package, or a bucket that does not exist.
    :raises StorageTransientError: the storage does not respond as expected.
    """
    path = resolve_path(output_path)
    bucket = path.path.strip("/").partition("/")[0]
    # In other storages the first part of a path is a folder that is created when needed.
    if not is_object_store(path):
        return
    # Of "s3://" Airflow reads the path "s3:/".
    if not bucket or bucket.endswith(":"):
        raise StoragePermanentError("it names no bucket")
    with translate_storage_errors():
        try:
            _probe_bucket(path.fs, bucket)
        except PermissionError:
            return
        except FileNotFoundError:
            raise StoragePermanentError(f"{bucket} does not exist") from None


def _probe_bucket(fs: Any, bucket: str) -> None:
    try:
        fs.info(bucket)
    except FileNotFoundError:
        # s3fs of 2025 reports an empty bucket as missing; a listing distinguishes them and is short then.
        fs.ls(bucket)
        fs.invalidate_cache(bucket)

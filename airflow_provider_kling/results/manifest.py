# SPDX-License-Identifier: Apache-2.0
"""The manifest beside a task's files: what they are, what they were made of, what they cost."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..api.shorten import loggable
from ..storage import Location, StorageRefused, explained, locate
from .plan import MANIFEST, files_of, folder_of
from .write import commits

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

VERSION = 1
"""Version of the manifest's form; rises when a reader would have to know."""

_OF_TASK = (
    *("task_id", "external_task_id", "endpoint", "status", "created_at", "updated_at", "expires_at"),
    *("units", "final_balance_deduction"),
)
_OF_ITEM = ("id", "index", "duration", "duration_mp3", "duration_wav")


def manifest_of(
    task: Mapping[str, Any], files: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Make a task's manifest. It holds no addresses of the vendor: they are signed.

    :param task: the task as operators return it.
    :param files: ``key``, ``name``, ``type``, ``bytes`` and ``sha256`` of each file.
    :param facts: what else is known of the job: model, prompt, parameters, fingerprint, inputs.
    """
    about = {
        file.key: {name: task[file.array][file.index].get(name) for name in _OF_ITEM}
        for file in files_of(task)
    }
    return {
        "version": VERSION,
        **{name: task.get(name) for name in _OF_TASK},
        "landed_at": int(time.time() * 1000),
        "request": loggable(dict(facts)),
        "files": [
            {**file, **{name: value for name, value in about[file["key"]].items() if value is not None}}
            for file in files
        ],
    }


def encode(manifest: Mapping[str, Any]) -> bytes:
    """Write a manifest as the bytes of its file."""
    return json.dumps(manifest, indent=2, ensure_ascii=False, default=str).encode()


def read_manifest(folder: Location) -> dict[str, Any] | None:
    """Read the manifest of a task's folder.

    :return: the manifest; ``None`` when there is none that this version can read, which means that the
        task has not landed.
    :raises StorageRefused: when the storage may not be read.
    :raises StorageDown: when the storage does not answer.
    """
    place = folder.child(MANIFEST)
    with explained():
        try:
            place.fs.invalidate_cache()
            content = json.loads(place.fs.cat_file(place.path))
        except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
            return None
    known = isinstance(content, dict) and content.get("version") == VERSION
    kinds = {"files": list, "request": dict}
    fits = known and all(isinstance(content.get(name), kind) for name, kind in kinds.items())
    return content if fits else None


def manifest_of_task(output_path: str | ObjectStoragePath, task_id: str) -> dict[str, Any] | None:
    """Read the manifest of one task below an output path; ``None`` when it has not landed there."""
    return read_manifest(locate(output_path).child(folder_of({"task_id": task_id})))


def landed_task_ids(output_path: str | ObjectStoragePath) -> set[str]:
    """List the tasks whose files are all there, by one listing and without reading any file.

    :param output_path: folder that tasks land in; folders below it count too, whatever their depth.
    :return: names of the tasks' folders, which are their ids as Kling writes them.
    """
    root = locate(output_path)
    with explained():
        try:
            root.fs.invalidate_cache()
            found = root.fs.find(root.path)
        except FileNotFoundError:
            return set()
    parts = (str(path).split("/") for path in found)
    return {names[-2] for names in parts if names[-1] == MANIFEST and len(names) > 1}


def check_output_path(output_path: str | ObjectStoragePath) -> None:
    """Refuse an output path that cannot work, before a job is paid for.

    A role that may write need not be allowed to look, so only what is certain is refused.

    :raises StorageRefused: unknown scheme, missing package, or a bucket that does not exist.
    :raises StorageDown: the storage does not answer.
    """
    place = locate(output_path)
    bucket = place.path.strip("/").partition("/")[0]
    # Elsewhere the first part of a path is a folder like others, made when it is needed.
    if not commits(place) or not bucket:
        return
    with explained():
        try:
            _look_at(place.fs, bucket)
        except PermissionError:
            return
        except FileNotFoundError:
            raise StorageRefused(f"{bucket} does not exist") from None


def _look_at(fs: Any, bucket: str) -> None:
    try:
        fs.info(bucket)
    except FileNotFoundError:
        # s3fs of 2025 takes an empty bucket for none; a list tells them apart, and is as short as it gets.
        fs.ls(bucket)
        fs.invalidate_cache(bucket)

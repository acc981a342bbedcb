# SPDX-License-Identifier: Apache-2.0
"""Check stored media files against rules, and write the verdict into their manifests."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from ..media.measure import Measurements, UnreadableMediaError, measure
from ..media.rules import MediaRules, find_failures, with_defaults
from ..utils.atomic_file import AtomicFile
from ..utils.media_types import detect_media_type
from ..utils.storage import (
    StoragePath,
    StoragePermanentError,
    StorageTransientError,
    open_to_read,
    resolve_path,
    translate_storage_errors,
)
from .file_completeness import container_of
from .files import MANIFEST, SNIFF_BYTES
from .manifest import read_manifest, serialize
from .viewable_files import as_result, result_items

log = logging.getLogger(__name__)

_CHUNK = 1 << 20
_EXTENSIONS = (".mp4", ".mov", ".webm", ".jpg", ".png", ".webp", ".gif", ".mp3", ".wav", ".m4a", ".aac")


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """The verdict on a file.

    :param path: URI of the file.
    :param failures: a sentence for each rule that the file breaks; empty if it passes.
    :param measurements: what was measured; ``None`` if the file cannot be decoded.
    :param rules: the rules, with the defaults for the file.
    """

    path: str
    failures: tuple[str, ...]
    measurements: Measurements | None
    rules: MediaRules | None = field(default=None, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON.

        :return: ``path``, ``passed``, ``failures`` and ``measurements``.
        """
        return {
            "path": self.path,
            "passed": not self.failures,
            "failures": list(self.failures),
            "measurements": self.measurements.to_json() if self.measurements else {},
        }


def extract_paths(value: Any) -> list[str]:
    """Return the paths of stored media files that a value names.

    :param value: result of a job, path of a file or folder, or a sequence of these. Of a folder, all files
        that manifests in it and below it name are meant.
    :return: URIs, each once.
    :raises StoragePermanentError: a folder cannot be listed.
    :raises StorageTransientError: the storage does not respond as expected.
    """
    if isinstance(value, Mapping):
        result = as_result(value) or {}
        found = [item.path for item in result_items(result) if item.path]
    elif isinstance(value, str | os.PathLike) or hasattr(value, "storage_options"):
        found = _files_at(resolve_path(value))
    else:
        found = [path for each in value or () for path in extract_paths(each)]
    return list(dict.fromkeys(found))


def _files_at(folder_path: StoragePath) -> list[str]:
    with translate_storage_errors():
        folder_path.fs.invalidate_cache()
        if not folder_path.fs.isdir(folder_path.path):
            return [folder_path.uri]
        names = sorted(str(name) for name in folder_path.fs.find(folder_path.path))
    root = folder_path.path.rstrip("/")
    folders = [name.removesuffix(MANIFEST) for name in names if name.endswith(f"/{MANIFEST}")]
    found = []
    for folder in folders:
        relative = folder[folder.find(root) + len(root) :].strip("/")
        subfolder = folder_path.child(relative) if relative else folder_path
        listed = {entry.get("name") for entry in (read_manifest(subfolder) or {"files": ()})["files"]}
        found += [subfolder.child(name).uri for name in sorted(filter(_is_media, listed))]
    return found


def _is_media(name: Any) -> bool:
    return isinstance(name, str) and "/" not in name and name.lower().endswith(_EXTENSIONS)


def check_files(
    paths: Sequence[str], rules: MediaRules, *, trust_manifest: bool = False
) -> list[CheckedFile]:
    """Check stored files, and write the verdicts into the manifests next to them.

    :param paths: URIs of the files.
    :param rules: rules of the user; defaults are filled in for each file from its manifest.
    :param trust_manifest: do not decode a file again whose manifest has the verdict by the same rules.
    :return: a verdict for each file, in the same order.
    :raises StoragePermanentError: a file is missing or forbidden.
    :raises StorageTransientError: the storage does not respond as expected.
    :raises MediaExtraMissing: PyAV or numpy is not installed.
    """
    folders: dict[str, tuple[StoragePath, list[CheckedFile]]] = {}
    checked = []
    for path in paths:
        file = resolve_path(path)
        folder = StoragePath(file.uri.rpartition("/")[0], file.fs, file.path.rpartition("/")[0])
        manifest = _manifest_of(folder)
        own = _rules_for(file, manifest, rules)
        if trust_manifest and (known := _known_verdict(file, manifest, own)):
            checked.append(known)
            continue
        verdict = _check(file, own)
        if _lacks_video_stream(file, manifest, verdict.measurements):
            verdict = replace(verdict, failures=("there is no video stream", *verdict.failures))
        checked.append(verdict)
        folders.setdefault(folder.uri, (folder, []))[1].append(verdict)
    for folder, verdicts in folders.values():
        _write_verdict(folder, verdicts)
    return checked


def _rules_for(file: StoragePath, manifest: Mapping[str, Any], rules: MediaRules) -> MediaRules:
    entry = _entry_of(file, manifest)
    endpoint = manifest.get("endpoint")
    # A file next to a manifest that does not name it is not of that job.
    request = manifest.get("request", {}) if entry else {}
    return with_defaults(rules, endpoint if entry and isinstance(endpoint, str) else None, request, entry)


def _entry_of(file: StoragePath, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the manifest has of a file; empty if it does not name it."""
    name = file.path.rpartition("/")[2]
    found = [each for each in manifest.get("files", ()) if each.get("name") == name]
    return found[0] if found else {}


def _lacks_video_stream(file: StoragePath, manifest: Mapping[str, Any], found: Measurements | None) -> bool:
    """Whether a file that the job made as a video has audio alone."""
    key = str(_entry_of(file, manifest).get("key"))
    return found is not None and found.kind == "audio" and key.startswith("videos[")


def _known_verdict(file: StoragePath, manifest: Mapping[str, Any], rules: MediaRules) -> CheckedFile | None:
    """Return the verdict that the manifest has of a file; ``None`` without one by the same rules."""
    checked = manifest.get("media_check")
    files = checked.get("files") if isinstance(checked, Mapping) else None
    entry = files.get(file.path.rpartition("/")[2]) if isinstance(files, Mapping) else None
    if not isinstance(entry, Mapping) or entry.get("rules") != rules.to_json():
        return None
    failures = entry.get("failures")
    if not isinstance(failures, list) or entry.get("passed") is not (not failures):
        return None
    return CheckedFile(file.uri, tuple(map(str, failures)), None, rules)


def _manifest_of(folder: StoragePath) -> Mapping[str, Any]:
    try:
        return read_manifest(folder) or {}
    except StoragePermanentError:
        # A role that may read the file need not be allowed to read its manifest.
        return {}


def _check(file: StoragePath, rules: MediaRules) -> CheckedFile:
    with _downloaded(file) as (local, mime, defect):
        try:
            found = measure(local, image=bool(mime and mime.startswith("image/")))
        except UnreadableMediaError as error:
            return CheckedFile(file.uri, (f"the file is damaged: {error}",), None, rules)
    failures = find_failures(found, rules)
    if defect and found.complete:
        failures.insert(0, f"the file is truncated: {defect}")
    return CheckedFile(file.uri, tuple(failures), found, rules)


@contextmanager
def _downloaded(file: StoragePath) -> Iterator[tuple[str, str | None, str | None]]:
    """Copy a file to this machine; yield its path, its media type and what its container misses."""
    with tempfile.NamedTemporaryFile(prefix="kling-check-") as local:
        with translate_storage_errors(), open_to_read(file) as source:
            head = source.read(SNIFF_BYTES)
            mime = detect_media_type(head)
            container = container_of(mime)
            chunk = head
            while chunk:
                container.feed(chunk)
                local.write(chunk)
                chunk = source.read(_CHUNK)
        local.flush()
        yield local.name, mime, container.defect()


def _write_verdict(folder: StoragePath, verdicts: Sequence[CheckedFile]) -> None:
    """Add the verdicts to the manifest of a folder; a manifest that cannot be written is no failure."""
    try:
        manifest = read_manifest(folder)
        names = {entry.get("name") for entry in manifest["files"]} if manifest else set()
        own = {verdict.path.rpartition("/")[2]: verdict for verdict in verdicts}
        own = {name: verdict for name, verdict in own.items() if name in names}
        if not manifest or not own:
            return
        earlier = manifest.get("media_check")
        files = dict(earlier.get("files") or {}) if isinstance(earlier, Mapping) else {}
        for name, verdict in own.items():
            files[name] = {key: value for key, value in verdict.to_json().items() if key != "path"}
            files[name]["rules"] = verdict.rules.to_json() if verdict.rules else {}
        manifest["media_check"] = {
            "checked_at": int(time.time() * 1000),
            "passed": all(entry["passed"] for entry in files.values()),
            "files": files,
        }
        with AtomicFile(folder.child(MANIFEST)) as sink:
            sink.write(serialize(manifest))
    except (StoragePermanentError, StorageTransientError) as error:
        log.warning("Cannot write the verdict into the manifest: %s", error)

# SPDX-License-Identifier: Apache-2.0
"""Store a small JPEG next to each stored video, and name it in result and manifest."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from ..utils.atomic_file import AtomicFile
from ..utils.redaction import redact_text
from ..utils.storage import StoragePath, is_link, resolve_path
from .files import MANIFEST, ResultFile, list_result_files
from .manifest import read_manifest, serialize

log = logging.getLogger(__name__)


def poster_name(file: ResultFile) -> str:
    """Return the name of a video's poster.

    :param file: the video.
    :return: name such as ``0-poster.jpg``.
    """
    return f"{file.index}-{file.kind.removesuffix('video')}poster.jpg"


def add_posters(result: dict[str, Any]) -> dict[str, Any]:
    """Store a poster next to each stored video of a result.

    A poster that cannot be made is skipped with a warning: the video is paid for and stored. Posters that are
    already stored are not made again.

    :param result: result with the paths of stored files; its items are changed.
    :return: the result, with ``poster`` in each item that has one.
    """
    for file in list_result_files(result):
        item = result[file.array][file.index]
        if file.url_key != "url" or not file.kind.endswith("video") or not isinstance(item.get("path"), str):
            continue
        try:
            item["poster"] = _poster_of(file, resolve_path(item["path"]))
        except Exception as error:
            log.warning(
                "No poster of %s, the video is stored: %s",
                redact_text(item["path"]),
                redact_text(f"{type(error).__name__}: {error}"),
            )
    return result


def _poster_of(file: ResultFile, video: StoragePath) -> str:
    from ..media.frames import write_poster

    folder = StoragePath(video.uri.rpartition("/")[0], video.fs, video.path.rpartition("/")[0])
    name = poster_name(file)
    target = folder.child(name)
    manifest = read_manifest(folder)
    entry = _entry(manifest, file.key)
    if entry and entry.get("poster") == name and not is_link(target) and target.fs.exists(target.path):
        return target.uri
    write_poster(video, target)
    if manifest and entry:
        entry["poster"] = name
        with AtomicFile(folder.child(MANIFEST)) as sink:
            sink.write(serialize(manifest))
    return target.uri


def _entry(manifest: Mapping[str, Any] | None, key: str) -> dict[str, Any] | None:
    files = manifest["files"] if manifest else ()
    return next((entry for entry in files if isinstance(entry, dict) and entry.get("key") == key), None)

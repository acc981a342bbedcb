# SPDX-License-Identifier: Apache-2.0
"""Where an answer holds its result: every shape that hosts and gateways are seen to send."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ..utils.json_input import read_json
from .values import clean, duration

_OURS = frozenset(("path", "bytes", "sha256"))
_RESERVED = frozenset(
    (
        *("task_id", "external_task_id", "endpoint", "status", "created_at", "updated_at", "expires_at"),
        *("units", "charges", "session_id", "final_balance_deduction", "request", "labels", "airflow"),
    )
)
_CONTAINERS = ("outputs", "output", "result", "content", "metadata")
_URL_KEYS = {
    "video_url": "videos",
    "video_urls": "videos",
    "image_url": "images",
    "image_urls": "images",
    "audio_url": "audios",
    "audio_urls": "audios",
    "result_url": "",
    "result_urls": "",
    "url": "",
    "urls": "",
}
_TASK_KEYS = ("video_url", "video_urls", "audio_url", "result_url", "result_urls", "url", "urls")
_ARRAYS = ("videos", "images", "series_images", "audios")
_ENDINGS = {
    **dict.fromkeys(("mp3", "wav", "m4a", "aac", "ogg", "flac"), "audios"),
    **dict.fromkeys(("png", "jpg", "jpeg", "webp", "gif"), "images"),
    **dict.fromkeys(("srt", "ass", "vtt"), "subtitles"),
}
_URL = re.compile(r"\s*(https?://|//?[^/\s])\S+\s*", re.IGNORECASE)
_WEB_URL = re.compile(r"\s*https?://\S+\s*", re.IGNORECASE)
_NO_NAME = re.compile(r"[^a-z0-9_]+")
_LONGEST_TYPE = 40
_DEEPEST = 4

Result = dict[str, list[dict[str, Any]]]


def file_urls(item: Mapping[str, Any]) -> dict[str, str]:
    """Return the URLs of an item's files by key, such as ``url`` or ``watermark_url``.

    :param item: an item of a result array.
    :return: only what is text and not blank: a null or blank URL is no file.
    """
    return {
        name: value
        for name, value in item.items()
        if "url" in str(name).split("_") and isinstance(value, str) and value.strip()
    }


def parsed(value: Any) -> Any:
    """Return the object or list that a text holds as JSON, else the value as it is.

    :param value: any JSON value.
    :return: the object, the list, or ``value``.
    """
    if not isinstance(value, str) or value.strip()[:1] not in ("{", "["):
        return value
    try:
        return read_json(value)
    except ValueError:
        return value


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list, of one object, of plain URLs, or of JSON as text.

    :param value: any JSON value.
    :return: the objects; empty if the value holds none.
    """
    value = parsed(value)
    if isinstance(value, Mapping):
        inner = list(value.values())
        numbered = inner and all(str(name).isdecimal() for name in value)
        value = inner if numbered else [value]
    elif isinstance(value, str):
        value = [value]
    return [item for each in value if (item := _object(parsed(each)))] if isinstance(value, list) else []


def read_result(layers: list[Mapping[str, Any]], *, succeeded: bool) -> Result:
    """Read the result of a task.

    :param layers: the layers of an answer, the innermost first.
    :param succeeded: whether the answer says so: only then are names believed that may be inputs as well.
    :return: result arrays by name.
    """
    for layer in layers:
        if found := _of_container(layer.get("task_result")):
            return found
    faces = next((faces for layer in layers if isinstance(faces := layer.get("face_data"), list)), None)
    if faces is not None:
        # That there are no faces is an answer too.
        return {"faces": objects(faces)}
    for layer in layers:
        if found := _by_type(parsed(layer.get("outputs")), _DEEPEST):
            return found
    for layer in layers:
        if found := _of_task(layer, succeeded=succeeded):
            return found
    return {}


def _of_task(layer: Mapping[str, Any], *, succeeded: bool) -> Result:
    if not succeeded:
        metadata = layer.get("metadata")
        url = layer.get("url") or (metadata.get("url") if isinstance(metadata, Mapping) else None)
        return _of_url("", url)
    for name in _CONTAINERS:
        inner = parsed(layer.get(name))
        if name == "metadata" and isinstance(inner, Mapping):
            # What describes a task may repeat its inputs.
            inner = {key: inner[key] for key in _TASK_KEYS if key in inner}
        found = _of_container(inner)
        if any(file_urls(item) for items in found.values() for item in items):
            return found
    found = {name: items for name in _ARRAYS if (items := objects(layer.get(name)))}
    for name in _TASK_KEYS:
        found = found or _of_url(_URL_KEYS[name], layer.get(name))
    reason = layer.get("fail_reason")
    return found or (_of_url("", reason) if isinstance(reason, str) and _WEB_URL.fullmatch(reason) else {})


def _of_container(value: Any, depth: int = _DEEPEST) -> Result:
    value = parsed(value)
    if not depth or not isinstance(value, Mapping):
        return _by_type(value, depth)
    if isinstance(value.get("type"), str) and file_urls(value):
        return _by_type([value], depth)
    found: Result = {}
    for name, inner in value.items():
        if name in _URL_KEYS:
            more = _of_url(_URL_KEYS[name], inner)
        elif name == "data" or name in _CONTAINERS:
            more = _of_container(inner, depth - 1)
        elif isinstance(parsed(inner), list | Mapping):
            more = {_array(str(name), plural=False): objects(inner)}
        else:
            more = {}
        for array, items in more.items():
            if items:
                found.setdefault(array, []).extend(items)
    return found


def _by_type(outputs: Any, depth: int) -> Result:
    if isinstance(outputs, Mapping):
        return _of_container(outputs, depth)
    arrays: Result = {}
    for output in objects(outputs):
        kind = output.get("type")
        url = next(iter(file_urls(output).values()), "")
        named = next((array for name, array in _URL_KEYS.items() if array and output.get(name)), "")
        array = _array(kind) if isinstance(kind, str) and kind.strip() else named or _array_of(url)
        arrays.setdefault(array, []).append(output)
    return arrays


def _array(kind: str, *, plural: bool = True) -> str:
    word = _NO_NAME.sub("_", kind.strip().lower())[:_LONGEST_TYPE].strip("_") or "file"
    name = f"{word}s" if plural and not word.endswith("s") else word
    return f"{name}_files" if name in _RESERVED else name


def _array_of(url: str) -> str:
    try:
        path = urlsplit(url.strip()).path
    except ValueError:
        return "videos"
    return _ENDINGS.get(path.rpartition(".")[2].lower(), "videos")


def _of_url(array: str, value: Any) -> Result:
    found: Result = {}
    for item in objects(value):
        for url in file_urls(item).values():
            found.setdefault(array or _array_of(url), []).append({**item, "url": url})
            break
    return found


def _object(item: Any) -> dict[str, Any]:
    if isinstance(item, str):
        return {"url": clean(item.strip())} if _URL.fullmatch(item) else {}
    if not isinstance(item, Mapping):
        return {}
    # Where a result was stored is ours to say: a gateway's own word would be taken for it.
    taken = {n: v for n, v in clean(item).items() if not _OURS.intersection(n.split("_"))}
    taken = {n: duration(v) if n.split("_")[0] == "duration" else v for n, v in taken.items()}
    if not taken.get("url"):
        names = [*(name for name, array in _URL_KEYS.items() if array), "result_url"]
        url = next((v for n in names if isinstance(v := taken.get(n), str) and v.strip()), None)
        taken.update({"url": url} if url else {})
    return taken


def iter_layers(payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield an answer and what its ``data`` holds, from the outside inwards.

    :param payload: an answer.
    :return: the objects, outermost first.
    """
    layer: Any = payload
    while isinstance(layer, Mapping):
        yield layer
        layer = parsed(layer.get("data"))
        if isinstance(layer, list):
            layer = layer[0] if layer else None

# SPDX-License-Identifier: Apache-2.0
"""Find the result in a response, in every shape that hosts and gateways send."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from .envelopes import api_name, parse_embedded_json
from .response_values import clean, duration

_RESULT_FIELDS = frozenset(("path", "bytes", "sha256"))
_RESERVED = frozenset(
    (
        *("task_id", "external_task_id", "endpoint", "status", "created_at", "updated_at", "expires_at"),
        *("units", "charges", "session_id", "final_balance_deduction", "request", "labels", "airflow"),
    )
)
_CONTAINERS = (
    *("outputs", "output", "result", "results", "result_json", "response", "content"),
    *("task_results", "assets", "generated", "generations", "metadata"),
)
_URL_KEYS = {
    "video_url": "videos",
    "video_urls": "videos",
    "image_url": "images",
    "image_urls": "images",
    "audio_url": "audios",
    "audio_urls": "audios",
    **dict.fromkeys(
        (
            "result_url",
            "result_urls",
            "url",
            "urls",
            "download_url",
            "download_urls",
            "file_url",
            "file_urls",
        ),
        "",
    ),
}
"""Names of URLs, and the array that they belong to; empty where the URL itself shows it."""

_FILE_KEYS = {
    "video": "videos",
    "video_list": "videos",
    "image": "images",
    "image_list": "images",
    "audio": "audios",
    "audio_list": "audios",
    **dict.fromkeys(("file", "files", "works", "list", "items"), ""),
}
"""Names of files under which peers and gateways put them, and the array that they belong to."""

_TASK_KEYS = (
    *("video_url", "video_urls", "video", "audio_url", "audio"),
    *("result_url", "result_urls", "download_url", "download_urls", "file_url", "file_urls", "url", "urls"),
    *("file", "files", "works"),
)
_INPUT_LIKE_KEYS = ("image_url", "image_urls")
"""Names that are of an input where there is anything else."""

_ITEM_KEYS = (
    *(name for name, array in _URL_KEYS.items() if array),
    *("result_url", "result_urls", "download_url", "file_url", "play_url", "resource_url", "media_url"),
    *("origin_url", "urls", "src", "resource", "uri", "link", "href", "video", "audio", "image", "file"),
    *("content", "output", "data"),
)
UNNAMED = "files"
"""Array of files whose kind the answer does not show."""

_ARRAYS = ("videos", "images", "series_images", "audios")
_ENDINGS = {
    **dict.fromkeys(("mp4", "mov", "webm", "m4v"), "videos"),
    **dict.fromkeys(("mp3", "wav", "m4a", "aac", "ogg", "flac"), "audios"),
    **dict.fromkeys(("png", "jpg", "jpeg", "webp", "gif"), "images"),
    **dict.fromkeys(("srt", "ass", "vtt"), "subtitles"),
}
_URL = re.compile(r"\s*(https?://|//?[^/\s]|data:[\w.+-]+/[\w.+-]+;base64,)\S+\s*", re.IGNORECASE)
_FILE_URL = re.compile(
    r"(https?:)?//[^/\s].*|/[^/\s].*|data:[\w.+-]+/[\w.+-]+;base64,.+|[^/:\s][^:\s]*([?#].*)?",
    re.IGNORECASE | re.DOTALL,
)
_URL_PLACEHOLDERS = frozenset(
    ("", "null", "none", "undefined", "nan", "n/a", "-", "pending", "processing", "https://")
)
_WEB_URL = re.compile(r"\s*https?://\S+\s*", re.IGNORECASE)
_NOT_IN_NAMES = re.compile(r"[^a-z0-9_]+")
_MAX_TYPE_LENGTH = 40
_MAX_DEPTH = 4

Result = dict[str, list[dict[str, Any]]]


def name_files(result: Mapping[str, list[dict[str, Any]]], array: str) -> Mapping[str, list[dict[str, Any]]]:
    """Move the files whose kind the answer does not show to the array of their endpoint.

    :param result: result arrays by name.
    :param array: the array that the endpoint makes.
    :return: the arrays.
    """
    unnamed = [
        item for item in result.get(UNNAMED, ()) if _array_for_url(str(item.get("url") or "")) == UNNAMED
    ]
    if not unnamed:
        return result
    others = [item for item in result[UNNAMED] if item not in unnamed]
    named = {**result, UNNAMED: others, array: [*result.get(array, ()), *unnamed]}
    return {name: items for name, items in named.items() if items or name != UNNAMED}


def is_file_url(value: Any) -> bool:
    """Return whether a value is the URL of a file: on the web, of a path of the host, or the file itself.

    :param value: any JSON value.
    :return: ``False`` for other schemes and for words such as ``null`` and ``pending``.
    """
    if not isinstance(value, str) or value.strip().lower() in _URL_PLACEHOLDERS:
        return False
    return _FILE_URL.fullmatch(value.strip()) is not None


def _is_url(value: Any) -> bool:
    """Whether a value is a URL whatever name it stands under: a relative one has a slash in front."""
    return isinstance(value, str) and _URL.fullmatch(value) is not None


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


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list, of one object, of plain URLs, or of JSON as text.

    :param value: any JSON value.
    :return: the objects; empty if the value holds none.
    """
    value = parse_embedded_json(value)
    if isinstance(value, Mapping):
        inner = list(value.values())
        numbered = inner and all(str(name).isdecimal() for name in value)
        value = inner if numbered else [value]
    elif isinstance(value, str):
        value = [value]
    return [item for each in _flatten(value, _MAX_DEPTH) for item in _expand_item(each)]


def _flatten(value: Any, depth: int) -> Iterator[Any]:
    if not isinstance(value, list):
        return
    for each in map(parse_embedded_json, value):
        if isinstance(each, list):
            yield from _flatten(each, depth - 1) if depth else ()
        else:
            yield each


def read_result(layers: list[Mapping[str, Any]], *, succeeded: bool) -> Result:
    """Read the result of a task.

    :param layers: the layers of an answer, the innermost first.
    :param succeeded: whether the answer says so: only then are names believed that may be inputs as well.
    :return: result arrays by name.
    """
    for layer in layers:
        if found := _result_in_container(layer.get("task_result")):
            return found
    faces = next((faces for layer in layers if isinstance(faces := layer.get("face_data"), list)), None)
    if faces is not None:
        # That there are no faces is an answer too.
        return {"faces": objects(faces)}
    for layer in layers:
        if found := _result_by_type(parse_embedded_json(layer.get("outputs")), _MAX_DEPTH):
            return found
    for layer in layers:
        if found := _result_of_task(layer, succeeded=succeeded):
            return found
    return {}


def _result_of_task(layer: Mapping[str, Any], *, succeeded: bool) -> Result:
    if not succeeded:
        metadata = layer.get("metadata")
        url = layer.get("url") or (metadata.get("url") if isinstance(metadata, Mapping) else None)
        return _result_of_url("", url)
    named = {api_name(name): value for name, value in layer.items()}
    for name in _CONTAINERS:
        inner = parse_embedded_json(named.get(name))
        if name == "metadata" and isinstance(inner, Mapping):
            # What describes a task may repeat its inputs.
            inner = {key: inner[key] for key in inner if api_name(key) in _TASK_KEYS}
        found = _result_in_container(inner)
        if any(file_urls(item) for items in found.values() for item in items):
            return found
    found = {name: items for name in _ARRAYS if (items := objects(named.get(name)))}
    if not found and not isinstance(data := parse_embedded_json(named.get("data")), Mapping):
        found = _result_by_type(data, _MAX_DEPTH)
    for name in _TASK_KEYS:
        for array, items in _result_of_url(_URL_KEYS.get(name, ""), named.get(name)).items():
            # The same file may stand under several names.
            found.setdefault(array, items)
    for name in _INPUT_LIKE_KEYS:
        found = found or _result_of_url("images", named.get(name))
    reason = parse_embedded_json(layer.get("fail_reason"))
    if isinstance(reason, str) and not _WEB_URL.fullmatch(reason):
        return found
    return found or _result_of_url("", reason)


def _result_in_container(value: Any, depth: int = _MAX_DEPTH) -> Result:
    value = parse_embedded_json(value)
    if not depth or not isinstance(value, Mapping):
        return _result_by_type(value, depth)
    if isinstance(value.get("type"), str) and file_urls(value):
        return _result_by_type([value], depth)
    found: Result = {}
    for name, inner in value.items():
        more = _result_in_field(api_name(name), inner, depth)
        for array, items in more.items():
            if items:
                found.setdefault(array, []).extend(items)
    return found


def _result_in_field(name: str, value: Any, depth: int) -> Result:
    if name in _URL_KEYS:
        return _result_of_url(_URL_KEYS[name], value)
    if name in _FILE_KEYS:
        return {_FILE_KEYS[name]: objects(value)} if _FILE_KEYS[name] else _result_by_type(value, depth - 1)
    if name == "data" or name in _CONTAINERS:
        return _result_in_container(value, depth - 1)
    listed = isinstance(parse_embedded_json(value), list | Mapping)
    return {_array_for_kind(name, plural=False): objects(value)} if listed or _is_url(value) else {}


def _result_by_type(outputs: Any, depth: int) -> Result:
    if isinstance(outputs, Mapping):
        return _result_in_container(outputs, depth)
    arrays: Result = {}
    for output in objects(outputs):
        kind = output.get("type")
        inner = {} if file_urls(output) else _result_in_container(output, depth - 1)
        if any(file_urls(item) for items in inner.values() for item in items):
            for array, items in inner.items():
                arrays.setdefault(array, []).extend(items)
            continue
        url = next(iter(file_urls(output).values()), "")
        named = next((array for name, array in _URL_KEYS.items() if array and output.get(name)), "")
        array = (
            _array_for_kind(kind) if isinstance(kind, str) and kind.strip() else named or _array_for_url(url)
        )
        arrays.setdefault(array, []).append(output)
    return arrays


def _array_for_kind(kind: str, *, plural: bool = True) -> str:
    word = _NOT_IN_NAMES.sub("_", kind.strip().lower())[:_MAX_TYPE_LENGTH].strip("_") or "file"
    word = word.removesuffix("_urls").removesuffix("_url")
    name = f"{word}s" if plural and not word.endswith("s") else word
    return f"{name}_files" if name in _RESERVED else name


def _array_for_url(url: str) -> str:
    """Return the array of a URL that no name describes; where it does not show it, the endpoint decides."""
    kind, inline, _ = url.strip().lower().removeprefix("data:").partition("/")
    if inline and url.strip()[:5].lower() == "data:":
        return f"{kind}s" if f"{kind}s" in _ARRAYS else UNNAMED
    try:
        path = urlsplit(url.strip()).path
    except ValueError:
        return UNNAMED
    return _ENDINGS.get(path.rpartition(".")[2].lower(), UNNAMED)


def _result_of_url(array: str, value: Any) -> Result:
    found: Result = {}
    for item in objects(value):
        for url in file_urls(item).values():
            found.setdefault(array or _array_for_url(url), []).append({**item, "url": url})
            break
    return found


def _expand_item(item: Any) -> list[dict[str, Any]]:
    """Return an item of a result, or several where it has a list of URLs."""
    if isinstance(item, str):
        return [{"url": clean(item.strip())}] if _is_url(item) else []
    if not isinstance(item, Mapping):
        return []
    # Where a result was stored is ours to say: a gateway's own word would be taken for it.
    taken = {n: v for n, v in clean(item).items() if not _RESULT_FIELDS.intersection(n.split("_"))}
    taken = {n: duration(v) if n.split("_")[0] == "duration" else v for n, v in taken.items()}
    taken = {
        n: _clean_url(v) if isinstance(v, str) and "url" in n.split("_") else v for n, v in taken.items()
    }
    if isinstance(taken.get("url"), str) and taken["url"]:
        return [taken]
    if isinstance(encoded := taken.get("b64_json"), str) and encoded.strip():
        # OpenAI's form of an image without a URL.
        del taken["b64_json"]
        return [{**taken, "url": f"data:image/png;base64,{encoded.strip()}"}]
    urls = list(dict.fromkeys(_iter_urls(taken, _MAX_DEPTH)))
    return [{**taken, "url": url} for url in urls] or [taken]


def _clean_url(text: str) -> str | None:
    """Return a URL without blanks around it; a word such as ``null`` or ``pending`` is none."""
    bare = text.strip()
    return None if bare.lower() in _URL_PLACEHOLDERS else bare


def _iter_urls(value: Any, depth: int) -> Iterator[str]:
    """Yield the URLs of one file, or of the files of a list, from under the names that they are given."""
    value = parse_embedded_json(value)
    if isinstance(value, str):
        if _is_url(value):
            yield value.strip()
    elif isinstance(value, list) and depth:
        for each in value:
            yield from _iter_urls(each, depth - 1)
    elif isinstance(value, Mapping) and depth:
        named = {api_name(name): inner for name, inner in value.items()}
        for name in ("url", *_ITEM_KEYS):
            found = list(_iter_urls(named.get(name), depth - 1))
            if found:
                yield from found
                return

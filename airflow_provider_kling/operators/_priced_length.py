# SPDX-License-Identifier: Apache-2.0
"""Find the length that decides a job's price: in upstream results, or in the headers of a file or URL."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import requests

from ..api.pricing import amount_of, length_source
from ..hooks.transport import within
from ..inputs.media_header import media_length
from ..results.ssrf import BlockedAddressError, guarded_session, proxies_for, validate_url
from ..submission.idempotency import task_instance_or_none
from ..utils.storage import open_to_read, resolve_path, translate_storage_errors

if TYPE_CHECKING:
    from ..api.requests.base import KlingRequest
    from ..version_compat import Context

_log = logging.getLogger(__name__)

MAX_UPSTREAM = 16
"""Most upstream tasks whose results are searched."""

_MAX_ITEMS = 10_000
_IDS = {"audio": ("audio_id",), "video": ("video_id",)}

MAX_BYTES = 512 * 1024
"""Most bytes of one file that are read for its length."""

MAX_SECONDS = 15.0
"""Most seconds for reading a length."""

_BLOCK = 32 * 1024
_MAX_REDIRECTS = 3
_PARTIAL, _OK = 206, 200
_RANGE = re.compile(r"bytes \d+-\d+/(\d+)")


def find_seconds(
    operator: Any, context: Context | None, request: KlingRequest, *, read_files: bool
) -> Decimal | None:
    """Return the length of the input that decides a job's price.

    :param operator: the operator, with the endpoint and the connection.
    :param context: Airflow's context; ``None`` where no task runs.
    :param request: the request as it is validated.
    :param read_files: also read the headers of a public URL or a file on object storage.
    :return: seconds; ``None`` if not known.
    """
    source = length_source(operator.endpoint)
    if source is None:
        return None
    media = list(_media_values(request, source))
    searched = {*_ids(request, _IDS[source]), *media}
    if context is not None and searched and (seconds := upstream_length(operator, context, searched)):
        return seconds
    lengths = [found for value in media if read_files and (found := _file_length(operator, value))]
    return Decimal(str(max(lengths))) if lengths else None


def upstream_length(operator: Any, context: Context, searched: set[str]) -> Decimal | None:
    """Search the results of upstream tasks for an item with an id or URL.

    :param operator: the operator.
    :param context: Airflow's context.
    :param searched: ids and URLs.
    :return: the longest length of those items in seconds; ``None`` where there is none.
    """
    ti = task_instance_or_none(context)
    for task_id in _upstream(operator) if ti is not None else ():
        try:
            value = ti.xcom_pull(task_ids=task_id, key="return_value")
            found = [length for item in _items(value) if (length := _length(item, searched))]
        except Exception as error:
            # The length is needed for the estimate only.
            _log.debug("The result of task %s cannot be read: %s", task_id, type(error).__name__)
            continue
        if found:
            _log.info("The result of task %s holds the length: %s s", task_id, max(found))
            return max(found)
    return None


def _upstream(operator: Any) -> list[str]:
    """Return upstream tasks, those directly before this one first."""
    direct = sorted(getattr(operator, "upstream_task_ids", ()))
    try:
        above = sorted(operator.get_flat_relative_ids(upstream=True))
    except Exception:
        above = []
    return list(dict.fromkeys([*direct, *above]))[:MAX_UPSTREAM]


def _items(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the dicts of a result, at any depth; of mapped tasks it is a list of results."""
    stack: list[Any] = [value]
    for _ in range(_MAX_ITEMS):
        if not stack:
            return
        item = stack.pop()
        if isinstance(item, Mapping):
            yield item
            stack.extend(each for each in item.values() if isinstance(each, Mapping | list))
        elif isinstance(item, Iterable) and not isinstance(item, str | bytes):
            stack.extend(item)


def _length(item: Mapping[str, Any], searched: set[str]) -> Decimal | None:
    if not any(str(item[name]) in searched for name in ("id", "url") if item.get(name)):
        return None
    return amount_of(item.get("duration")) or None


def _ids(value: Any, names: tuple[str, ...]) -> Iterator[str]:
    """Yield the ids of inputs in a request, at any depth."""
    if isinstance(value, list):
        for item in value:
            yield from _ids(item, names)
    elif hasattr(type(value), "model_fields"):
        for name in type(value).model_fields:
            inner = getattr(value, name)
            if name in names and isinstance(inner, str | int):
                yield str(inner)
            else:
                yield from _ids(inner, names)


def _media_values(request: KlingRequest, media_kind: str) -> Iterator[str]:
    from ..inputs.resolve import MediaField, map_media_fields

    found: list[str] = []

    def collect(field: MediaField) -> str:
        if field.rules.kind == media_kind:
            found.append(field.value)
        return field.value

    map_media_fields(request, collect)
    yield from found


def _file_length(operator: Any, value: str) -> float | None:
    from ..inputs.resolve import is_private_url
    from ..inputs.sources import InputSource, classify_input, normalize_input

    source = classify_input(value)
    if source is InputSource.STORAGE:
        return stored_length(normalize_input(value))
    if source is not InputSource.URL or is_private_url(normalize_input(value)):
        return None
    settings = operator.hook.settings
    return url_length(normalize_input(value), proxy=settings.proxy, verify=settings.verify)


class _LimitReached(Exception):
    """More would have to be read than is allowed."""


class _Blocks:
    """Bytes of a file, fetched block by block and no more than :data:`MAX_BYTES` of it.

    :param fetch: returns bytes from an offset on, at most as many as asked for.
    """

    def __init__(self, fetch: Callable[[int, int], bytes]) -> None:
        self._fetch = fetch
        self._blocks: dict[int, bytes] = {}
        self._deadline = time.monotonic() + MAX_SECONDS

    def read(self, at: int, length: int) -> bytes:
        """Return bytes of the file.

        :param at: offset.
        :param length: how many.
        :return: the bytes; fewer at the end of the file.
        :raises _LimitReached: more bytes, or more time, than is allowed.
        """
        first, last = at // _BLOCK, (at + length - 1) // _BLOCK
        joined = b"".join(self._block(number) for number in range(first, last + 1))
        return joined[at - first * _BLOCK :][:length]

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            if (len(self._blocks) + 1) * _BLOCK > MAX_BYTES or time.monotonic() > self._deadline:
                raise _LimitReached
            self._blocks[number] = self._fetch(number * _BLOCK, _BLOCK)
        return self._blocks[number]


def url_length(
    url: str, *, proxy: str | None = None, verify: bool | str = True, allow_private: bool = False
) -> float | None:
    """Return the length of a public media file; raises nothing.

    :param url: http(s) URL.
    :param proxy: proxy of the connection.
    :param verify: whether to check TLS certificates, or the path of a CA bundle.
    :param allow_private: also read from private networks and this machine.
    :return: seconds; ``None`` if the file cannot be read or does not have it.
    """
    try:
        with guarded_session(allow_private, verify=verify, headers_timeout=MAX_SECONDS) as session:
            file = _HttpFile(session, url, proxy, allow_private=allow_private)
            # The timeouts of single waits do not limit a server that sends byte by byte.
            return within(2 * MAX_SECONDS, lambda: _length_of(file))
    except (requests.RequestException, BlockedAddressError, _LimitReached, OSError, ValueError) as error:
        _log.debug("The length of an input could not be read: %s", type(error).__name__)
        return None


def _length_of(file: _HttpFile) -> float | None:
    blocks = _Blocks(file.fetch)
    blocks.read(0, 1)
    return media_length(blocks.read, file.size)


class _HttpFile:
    def __init__(
        self, session: requests.Session, url: str, proxy: str | None, *, allow_private: bool
    ) -> None:
        self._session = session
        self._url = validate_url(url)
        self._proxy = proxy
        self._private = allow_private
        self.size: int | None = None

    def fetch(self, at: int, length: int) -> bytes:
        for _ in range(_MAX_REDIRECTS + 1):
            with self._session.get(
                self._url,
                headers={"Range": f"bytes={at}-{at + length - 1}", "Accept-Encoding": "identity"},
                stream=True,
                allow_redirects=False,
                timeout=MAX_SECONDS,
                proxies=proxies_for(self._url, self._proxy, allow_private=self._private),
            ) as response:
                if response.is_redirect:
                    self._url = validate_url(urljoin(self._url, response.headers["location"]))
                    continue
                return self._content(response, at, length)
        raise _LimitReached

    def _content(self, response: requests.Response, at: int, length: int) -> bytes:
        if response.status_code == _PARTIAL:
            found = _RANGE.fullmatch(response.headers.get("content-range", ""))
            self.size = int(found[1]) if found else self.size
        elif response.status_code == _OK and not at:
            # This server knows no ranges: its beginning is all that may be read.
            with suppress(ValueError):
                self.size = int(response.headers.get("content-length", ""))
        else:
            raise _LimitReached
        data = b""
        for chunk in response.iter_content(8192):
            data += chunk
            if len(data) >= length:
                break
        return data[:length]


def stored_length(uri: str) -> float | None:
    """Return the length of a media file in object storage; raises nothing.

    :param uri: URL of the file.
    :return: seconds; ``None`` if the file cannot be read or does not have it.
    """
    try:
        path = resolve_path(uri)
        with translate_storage_errors(), open_to_read(path) as file:

            def fetch(at: int, length: int) -> bytes:
                file.seek(at)
                content: bytes = file.read(length)
                return content

            return media_length(_Blocks(fetch).read, path.fs.info(path.path).get("size"))
    except Exception as error:
        # The error is reported when the file is read for the request.
        _log.debug("The length of an input could not be read: %s", type(error).__name__)
        return None

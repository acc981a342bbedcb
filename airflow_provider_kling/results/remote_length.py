# SPDX-License-Identifier: Apache-2.0
"""Read the length of a media file at a URL or on object storage from its headers, within a byte limit."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urljoin

import requests

from ..hooks.transport import within
from ..inputs.media_length import media_length
from ..utils.storage import open_to_read, resolve_path, translate_storage_errors
from .ssrf import BlockedAddressError, guarded_session, proxies_for, validate_url

_log = logging.getLogger(__name__)

MAX_BYTES = 512 * 1024
"""Most bytes of one file that are read for its length."""

MAX_SECONDS = 15.0
"""Most seconds for reading a length."""

_BLOCK = 32 * 1024
_MAX_REDIRECTS = 3
_PARTIAL, _OK = 206, 200
_RANGE = re.compile(r"bytes \d+-\d+/(\d+)")


class _LimitReached(Exception):
    """More would have to be read than is allowed."""


class _Blocks:
    """Bytes of a file, fetched block by block and no more than :data:`MAX_BYTES` of it.

    :param fetch: returns bytes from an offset on, at most as many as asked for.
    """

    def __init__(self, fetch: Callable[[int, int], bytes]) -> None:
        self._fetch = fetch
        self._known: dict[int, bytes] = {}
        self._until = time.monotonic() + MAX_SECONDS

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
        if number not in self._known:
            if (len(self._known) + 1) * _BLOCK > MAX_BYTES or time.monotonic() > self._until:
                raise _LimitReached
            self._known[number] = self._fetch(number * _BLOCK, _BLOCK)
        return self._known[number]


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
            ) as answer:
                if answer.is_redirect:
                    self._url = validate_url(urljoin(self._url, answer.headers["location"]))
                    continue
                return self._content(answer, at, length)
        raise _LimitReached

    def _content(self, answer: requests.Response, at: int, length: int) -> bytes:
        if answer.status_code == _PARTIAL:
            found = _RANGE.fullmatch(answer.headers.get("content-range", ""))
            self.size = int(found[1]) if found else self.size
        elif answer.status_code == _OK and not at:
            # This server knows no ranges: its beginning is all that may be read.
            with suppress(ValueError):
                self.size = int(answer.headers.get("content-length", ""))
        else:
            raise _LimitReached
        data = b""
        for chunk in answer.iter_content(8192):
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
        place = resolve_path(uri)
        with translate_storage_errors(), open_to_read(place) as file:

            def fetch(at: int, length: int) -> bytes:
                file.seek(at)
                content: bytes = file.read(length)
                return content

            return media_length(_Blocks(fetch).read, place.fs.info(place.path).get("size"))
    except Exception as error:
        # The error is reported when the file is read for the request.
        _log.debug("The length of an input could not be read: %s", type(error).__name__)
        return None

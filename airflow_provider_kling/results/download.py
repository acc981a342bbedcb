# SPDX-License-Identifier: Apache-2.0
"""One result file over HTTP: a stream of bytes that ends well only when it is whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urljoin

import requests

from .. import __version__
from ..api.shorten import shorten
from .guard import AddressRefused, check_url, guarded_session, proxies_for
from .hush import hush
from .rules import DownloadRules

CHUNK = 256 * 1024
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_GONE = frozenset((401, 403, 404, 410))
_OK = 200
# A compressed answer would not have the length and the bytes that were announced.
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": f"airflow-provider-kling/{__version__}"}


class Faulty(Exception):
    """The file did not come, or not whole; another try can help."""


class Gone(Faulty):
    """The server does not know the address any more; a fresh one can help."""


class Unfit(Exception):
    """The file may not be fetched or is too large; another try changes nothing."""


class Download:
    """An answer that is being read.

    :param response: a successful answer whose body was not read yet.
    :param max_bytes: most bytes to accept.
    """

    def __init__(self, response: requests.Response, max_bytes: int) -> None:
        self._response = response
        self._max_bytes = max_bytes
        self.content_type = response.headers.get("Content-Type", "")
        self._length = _length_of(response)
        if self._length is not None and self._length > max_bytes:
            raise self._too_large()

    def chunks(self) -> Iterator[bytes]:
        """Yield the body in chunks.

        :raises Faulty: when the connection ends before the body does.
        :raises Unfit: when the body is larger than permitted.
        """
        come = 0
        try:
            for chunk in self._response.iter_content(CHUNK):
                come += len(chunk)
                if come > self._max_bytes:
                    raise self._too_large()
                yield chunk
        except requests.RequestException as error:
            raise Faulty(f"the connection broke after {come} bytes ({type(error).__name__})") from None
        if self._length is not None and come != self._length:
            raise Faulty(f"{come} of {self._length} bytes came")
        if not come:
            raise Faulty("the file is empty")

    def _too_large(self) -> Unfit:
        return Unfit(f"it is larger than {self._max_bytes} bytes, the most that is accepted")


def _length_of(response: requests.Response) -> int | None:
    declared = response.headers.get("Content-Length", "")
    if declared.isdecimal():
        return int(declared)
    if "chunked" in response.headers.get("Transfer-Encoding", "").lower():
        # The last chunk says that it is the last.
        return None
    raise Faulty("the server does not say how long the file is, so nobody could tell whether it came whole")


@contextmanager
def download(url: str, rules: DownloadRules) -> Iterator[Download]:
    """Begin to fetch a file.

    :param url: its address; each redirect is checked as the address itself is.
    :raises Gone: when the address is not known any more.
    :raises Faulty: when there is no usable answer.
    :raises Unfit: when the address may not be read from.
    """
    hush()
    with guarded_session(allow_private=rules.allow_private, verify=rules.verify) as session:
        try:
            response = _answer(session, url, rules)
        except AddressRefused as error:
            raise Unfit(f"its address is refused: {error}") from None
        except requests.RequestException as error:
            raise Faulty(f"no answer ({type(error).__name__}: {shorten(str(error))[:200]})") from None
        with response:
            yield Download(response, rules.max_bytes)


def _answer(session: requests.Session, url: str, rules: DownloadRules) -> requests.Response:
    for _ in range(rules.max_redirects + 1):
        check_url(url)
        response = session.get(
            url,
            headers=_HEADERS,
            stream=True,
            allow_redirects=False,
            timeout=rules.timeout,
            proxies=proxies_for(url, rules.proxy, allow_private=rules.allow_private),
        )
        if response.status_code == _OK:
            return response
        response.close()
        if response.status_code in _GONE:
            raise Gone(f"the server answers HTTP {response.status_code}")
        target = response.headers.get("Location")
        if response.status_code not in _REDIRECTS or not target:
            raise Faulty(f"the server answers HTTP {response.status_code}")
        url = urljoin(url, target)
    raise Unfit(f"it is redirected more than {rules.max_redirects} times")

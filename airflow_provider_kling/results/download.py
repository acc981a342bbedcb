# SPDX-License-Identifier: Apache-2.0
"""One result file over HTTP: a stream of bytes that ends well only when it is whole."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urljoin

import requests

from .. import __version__
from ..hooks.answers import pieces, why
from .guard import AddressRefused, checked_url, guarded_session, proxies_for
from .hush import hush
from .rules import DownloadRules

_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_GONE = frozenset((401, 403, 404, 410))
_OK = 200
# Object stores also hand out what whoever stored a file called its encoding, such as "aws-chunked".
_COMPRESSIONS = frozenset(("gzip", "x-gzip", "deflate", "br", "zstd", "compress"))
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
    :param rules: limits of the download.
    """

    def __init__(self, response: requests.Response, rules: DownloadRules) -> None:
        self._response = response
        self._rules = rules
        self.content_type = response.headers.get("Content-Type", "")
        if _COMPRESSIONS.intersection(
            re.split(r"[\s,]+", response.headers.get("Content-Encoding", "").lower())
        ):
            raise Faulty("the server compresses it, though it was asked not to")
        self._length = _length_of(response)
        if self._length is not None and self._length > rules.max_bytes:
            raise self._too_large()

    def chunks(self) -> Iterator[bytes]:
        """Yield the body in chunks, as they come.

        :raises Faulty: when the connection ends before the body does, or hardly anything comes.
        :raises Unfit: when the body is larger than permitted.
        """
        come = 0
        try:
            for come, waited, chunk in _counted(pieces(self._response, decoded=False)):
                if come > self._rules.max_bytes:
                    raise self._too_large()
                if self._rules.too_slow(come, waited):
                    raise Faulty(f"it comes too slowly: {come} bytes in {waited:.0f} s")
                yield chunk
        except requests.RequestException as error:
            raise Faulty(f"the connection broke after {come} bytes ({type(error).__name__})") from None
        if self._length is not None and come != self._length:
            raise Faulty(f"{come} of {self._length} bytes came")
        if not come:
            raise Faulty("the file is empty")

    def _too_large(self) -> Unfit:
        return Unfit(f"it is larger than {self._rules.max_bytes} bytes, the most that is accepted")


def _counted(chunks: Iterator[bytes]) -> Iterator[tuple[int, float, bytes]]:
    """Yield with each chunk how many bytes have come, and for how long they were waited for.

    What whoever takes them does meanwhile, such as write them to a slow storage, is not the server's fault.
    """
    come, waited = 0, 0.0
    while True:
        began = time.monotonic()
        chunk = next(chunks, b"")
        waited += time.monotonic() - began
        if not chunk:
            return
        come += len(chunk)
        yield come, waited, chunk


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
    patience = sum(rules.timeout)
    with guarded_session(rules.allow_private, verify=rules.verify, patience=patience) as session:
        try:
            response = _answer(session, url, rules)
        except AddressRefused as error:
            raise Unfit(f"its address is refused: {error}") from None
        except ValueError as error:
            # Of its kind only: the text quotes the address.
            raise Unfit(f"its address cannot be used ({type(error).__name__})") from None
        except OSError as error:
            raise Faulty(f"no answer ({why(error)})") from None
        with response:
            yield Download(response, rules)


def _answer(session: requests.Session, url: str, rules: DownloadRules) -> requests.Response:
    for _ in range(rules.max_redirects + 1):
        url = checked_url(url)
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

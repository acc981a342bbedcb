# SPDX-License-Identifier: Apache-2.0
"""Download result files within limits."""

from __future__ import annotations

import base64
import re
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from io import BytesIO
from itertools import chain
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import requests
from urllib3.response import HTTPResponse

from .. import __version__
from ..api.http import retry_after
from ..hooks.transport import describe_error, iter_body
from ..utils.redaction import install_urllib3_log_filter
from .ssrf import BlockedAddressError, guarded_session, is_private, proxies_for, validate_url
from .stalled_reads import StalledReads


@dataclass(frozen=True, slots=True)
class DownloadOptions:
    """Configure the download of result files.

    :param allow_private: allow servers in private networks and on this machine; set only if the connection's
        own host is one (:meth:`for_host`).
    :param max_bytes: maximum size of a file in bytes, 5 GB by default.
    :param max_redirects: maximum number of redirects of a download, 5 by default.
    :param timeout: connect timeout and read timeout in seconds, 10 and 60 by default.
    :param attempts: number of attempts for a file, 5 by default.
    :param max_retry_delay: maximum delay between two attempts in seconds, 30 by default. Delays grow
        exponentially with jitter; a ``Retry-After`` of the server is honoured up to this limit.
    :param parallel: number of files of a task that are downloaded at once, 4 by default.
    :param verify: whether to verify TLS certificates, or the path of a CA bundle.
    :param proxy: URL of a proxy; by default those of the environment apply.
    :param min_bytes_per_second: minimum average rate, not counting the read timeout, 10,000 by default.
    :param base_url: base URL of the connection, for relative result URLs.
    :param token: returns the connection's key, which is sent to the origin of ``base_url`` only.
    """

    allow_private: bool = False
    max_bytes: int = 5 * 1024**3
    max_redirects: int = 5
    timeout: tuple[float, float] = (10.0, 60.0)
    attempts: int = 5
    max_retry_delay: float = 30.0
    parallel: int = 4
    verify: bool | str = True
    proxy: str | None = field(default=None, repr=False)
    min_bytes_per_second: float = 10_000
    base_url: str | None = None
    token: Callable[[], str] | None = field(default=None, repr=False, compare=False)

    @property
    def host(self) -> str | None:
        """Return the host that made the job, with its port if the URL has one."""
        return urlsplit(self.base_url).netloc.lower() or None if self.base_url else None

    def absolute(self, url: str) -> str:
        """Resolve a result URL against the base URL of the connection.

        :param url: absolute or relative URL.
        :return: the URL to download; a relative one is returned unchanged if there is no base URL.
        """
        url = url.strip()
        if not self.base_url or urlsplit(url).scheme:
            return url
        return urljoin(f"{self.base_url.rstrip('/')}/", url)

    def credentials(self, url: str) -> dict[str, str]:
        """Return the headers that authorize a request.

        :param url: absolute URL of the request.
        :return: headers; empty for any origin other than that of the connection.
        """
        if not self.token or not self.base_url or _origin(url) != _origin(self.base_url):
            return {}
        return {"Authorization": f"Bearer {self.token()}"}

    def is_too_slow(self, received: int, elapsed: float) -> bool:
        """Return whether a download is slower than the minimum rate.

        :param received: bytes received.
        :param elapsed: seconds spent waiting for them.
        :return: ``True`` if the download should be aborted.
        """
        return received < self.min_bytes_per_second * (elapsed - self.timeout[1])

    @classmethod
    def for_host(
        cls,
        hostname: str,
        *,
        verify: bool | str = True,
        proxy: str | None = None,
        timeout: tuple[float, float] = (10.0, 60.0),
        base_url: str | None = None,
        token: Callable[[], str] | None = None,
    ) -> DownloadOptions:
        """Make the options for results of one API host.

        :param hostname: host of the connection, without scheme and port; resolved here.
        :param verify: whether to verify TLS certificates, or the path of a CA bundle.
        :param proxy: URL of a proxy.
        :param timeout: connect timeout and read timeout in seconds.
        :param base_url: base URL of the connection, for relative result URLs.
        :param token: returns the connection's key, for result URLs at its own origin.
        :return: the options.
        """
        return cls(
            allow_private=is_private(hostname),
            verify=verify,
            proxy=proxy,
            timeout=timeout,
            base_url=base_url,
            token=token,
        )


def _origin(url: str) -> tuple[str, str, int | None]:
    parts: SplitResult = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(scheme)


_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_EXPIRED_STATUSES = frozenset((401, 403, 404, 410))
# 203 is of a proxy that changed something; the container shows whether the file is whole.
_OK_STATUSES = frozenset((200, 203))
_PARTIAL = 206
_RANGE = re.compile(r"bytes[ =]([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", re.IGNORECASE)
# Object stores also return an encoding that the uploader set, such as "aws-chunked".
_COMPRESSIONS = frozenset(("br", "zstd", "compress"))
_ZLIB = frozenset(("gzip", "x-gzip", "deflate"))
# Window bits that accept a gzip or a zlib header.
_ANY_ZLIB_HEADER = 47
_DATA_URI = re.compile(r"data:([^,;]*)[^,]*;base64,(.*)", re.IGNORECASE | re.DOTALL)
_CHUNK_BYTES = 1 << 20
_MAGIC_BYTES = 2
_BUSY_STATUSES = frozenset((429, 503))
# A compressed response would not have the announced length.
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": f"airflow-provider-kling/{__version__}"}


class TransientDownloadError(Exception):
    """A download failed or was incomplete; another attempt can help.

    :param text: the cause.
    :param retry_after: delay in seconds that the server asks for.
    """

    def __init__(self, text: str, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class UrlExpiredError(TransientDownloadError):
    """The URL is no longer valid; a new one can help."""


class PermanentDownloadError(Exception):
    """The file must not be downloaded or is too large; another attempt cannot help."""


class Download:
    """Read the body of a response.

    :param response: a successful response whose body was not read yet.
    :param options: limits of the download.
    :param reads: limits the time of each read.
    :raises TransientDownloadError: the server sends the file in an unsupported encoding.
    :raises PermanentDownloadError: the announced length is above the limit.
    """

    def __init__(
        self, response: requests.Response, options: DownloadOptions, reads: StalledReads | None = None
    ) -> None:
        self._response = response
        self._options = options
        self._reading: Callable[[], AbstractContextManager[object]] = reads.reading if reads else nullcontext
        self.content_type = response.headers.get("Content-Type", "")
        encodings = set(re.split(r"[\s,]+", response.headers.get("Content-Encoding", "").lower()))
        if _COMPRESSIONS & encodings or len(_ZLIB & encodings) > 1:
            raise TransientDownloadError("the server compresses it, although asked not to")
        self._is_compressed = bool(_ZLIB & encodings)
        self._length, self.measured = _content_length(response)
        if response.status_code == _PARTIAL:
            # Whether the range is right, only the container shows.
            self._length, self.measured = _range_length(response), False
        elif (found := _range_of(response)) and not found[0]:
            # A part, although the status is that of a whole file.
            self.measured = False
        if self._length is not None and self._length > options.max_bytes:
            raise self._too_large()

    def chunks(self) -> Iterator[bytes]:
        """Yield the decoded content of the file in chunks.

        :return: chunks of bytes.
        :raises TransientDownloadError: the body is incomplete, empty, damaged or too slow.
        :raises PermanentDownloadError: the body is larger than ``max_bytes``.
        """
        decoded = 0
        for chunk in _decompress(self._raw()) if self._is_compressed else self._raw():
            decoded += len(chunk)
            if decoded > self._options.max_bytes:
                raise self._too_large()
            yield chunk

    def _raw(self) -> Iterator[bytes]:
        received = 0
        try:
            for received, elapsed, chunk in _iter_timed(
                iter_body(self._response, decoded=False), self._reading
            ):
                if received > self._options.max_bytes:
                    raise self._too_large()
                if self._options.is_too_slow(received, elapsed):
                    raise TransientDownloadError(f"it is too slow: {received} bytes in {elapsed:.0f} s")
                yield chunk
        except requests.RequestException as error:
            raise TransientDownloadError(
                f"the connection broke after {received} bytes ({type(error).__name__})"
            ) from None
        if self._length is not None and received != self._length:
            raise TransientDownloadError(f"received {received} of {self._length} bytes")
        if not received:
            raise TransientDownloadError("the file is empty")

    def _too_large(self) -> PermanentDownloadError:
        return PermanentDownloadError(f"it is larger than the limit of {self._options.max_bytes} bytes")


def _decompress(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Decode gzip or zlib in pieces of limited size; yield other content unchanged."""
    head = b""
    while len(head) < _MAGIC_BYTES and (chunk := next(chunks, b"")):
        head += chunk
    if not _has_zlib_header(head):
        yield head
        yield from chunks
        return
    decoder = zlib.decompressobj(_ANY_ZLIB_HEADER)
    for chunk in chain((head,), chunks):
        remaining = chunk
        while remaining:
            if decoder.eof:
                decoder = zlib.decompressobj(_ANY_ZLIB_HEADER)
            try:
                data = decoder.decompress(remaining, _CHUNK_BYTES)
            except zlib.error:
                raise TransientDownloadError("its gzip encoding is damaged") from None
            if data:
                yield data
            remaining = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
    if not decoder.eof:
        raise TransientDownloadError("its gzip encoding is truncated")


def _has_zlib_header(head: bytes) -> bool:
    zlib_header = head[:1] == b"\x78" and int.from_bytes(head[:2], "big") % 31 == 0
    return zlib_header or head.startswith(b"\x1f\x8b")


def _iter_timed(
    chunks: Iterator[bytes], reading: Callable[[], AbstractContextManager[object]]
) -> Iterator[tuple[int, float, bytes]]:
    """Yield each chunk with the bytes received and the seconds waited for them so far.

    Time that the consumer needs, such as to write to a slow storage, is not counted.
    """
    received, elapsed = 0, 0.0
    while True:
        began = time.monotonic()
        with reading():
            chunk = next(chunks, b"")
        elapsed += time.monotonic() - began
        if not chunk:
            return
        received += len(chunk)
        yield received, elapsed, chunk


def _content_length(response: requests.Response) -> tuple[int | None, bool]:
    """Return the announced length, and whether a truncated body would be detected.

    :raises TransientDownloadError: the HTTP library would not decode the body.
    """
    # Of values other than this one the library returns the chunks with their lengths.
    if encodings := response.raw.headers.getlist("Transfer-Encoding"):
        if encodings[0].lower() != "chunked":
            raise TransientDownloadError("the server sends it in an unsupported Transfer-Encoding")
        return None, True  # it has an explicit end
    declared = {each.strip() for each in response.headers.get("Content-Length", "").split(",")}
    length = declared.pop() if len(declared) == 1 else ""
    return (int(length), True) if length.isascii() and length.isdecimal() else (None, False)


@contextmanager
def download(url: str, options: DownloadOptions) -> Iterator[Download]:
    """Start the download of a file.

    :param url: URL, absolute or relative to the host of the connection; each redirect is checked too. A data
        URL holds the file itself.
    :param options: limits of the download.
    :return: a context manager that yields the open download.
    :raises UrlExpiredError: the URL is no longer valid.
    :raises TransientDownloadError: the server did not respond with a file.
    :raises PermanentDownloadError: the URL is invalid or leads to a blocked address.
    """
    if data_uri := _DATA_URI.match(url.strip()):
        yield Download(_data_uri_download(*data_uri.groups()), options)
        return
    install_urllib3_log_filter()
    timeout = sum(options.timeout)
    with guarded_session(options.allow_private, verify=options.verify, headers_timeout=timeout) as session:
        try:
            response = _follow_redirects(session, url, options)
        except BlockedAddressError as error:
            raise PermanentDownloadError(f"its URL is blocked: {error}") from None
        except requests.exceptions.InvalidHeader:
            # Such as two lengths; also a ValueError, but not of the URL.
            raise TransientDownloadError("the server sends an invalid header") from None
        except ValueError as error:
            # The text of the exception quotes the signed URL.
            raise PermanentDownloadError(f"its URL is invalid ({type(error).__name__})") from None
        except OSError as error:
            raise TransientDownloadError(f"no response ({describe_error(error)})") from None
        with response, StalledReads(timeout, session.abort) as reads:
            yield Download(response, options, reads)


def _data_uri_download(content_type: str, encoded: str) -> requests.Response:
    """Return the response for a file that the URL itself holds: some gateways send images so."""
    try:
        content = base64.b64decode(unquote(encoded), validate=True)
    except ValueError:
        raise PermanentDownloadError("its data URL holds no base64") from None
    response = requests.Response()
    response.status_code = 200
    response.headers.update({"Content-Type": content_type, "Content-Length": str(len(content))})
    response.raw = HTTPResponse(BytesIO(content), response.headers, preload_content=False)
    return response


def _follow_redirects(session: requests.Session, url: str, options: DownloadOptions) -> requests.Response:
    url = options.absolute(url)
    for _ in range(options.max_redirects + 1):
        url = validate_url(url)
        response = session.get(
            url,
            headers={**_HEADERS, **options.credentials(url)},
            stream=True,
            allow_redirects=False,
            timeout=options.timeout,
            proxies=proxies_for(url, options.proxy, allow_private=options.allow_private),
        )
        if response.status_code in _OK_STATUSES or _range_length(response) is not None:
            return response
        response.close()
        if response.status_code in _EXPIRED_STATUSES:
            raise UrlExpiredError(f"the server answers HTTP {response.status_code}")
        target = response.headers.get("Location")
        if response.status_code not in _REDIRECTS or not target:
            busy = response.status_code in _BUSY_STATUSES
            raise TransientDownloadError(
                f"the server answers HTTP {response.status_code}",
                retry_after(response.headers) if busy else None,
            )
        url = urljoin(url, _decode_location(target))
    raise PermanentDownloadError(f"it is redirected more than {options.max_redirects} times")


def _range_length(response: requests.Response) -> int | None:
    """Return the length of a file of which a cache sends all as a range that was not asked for."""
    is_whole, length = _range_of(response) or (False, 0)
    return length if is_whole and response.status_code == _PARTIAL else None


def _range_of(response: requests.Response) -> tuple[bool, int] | None:
    """Return whether a range covers the whole file, and the length of the file."""
    if not (found := _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())):
        return None
    first, last, length = map(int, found.groups())
    return first == 0 and last + 1 == length, length


def _decode_location(location: str) -> str:
    """Decode a header that was sent as UTF-8; HTTP libraries decode headers as Latin-1."""
    try:
        return location.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return location

# SPDX-License-Identifier: Apache-2.0
"""Read HTTP responses of ``requests`` and describe its errors; find the certificates to trust."""

from __future__ import annotations

import os
import ssl
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from functools import lru_cache
from typing import TypeVar

import requests
from urllib3.exceptions import HTTPError, MaxRetryError

from ..exceptions import KlingServerError
from ..utils.redaction import sanitize_text
from .connection import KlingSettings

_FIRST_FINAL = 200
_MOST_BYTES = 65_536
_LONGEST = 200


class NoRedirectSession(requests.Session):
    """A session that never looks at redirects: even with ``allow_redirects=False`` requests would read the
    whole body of one, without a limit, and fail on a malformed ``Location``."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return no target.

        :param resp: the response.
        :return: ``None``.
        """
        return None


@contextmanager
def unpooled(session: requests.Session) -> Iterator[requests.Session]:
    """Provide a session like another one, whose connections have carried nothing yet and are closed after.

    :param session: the session; other threads may use it. Adapters that are not of ``requests`` are shared.
    :return: a context manager with the new one.
    """
    own = copy(session)
    new = {
        prefix: copy(adapter)
        for prefix, adapter in session.adapters.items()
        if type(adapter) is requests.adapters.HTTPAdapter
    }
    own.adapters = OrderedDict({**session.adapters, **new})
    try:
        yield own
    finally:
        for adapter in new.values():
            adapter.close()


def check_is_final(status: int) -> None:
    """Fail for an interim answer, such as 103: of the final one, which may follow, nothing is known.

    To be called before the body is read, so that the connection is closed: on a connection that is used again
    the final answer would be taken for that to the next request.

    :param status: HTTP status of the answer.
    :raises ConnectionError: it is below 200.
    """
    if status < _FIRST_FINAL:
        raise ConnectionError(f"an interim answer, HTTP {status}, and no final one")


def iter_body(response: requests.Response, *, decoded: bool = True) -> Iterator[bytes]:
    """Yield the body of an answer in pieces, each as soon as it is there.

    ``iter_content`` waits for whole chunks: a server that sends byte after byte would hold it for ever, for
    each single wait is short.

    :param response: an answer whose body was not read yet.
    :param decoded: undo a ``Content-Encoding``.
    :return: the pieces.
    :raises requests.ConnectionError: when the connection breaks.
    """
    try:
        while piece := response.raw.read1(_MOST_BYTES, decode_content=decoded):
            yield piece
    except HTTPError as error:
        raise requests.ConnectionError(error) from None


_T = TypeVar("_T")


def within(seconds: float, exchange: Callable[[], _T]) -> _T:
    """Run an exchange with a deadline for the whole of it.

    The timeouts of ``requests`` are for single waits: a server that sends its header, or the end of the body,
    byte after byte would never exceed them. A thread that is late is left behind; it sends nothing more.

    :param seconds: how long it may take.
    :param exchange: sends a request and reads the answer.
    :return: its result.
    :raises requests.Timeout: it takes longer.
    """
    results: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(exchange())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="kling exchange", daemon=True)
    thread.start()
    thread.join(seconds)
    if results:
        return results[0]
    if errors:
        raise errors[0]
    raise requests.Timeout("the answer does not end")


def root_cause(error: OSError) -> BaseException:
    """Return what went wrong, below the wrappers of ``requests`` and ``urllib3``.

    The wrapper of ``urllib3`` blames the proxy for whatever breaks on the way through it, also after the
    request was sent.

    :param error: what ``requests`` has raised.
    :return: the innermost error.
    """
    inner = error.args[0] if error.args else error
    inner = getattr(inner, "reason", None) or inner
    inner = getattr(inner, "original_error", None) or inner
    return inner if isinstance(inner, BaseException) else error


def describe_error(error: OSError) -> str:
    """Return in a few words why there is no answer.

    The text of ``requests`` itself never appears: it quotes the URL with its signature.

    :param error: what ``requests`` has raised.
    :return: the reason.
    """
    cause = root_cause(error)
    if isinstance(cause, requests.RequestException | MaxRetryError):
        return type(error).__name__
    return f"{type(error).__name__}: {sanitize_text(str(cause).split(': ', 1)[-1], _LONGEST)}"


_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def ssl_context_for(settings: KlingSettings) -> ssl.SSLContext | bool:
    """Return the certificates to trust.

    :param settings: the connection.
    :return: a context; ``True`` for the machine's own certificates, ``False`` for no check.
    :raises KlingServerError: the CA bundle cannot be used on this machine.
    """
    if settings.verify is False or not _uses_tls(settings):
        return settings.verify is not False
    name, path = _ca_bundle(settings.verify)
    if not path:
        return True
    try:
        found = os.stat(path)
        # A thousand triggers of one process need it, and to read one blocks the event loop of them all.
        return _read(path, found.st_mtime_ns, found.st_size)
    except OSError as error:
        raise KlingServerError(
            f"CA bundle unusable here: correct {name}, which connection {settings.conn_id!r} uses. {name} is "
            f"{path!r}, which cannot be used as a CA bundle on this machine ({error.strerror or error}). It "
            "must be a PEM file with certificates, or a folder of them, that each worker and triggerer can "
            "read."
        ) from None


def _uses_tls(settings: KlingSettings) -> bool:
    return any((url or "").startswith("https:") for url in (settings.base_url, settings.proxy))


def _ca_bundle(verify: bool | str) -> tuple[str, str | None]:
    if isinstance(verify, str):
        return "extra.verify", verify
    # requests follows these: a company's own certificates must serve aiohttp, too.
    return next(((name, path) for name in _VARIABLES if (path := os.environ.get(name))), ("", None))


@lru_cache(maxsize=16)
def _read(path: str, changed: int, size: int) -> ssl.SSLContext:
    folder = os.path.isdir(path)
    return ssl.create_default_context(cafile=None if folder else path, capath=path if folder else None)

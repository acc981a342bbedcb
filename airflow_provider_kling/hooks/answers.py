# SPDX-License-Identifier: Apache-2.0
"""HTTP answers read with ``requests``: as they come, and what is said when they do not."""

from __future__ import annotations

from collections.abc import Iterator

import requests
from urllib3.exceptions import HTTPError, MaxRetryError

from ..api.readable import readable

_MOST_BYTES = 65_536
_LONGEST = 200


def pieces(response: requests.Response, *, decoded: bool = True) -> Iterator[bytes]:
    """Yield the body of an answer in pieces, each as soon as it is there.

    ``iter_content`` waits for whole chunks: a server that sends byte after byte would keep it for ever, for
    each single wait is short.

    :param response: an answer whose body was not read yet.
    :param decoded: undo a ``Content-Encoding``.
    :raises requests.ConnectionError: when the connection breaks.
    """
    try:
        while piece := response.raw.read1(_MOST_BYTES, decode_content=decoded):
            yield piece
    except HTTPError as error:
        raise requests.ConnectionError(error) from None


def cause_of(error: OSError) -> BaseException:
    """Return what went wrong, below the wrappers of ``requests`` and ``urllib3``.

    The wrapper of ``urllib3`` blames the proxy for whatever breaks on the way through it, also after the
    request was sent.
    """
    inner = error.args[0] if error.args else error
    inner = getattr(inner, "reason", None) or inner
    inner = getattr(inner, "original_error", None) or inner
    return inner if isinstance(inner, BaseException) else error


def why(error: OSError) -> str:
    """Return in a few words why there is no answer.

    What ``requests`` says itself never appears: it quotes the address, signature and all.
    """
    cause = cause_of(error)
    if isinstance(cause, requests.RequestException | MaxRetryError):
        return type(error).__name__
    return f"{type(error).__name__}: {readable(str(cause).split(': ', 1)[-1], _LONGEST)}"

# SPDX-License-Identifier: Apache-2.0
"""Addresses of results that are valid for a while, as a content network hands them out."""

from __future__ import annotations

import hashlib
import hmac

from .clock import Clock

RESULT_TTL = 30 * 24 * 3600
"""The vendor deletes results 30 days after the job ended."""


class UrlSigner:
    """Signs and checks paths.

    :param secret: key of the signatures.
    :param clock: the emulator's time.
    :param seconds: how long a URL is valid after it was handed out.
    """

    def __init__(self, secret: str, clock: Clock, seconds: float) -> None:
        self._secret = secret.encode()
        self._clock = clock
        self.seconds = seconds

    def signed(self, path: str, ended_at: float) -> str:
        """Return a path with its expiry and signature.

        :param path: the path.
        :param ended_at: when the job ended; no URL outlives the result.
        :return: path and query.
        """
        expires = int(min(self._clock.now() + self.seconds, ended_at + RESULT_TTL))
        return f"{path}?Expires={expires}&Signature={self._signature(path, str(expires))}"

    def valid(self, path: str, expires: str, signature: str) -> bool:
        """Return whether a URL was signed here and has not expired.

        :param path: its path.
        :param expires: its parameter ``Expires``.
        :param signature: its parameter ``Signature``.
        :return: ``True`` if it can be served.
        """
        if not hmac.compare_digest(signature.encode(), self._signature(path, expires).encode()):
            return False
        return self._clock.now() <= int(expires)

    def _signature(self, path: str, expires: str) -> str:
        return hmac.new(self._secret, f"{path}\n{expires}".encode(), hashlib.sha256).hexdigest()[:40]

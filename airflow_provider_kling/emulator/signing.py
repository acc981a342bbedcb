# SPDX-License-Identifier: Apache-2.0
"""Signatures: of result URLs, which are valid for a while, and of callbacks."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from .clock import Clock

RESULT_TTL = 30 * 24 * 3600
"""The vendor deletes results 30 days after the job ended."""
_PREFIX = "whsec_"


class UrlSigner:
    """Signs and checks paths.

    :param secret: key of the signatures.
    :param clock: the emulator's time.
    :param seconds: how long a URL is valid after it was returned.
    """

    def __init__(self, secret: str, clock: Clock, seconds: float) -> None:
        self._secret = secret.encode()
        self._clock = clock
        self.seconds = seconds

    def sign(self, path: str, ended_at: float) -> str:
        """Return a path with its expiry and signature.

        :param path: the path.
        :param ended_at: when the job ended; no URL outlives the result.
        :return: path and query.
        """
        expires = int(min(self._clock.now() + self.seconds, ended_at + RESULT_TTL))
        return f"{path}?Expires={expires}&Signature={self._signature(path, str(expires))}"

    def is_valid(self, path: str, expires: str, signature: str) -> bool:
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


def validate_secret(secret: str) -> None:
    """Check a webhook secret.

    :param secret: the secret.
    :raises ValueError: it is not ``whsec_`` and base64.
    """
    try:
        usable = secret.startswith(_PREFIX) and bool(_key(secret))
    except (binascii.Error, ValueError):
        usable = False
    if not usable:
        raise ValueError("webhook_secret must be whsec_ and base64")


def sign_headers(secret: str, ident: str, now: int, body: bytes) -> dict[str, str]:
    """Return the headers that prove the sender of a body.

    :param secret: the webhook secret.
    :param ident: id of the message; the same when it is sent again.
    :param now: Unix time in seconds.
    :param body: the body.
    :return: the headers.
    """
    signature = hmac.digest(_key(secret), f"{ident}.{now}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": ident,
        "webhook-timestamp": str(now),
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
    }


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)

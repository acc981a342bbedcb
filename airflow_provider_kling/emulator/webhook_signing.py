# SPDX-License-Identifier: Apache-2.0
"""Signatures of callbacks, as https://www.standardwebhooks.com says."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

_PREFIX = "whsec_"


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

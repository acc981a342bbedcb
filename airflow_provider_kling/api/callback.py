# SPDX-License-Identifier: Apache-2.0
"""Verify and read what Kling sends to a ``callback_url``.

Kling signs its callbacks once the account has a webhook secret, as https://www.standardwebhooks.com says. A
callback is a hint and no more: whether and when it is sent again is not documented, so go on polling, and
read the job itself before believing what it says.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any

from ..utils.json_input import read_response_json
from .task import KlingTask, parse_task

TOLERANCE_SECONDS = 300
"""How old or early a callback may be."""

_PREFIX = "whsec_"
_VERSION = "v1,"
_SECONDS = re.compile(r"[0-9]{1,15}")


class CallbackRefused(ValueError):
    """A callback that does not prove to come from Kling, or holds no task."""


class WebhookSecretInvalid(CallbackRefused):
    """A webhook secret that cannot be used as a key, because it is empty or not base64."""


def read_callback(
    headers: Mapping[str, str], body: bytes | str, secrets: str | Iterable[str], *, now: float | None = None
) -> KlingTask:
    """Return the task of a callback, after a check of its signature.

    Store the ``webhook-id`` of handled callbacks: one that is sent again has the same.

    :param headers: the request's headers, in any case.
    :param body: the request's body as it came, before anything has parsed it; text is encoded as UTF-8.
    :param secrets: the account's webhook secret, or several: for seven days after a change Kling uses the old
        one too. White space around them is removed.
    :param now: Unix time in seconds; the machine's by default.
    :return: the task.
    :raises WebhookSecretInvalid: there is no secret, or one of them is empty or not base64. It is raised
        before anything of the callback is looked at, and is a :class:`CallbackRefused`.
    :raises CallbackRefused: a header is missing, the time is more than five minutes off, no signature fits,
        or there is no task in it. The text holds neither secret nor signature.
    """
    keys = _keys(secrets)
    content = _content(body)
    received = {name.lower(): value for name, value in headers.items()}
    missing = [
        name for name in ("webhook-id", "webhook-timestamp", "webhook-signature") if not received.get(name)
    ]
    if missing:
        raise CallbackRefused(f"the header {missing[0]} is missing: this is no signed callback of Kling")
    _check_time(received["webhook-timestamp"], time.time() if now is None else now)
    signed = b".".join(
        [
            *(
                received[name].encode("utf-8", "surrogatepass")
                for name in ("webhook-id", "webhook-timestamp")
            ),
            content,
        ]
    )
    if not _signature_matches(signed, received["webhook-signature"], keys):
        raise CallbackRefused("no signature of the callback fits a secret: it does not come from Kling")
    return _task(content)


def _check_time(timestamp: str, now: float) -> None:
    if not _SECONDS.fullmatch(timestamp):
        raise CallbackRefused("the header webhook-timestamp is no Unix time in seconds")
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise CallbackRefused(f"the callback's time is more than {TOLERANCE_SECONDS} s off")


def _signature_matches(signed: bytes, signatures: str, keys: list[bytes]) -> bool:
    expected = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in keys]
    candidate = [
        each.removeprefix(_VERSION).encode("utf-8", "surrogatepass")
        for each in signatures.split()
        if each.startswith(_VERSION)
    ]
    return any(hmac.compare_digest(one, other) for one in expected for other in candidate)


def _content(body: Any) -> bytes:
    if isinstance(body, str):
        return body.encode("utf-8", "surrogateescape")
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    raise CallbackRefused(
        f"Invalid callback body of type {type(body).__name__}; expected the bytes as they were received"
    )


def _keys(secrets: Any) -> list[bytes]:
    """Decode the secrets; one that is empty would be a key that anyone can sign with."""
    if isinstance(secrets, str):
        secrets = [secrets]
    if not isinstance(secrets, Iterable) or isinstance(secrets, bytes | bytearray | Mapping):
        raise WebhookSecretInvalid(
            f"Invalid webhook secret of type {type(secrets).__name__}; expected text, or a list of texts"
        )
    keys = [_key(secret) for secret in secrets]
    if not keys:
        raise WebhookSecretInvalid("No webhook secret given; expected whsec_ and base64")
    return keys


def _key(secret: Any) -> bytes:
    if not isinstance(secret, str):
        raise WebhookSecretInvalid(
            f"Invalid webhook secret of type {type(secret).__name__}; expected text: whsec_ and base64"
        )
    text = secret.strip().removeprefix(_PREFIX).strip()
    if not text:
        raise WebhookSecretInvalid("Empty webhook secret; expected whsec_ and base64")
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if not key:
        raise WebhookSecretInvalid("Invalid webhook secret; expected whsec_ and base64") from None
    return key


def _task(body: bytes) -> KlingTask:
    try:
        payload = read_response_json(body)
    except ValueError:
        payload = None
    task = parse_task(payload) if isinstance(payload, dict) else None
    if task is None or not task.task_id:
        raise CallbackRefused("the callback holds no task")
    return task

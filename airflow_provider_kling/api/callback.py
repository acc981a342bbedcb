# SPDX-License-Identifier: Apache-2.0
"""What Kling sends to a ``callback_url``: whether it comes from Kling, and what it says.

Kling signs its callbacks once the account has a webhook secret, as https://www.standardwebhooks.com says. A
callback is a hint and no more: whether and when it is sent again is not documented, so go on polling, and
read the job itself before believing what it says.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Iterable, Mapping

from .task import Task, read_task

TOLERANCE_SECONDS = 300
"""How old or early a callback may be."""

_PREFIX = "whsec_"
_VERSION = "v1,"


class CallbackRefused(ValueError):
    """A callback that does not prove to come from Kling, or holds no task."""


def read_callback(
    headers: Mapping[str, str], body: bytes, secrets: str | Iterable[str], *, now: float | None = None
) -> Task:
    """Return the task that a callback tells of, once its signature has been checked.

    Keep the ``webhook-id`` of what was handled: a callback that is sent again has the same.

    :param headers: the request's headers, in any case.
    :param body: the request's body as it came, before anything has parsed it.
    :param secrets: the account's webhook secret, or several: for seven days after a change Kling uses the old
        one too.
    :param now: Unix time in seconds; the machine's by default.
    :raises CallbackRefused: a header is missing, the time is more than five minutes off, no signature fits,
        or there is no task in it. The text holds neither secret nor signature.
    """
    given = {name.lower(): value for name, value in headers.items()}
    missing = [
        name for name in ("webhook-id", "webhook-timestamp", "webhook-signature") if not given.get(name)
    ]
    if missing:
        raise CallbackRefused(f"the header {missing[0]} is missing: this is no signed callback of Kling")
    _check_time(given["webhook-timestamp"], time.time() if now is None else now)
    signed = b".".join([given["webhook-id"].encode(), given["webhook-timestamp"].encode(), body])
    keys = [secrets] if isinstance(secrets, str) else [*secrets]
    if not _fits(signed, given["webhook-signature"], keys):
        raise CallbackRefused("no signature of the callback fits a secret: it does not come from Kling")
    return _task(body)


def _check_time(timestamp: str, now: float) -> None:
    if not timestamp.isdecimal():
        raise CallbackRefused("the header webhook-timestamp is no Unix time in seconds")
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise CallbackRefused(f"the callback's time is more than {TOLERANCE_SECONDS} s off")


def _fits(signed: bytes, signatures: str, secrets: list[str]) -> bool:
    wanted = [base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)) for secret in secrets]
    offered = [
        each.removeprefix(_VERSION).encode() for each in signatures.split() if each.startswith(_VERSION)
    ]
    return any(hmac.compare_digest(one, other) for one in wanted for other in offered)


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise CallbackRefused("a webhook secret is whsec_ and base64; one that was given is not") from None


def _task(body: bytes) -> Task:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        payload = None
    task = read_task(payload) if isinstance(payload, dict) else None
    if task is None or not task.task_id:
        raise CallbackRefused("the callback holds no task")
    return task

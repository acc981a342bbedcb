# SPDX-License-Identifier: Apache-2.0
"""What jobs cost, in units, as the vendor's price page of 2026-09 states it.

A table of the emulator's own: the provider's estimates are not confirmed by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_FREE = Decimal(0)
_PER_SECOND: Mapping[tuple[str, str, str], str] = {
    ("kling-v3", "std", "off"): "0.6",
    ("kling-v3", "pro", "off"): "0.8",
    ("kling-v3", "4k", "off"): "3.0",
    ("kling-v3", "std", "on"): "0.9",
    ("kling-v3", "pro", "on"): "1.2",
    ("kling-v3", "4k", "on"): "3.0",
    ("kling-v2-6", "std", "off"): "0.3",
    ("kling-v2-6", "pro", "off"): "0.5",
    ("kling-v2-6", "pro", "on"): "1.0",
    ("kling-v2-5-turbo", "std", "off"): "0.3",
    ("kling-v2-5-turbo", "pro", "off"): "0.5",
}
_UNKNOWN_MODEL = "kling-v3"


def units(slug: str, body: Mapping[str, Any], seconds: float, count: int) -> Decimal:
    """Return the price of a job that succeeds.

    :param slug: the endpoint's public name.
    :param body: the create call's body.
    :param seconds: length of what it makes.
    :param count: number of pictures it makes.
    """
    if slug.startswith("videos/"):
        return _video(body, seconds)
    return _FREE


def _video(body: Mapping[str, Any], seconds: float) -> Decimal:
    mode, sound = body.get("mode", "std"), body.get("sound", "off")
    rate = _PER_SECOND.get((body.get("model_name", ""), mode, sound))
    rate = rate or _PER_SECOND.get((_UNKNOWN_MODEL, mode, sound), "0.6")
    return Decimal(rate) * round(seconds)

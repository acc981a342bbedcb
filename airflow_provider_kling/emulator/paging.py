# SPDX-License-Identifier: Apache-2.0
"""The parameters of lists."""

from __future__ import annotations

from .refusal import bad_value
from .web import Call

PAGE_NUMBERS = range(1, 1001)
PAGE_SIZES = range(1, 501)
PAGE_SIZE = 30


def page_parameter(call: Call, name: str, allowed: range = PAGE_NUMBERS, default: int = 1) -> int:
    """Return a parameter of a list call.

    :raises Refusal: when it is outside what is allowed.
    """
    text = call.query.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or int(text) not in allowed:
        raise bad_value(f"{name} must be in [{allowed[0]}, {allowed[-1]}], got {text}")
    return int(text)

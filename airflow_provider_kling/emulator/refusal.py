# SPDX-License-Identifier: Apache-2.0
"""What the API answers when it does not do what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(eq=False)
class Refusal(Exception):
    """An error answer: HTTP status, the vendor's code and its text."""

    status: int
    code: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)


def bad_parameters(message: str) -> Refusal:
    """The request as a whole cannot be used: not JSON, a parameter missing, a wrong type."""
    return Refusal(400, 1200, message)


def unknown_method() -> Refusal:
    """A path or method that the API does not have."""
    return Refusal(404, 1202, "The requested method is invalid")


def bad_value(message: str) -> Refusal:
    """One key or value of the request cannot be used."""
    return Refusal(400, 1201, message)

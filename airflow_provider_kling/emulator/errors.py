# SPDX-License-Identifier: Apache-2.0
"""What the API answers when it does not do what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(eq=False)
class ApiErrorResponse(Exception):
    """An error answer: HTTP status, the vendor's code and its text."""

    status: int
    code: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)


def invalid_request(message: str) -> ApiErrorResponse:
    """The request as a whole cannot be used: not JSON, a parameter missing, a wrong type."""
    return ApiErrorResponse(400, 1200, message)


def method_not_found() -> ApiErrorResponse:
    """A path or method that the API does not have."""
    return ApiErrorResponse(404, 1202, "The requested method is invalid")


def invalid_value(message: str) -> ApiErrorResponse:
    """One key or value of the request cannot be used."""
    return ApiErrorResponse(400, 1201, message)

# SPDX-License-Identifier: Apache-2.0
"""Error responses of the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(eq=False)
class ApiErrorResponse(Exception):
    """An error response: HTTP status, the vendor's code and its text.

    :param status: HTTP status.
    :param code: the vendor's code.
    :param message: the vendor's text.
    :param headers: further headers of the response.
    """

    status: int
    code: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)


def invalid_request(message: str) -> ApiErrorResponse:
    """Build the error for a request that is invalid as a whole: no JSON, a missing parameter, a wrong type.

    :param message: text of the answer.
    :return: the error.
    """
    return ApiErrorResponse(400, 1200, message)


def method_not_found() -> ApiErrorResponse:
    """Build the error for a path or method that the API does not have.

    :return: the error.
    """
    return ApiErrorResponse(404, 1202, "The requested method is invalid")


def invalid_value(message: str) -> ApiErrorResponse:
    """Build the error for an invalid key or value in a request.

    :param message: text of the answer.
    :return: the error.
    """
    return ApiErrorResponse(400, 1201, message)

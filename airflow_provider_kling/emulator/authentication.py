# SPDX-License-Identifier: Apache-2.0
"""Who may call: the API key, or a token signed with AccessKey and SecretKey."""

from __future__ import annotations

import jwt

from .errors import ApiErrorResponse
from .options import Options


def check(authorization: str | None, options: Options) -> None:
    """Check the credentials of a call as the vendor does.

    :param authorization: the request's ``Authorization`` header.
    :param options: settings of the emulator.
    :raises ApiErrorResponse: 401 with code 1000 to 1004.
    """
    if not authorization or not authorization.strip():
        raise _refused(1001, "Authorization is empty")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _refused(1002, "Authorization is invalid")
    if token != options.api_key:
        _check_signed(token, options)


def _check_signed(token: str, options: Options) -> None:
    parts = token.count(".") + 1 if "." in token else 0
    if parts != 3:  # noqa: PLR2004 - header, claims, signature
        raise _refused(1002, f"The token was expected to have 3 parts, but got {parts}.")
    try:
        # Deliberately the machine's time: moving the emulator's clock must not lock its clients out.
        claims = jwt.decode(
            token, options.secret_key, algorithms=["HS256"], options={"require": ["iss", "exp", "nbf"]}
        )
    except jwt.ExpiredSignatureError:
        raise _refused(1004, "Authorization has expired") from None
    except jwt.ImmatureSignatureError:
        raise _refused(1003, "Authorization is not yet valid") from None
    except jwt.InvalidSignatureError:
        raise _refused(1000, "Signature is invalid") from None
    except jwt.InvalidTokenError as error:
        raise _refused(1002, f"Authorization is invalid: {error}") from None
    if claims["iss"] != options.access_key:
        raise _refused(1002, "access key not found")


def _refused(code: int, message: str) -> ApiErrorResponse:
    return ApiErrorResponse(401, code, message)

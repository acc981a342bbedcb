# SPDX-License-Identifier: Apache-2.0
"""The ASGI application: check of the credentials, route, handler, answer, count."""

from __future__ import annotations

import traceback

import jwt
from starlette.types import ASGIApp, Receive, Scope, Send

from .errors import ApiErrorResponse
from .handlers import downloads
from .handlers.tasks import Route, Router, unknown_method
from .options import Options
from .state import EmulatorState
from .wire import ConnectionDropped, Request, Response, drop_connection, read_body, send_response

ADMIN = "/_emulator"


class EmulatorApp:
    """The emulator as an ASGI application.

    :param state: what it knows.
    :param find: looks up routes.
    :param admin: the application behind :data:`ADMIN`.
    """

    def __init__(self, state: EmulatorState, find: Router, admin: ASGIApp) -> None:
        self._state = state
        self._find = find
        self._admin = admin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"].startswith(ADMIN):
            await self._admin(scope, receive, send)
        elif scope["path"].startswith(downloads.PREFIX):
            await downloads.serve(self._state, scope, receive, send)
        else:
            await self._api(scope, receive, send)

    async def _api(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = Request(scope, receive, await read_body(receive))
        route = self._find(call.method, call.path)
        template = route.template if route else "unknown"
        try:
            answer = await self._answer(call, route)
        except ConnectionDropped:
            self._state.requests[call.method, template, 0] += 1
            await drop_connection(receive, send)
            return
        self._state.requests[call.method, template, answer.status] += 1
        await send_response(send, answer)

    async def _answer(self, call: Request, route: Route | None) -> Response:
        state = self._state
        request_id = state.request_id()
        try:
            if fault_response := await state.fault_injector.on_request():
                return fault_response
            check_credentials(call.headers.get("authorization"), state.options)
            handler = route.handler if route else unknown_method
            return await handler(state, call, request_id)
        except ApiErrorResponse as refusal:
            return state.envelope.refused(refusal, request_id)
        except ConnectionDropped:
            raise
        except Exception:
            # A bug of the emulator must look like one, not like a fault somebody switched on.
            traceback.print_exc()
            return state.envelope.refused(
                ApiErrorResponse(500, 5000, "the emulator has a bug, see its output"), request_id
            )


def check_credentials(authorization: str | None, options: Options) -> None:
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

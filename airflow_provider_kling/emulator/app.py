# SPDX-License-Identifier: Apache-2.0
"""The ASGI application: it checks credentials, calls the handler of the route and counts the request."""

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

    :param state: state of the emulator.
    :param router: finds routes.
    :param admin: the application behind :data:`ADMIN`.
    """

    def __init__(self, state: EmulatorState, router: Router, admin: ASGIApp) -> None:
        self._state = state
        self._router = router
        self._admin = admin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request."""
        if scope["type"] != "http" or scope["path"].startswith(ADMIN):
            await self._admin(scope, receive, send)
        elif scope["path"].startswith(downloads.PREFIX):
            await downloads.serve(self._state, scope, receive, send)
        else:
            await self._api(scope, receive, send)

    async def _api(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, await read_body(receive))
        route = self._router(request.method, request.path)
        template = route.template if route else "unknown"
        try:
            response = await self._respond(request, route)
        except ConnectionDropped:
            self._state.requests[request.method, template, 0] += 1
            await drop_connection(receive, send)
            return
        self._state.requests[request.method, template, response.status] += 1
        await send_response(send, response)

    async def _respond(self, request: Request, route: Route | None) -> Response:
        state = self._state
        request_id = state.request_id()
        try:
            if fault_response := await state.fault_injector.on_request():
                return fault_response
            check_credentials(request.headers.get("authorization"), state.options)
            handler = route.handler if route else unknown_method
            return await handler(state, request, request_id)
        except ApiErrorResponse as error:
            return state.envelope.refused(error, request_id)
        except ConnectionDropped:
            raise
        except Exception:
            # A bug of the emulator must not look like an injected fault.
            traceback.print_exc()
            return state.envelope.refused(
                ApiErrorResponse(500, 5000, "the emulator has a bug, see its output"), request_id
            )


def check_credentials(authorization: str | None, options: Options) -> None:
    """Check the credentials of a request as the vendor does.

    :param authorization: the request's ``Authorization`` header.
    :param options: settings of the emulator.
    :raises ApiErrorResponse: 401 with code 1000 to 1004.
    """
    if not authorization or not authorization.strip():
        raise _unauthorized(1001, "Authorization is empty")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _unauthorized(1002, "Authorization is invalid")
    if token != options.api_key:
        _check_signed(token, options)


def _check_signed(token: str, options: Options) -> None:
    parts = token.count(".") + 1 if "." in token else 0
    if parts != 3:  # noqa: PLR2004 - header, claims, signature
        raise _unauthorized(1002, f"The token was expected to have 3 parts, but got {parts}.")
    try:
        # The machine's time: a client's token must stay valid when the emulator's clock is advanced.
        claims = jwt.decode(
            token, options.secret_key, algorithms=["HS256"], options={"require": ["iss", "exp", "nbf"]}
        )
    except jwt.ExpiredSignatureError:
        raise _unauthorized(1004, "Authorization has expired") from None
    except jwt.ImmatureSignatureError:
        raise _unauthorized(1003, "Authorization is not yet valid") from None
    except jwt.InvalidSignatureError:
        raise _unauthorized(1000, "Signature is invalid") from None
    except jwt.InvalidTokenError as error:
        raise _unauthorized(1002, f"Authorization is invalid: {error}") from None
    if claims["iss"] != options.access_key:
        raise _unauthorized(1002, "access key not found")


def _unauthorized(code: int, message: str) -> ApiErrorResponse:
    return ApiErrorResponse(401, code, message)

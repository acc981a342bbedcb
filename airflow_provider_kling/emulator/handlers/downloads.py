# SPDX-License-Identifier: Apache-2.0
"""Result files over HTTP, with signed URLs and byte ranges."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from starlette.types import Receive, Scope, Send

from ..media.render import RenderedFile
from ..media.specs import OutputFile
from ..state import EmulatorState
from ..wire import Request, Response, drop_connection, response_start, send_response

PREFIX = "/results/"
TEMPLATE = "/results/{task_id}/{file}"
_CHUNK = 256 * 1024
_RANGE = re.compile(r"bytes=(\d*)-(\d*)$")
_DENIED = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>%s</Message></Error>'
)


async def serve(state: EmulatorState, scope: Scope, receive: Receive, send: Send) -> None:
    """Respond to a request below :data:`PREFIX`.

    :param state: state of the emulator.
    :param scope: ASGI scope of the request.
    :param receive: ASGI function that receives.
    :param send: ASGI function that sends.
    """
    request = Request(scope, receive)
    error_response = _error_response(state, request)
    file = None if error_response else _file(state, request.path)
    if error_response or file is None:
        response = error_response or Response(b"not found", 404, "text/plain")
        state.requests[request.method, TEMPLATE, response.status] += 1
        await send_response(send, response)
        return
    rendered = await state.renderer.file(file.spec)
    limit = (
        state.faults.strikes_limited_times("cut_download", "cut_times", None)
        if request.method == "GET"
        else None
    )
    status = await _send_file(request, send, rendered, file.spec.content_type, limit)
    state.requests[request.method, TEMPLATE, status] += 1
    if limit is not None:
        await drop_connection(receive, send, flush=True)


def _error_response(state: EmulatorState, request: Request) -> Response | None:
    if request.method not in ("GET", "HEAD"):
        return Response(b"method not allowed", 405, "text/plain", {"allow": "GET, HEAD"})
    expires = request.query.get("Expires", "")
    if not expires.isdecimal():
        return _access_denied(b"Access denied")
    if state.faults.strikes_next_n("download_error"):
        return Response(b"service unavailable", 503, "text/plain")
    if state.faults.strikes_next_n("expired_url") or not state.signer.is_valid(
        request.path, expires, request.query.get("Signature", "")
    ):
        return _access_denied(b"Request has expired")
    return None


def _access_denied(why: bytes) -> Response:
    return Response(_DENIED % why, 403, "application/xml")


def _file(state: EmulatorState, path: str) -> OutputFile | None:
    task_id, _, name = path.removeprefix(PREFIX).partition("/")
    return next((file for file in state.files(task_id) if file.name == name), None)


async def _send_file(
    request: Request, send: Send, rendered: RenderedFile, content_type: str, limit: int | None
) -> int:
    size = rendered.size
    headers = {"accept-ranges": "bytes", "etag": rendered.etag}
    byte_range = _range(request.headers.get("range"), size)
    if byte_range is None:
        await send(response_start(416, "text/plain", 0, {**headers, "content-range": f"bytes */{size}"}))
        await send({"type": "http.response.body", "body": b""})
        return 416
    partial = len(byte_range) < size
    if partial:
        headers["content-range"] = f"bytes {byte_range[0]}-{byte_range[-1]}/{size}"
    status = 206 if partial else 200
    await send(response_start(status, content_type, len(byte_range), headers))
    if request.method == "GET":
        for chunk in _chunks(rendered.path, byte_range[:limit]):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    if limit is None:
        await send({"type": "http.response.body", "body": b""})
    return status


def _range(header: str | None, size: int) -> range | None:
    """Return the bytes to send: all without a usable header, ``None`` for a range outside the file."""
    match = _RANGE.match(header or "")
    if not match or match.group(0) == "bytes=-":
        return range(size)
    first, last = match.groups()
    if not first:
        return range(max(0, size - int(last)), size) if int(last) else None
    byte_range = range(int(first), min(size, int(last) + 1 if last else size))
    return byte_range if byte_range else None


def _chunks(path: Path, byte_range: range) -> Iterator[bytes]:
    with path.open("rb") as stream:
        stream.seek(byte_range.start)
        remaining = len(byte_range)
        while remaining > 0:
            chunk = stream.read(min(_CHUNK, remaining))
            remaining -= len(chunk)
            yield chunk

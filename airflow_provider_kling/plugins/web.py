# SPDX-License-Identifier: Apache-2.0
"""The web application behind the preview tab.

Whoever asks is known by Airflow's own session, and sees what they may see of the DAG in Airflow itself:
its XComs and task instances. The auth manager decides, whichever is installed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response, status
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse

from ..result_items import items_of
from ..storage import StorageDown, StorageRefused
from .byte_range import ByteRange, NotSatisfiable, requested_range
from .cards import card_of
from .instances import read_instances
from .landed import LandedFile, open_landed

PAGE_SIZE = 100

_STATIC = Path(__file__).parent / "static"
_ASSETS = {
    "kling.css": "text/css",
    **dict.fromkeys(("kling.js", "show.js", "words.js"), "text/javascript"),
    "icon.svg": "image/svg+xml",
    "icon-dark.svg": "image/svg+xml",
}

_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Files at Kling are shown from where they are, so pictures and sounds of any host are let in; code is not.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' https: http:; media-src 'self' https: http:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_FILE_POLICY = "default-src 'none'; sandbox"

# FastAPI's own name for it changed.
_NOT_SATISFIABLE = 416


class _Ascii(JSONResponse):
    def render(self, content: Any) -> bytes:
        """Write characters as their numbers: an XCom may hold halves of some, which no encoding has."""
        return json.dumps(content, allow_nan=False).encode()


_router = APIRouter()
_may_read = [
    Depends(requires_access_dag("GET", DagAccessEntity.XCOM)),
    Depends(requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE)),
]


def application() -> FastAPI:
    """Make the web application."""
    app = FastAPI(title="Kling preview", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(_router)
    return app


@_router.get("/")
def page() -> FileResponse:
    """Return the page itself, which holds no data."""
    headers = {**_SAFE, "Content-Security-Policy": _PAGE_POLICY, "Cache-Control": "no-cache"}
    return FileResponse(_STATIC / "index.html", media_type="text/html", headers=headers)


@_router.get("/static/{name}")
def asset(name: str) -> FileResponse:
    """Return a file of the page."""
    if name not in _ASSETS:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    headers = {**_SAFE, "Content-Security-Policy": _FILE_POLICY, "Cache-Control": "no-cache"}
    return FileResponse(_STATIC / name, media_type=_ASSETS[name], headers=headers)


@_router.get("/dags/{dag_id}/cards", dependencies=_may_read)
def cards(
    dag_id: str,
    run_id: str,
    task_id: str | None = None,
    map_index: Annotated[int | None, Query(ge=-1)] = None,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """Return what there is to show of a DAG run or a task instance, a page at a time."""
    instances, total = read_instances(dag_id, run_id, task_id, map_index, offset=offset, limit=PAGE_SIZE)
    content = {
        "cards": [card_of(instance) for instance in instances],
        "next": offset + PAGE_SIZE if offset + PAGE_SIZE < total else None,
    }
    return _Ascii(content, headers={**_SAFE, "Cache-Control": "no-store"})


@_router.api_route("/dags/{dag_id}/file", methods=["GET", "HEAD"], dependencies=_may_read)
def file(
    *,
    request: Request,
    dag_id: str,
    run_id: str,
    task_id: str,
    item: str,
    map_index: Annotated[int, Query(ge=-1)] = -1,
) -> Response:
    """Stream a landed file, whole or in part. The request names its place in the task's XCom."""
    instances, _ = read_instances(dag_id, run_id, task_id, map_index, offset=0, limit=1)
    found = instances[0] if instances else None
    named = next((each for each in items_of(found.result if found else {}) if each.key == item), None)
    if found is None or named is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "The task's XCom names no such file.")
    try:
        landed = open_landed(found.result, named, found.output_path)
    except StorageRefused as error:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"The file cannot be shown: {error}.") from None
    except StorageDown as error:
        raise HTTPException(status.HTTP_502_BAD_GATEWAY, f"The storage does not answer: {error}.") from None
    return _answer(request, landed, named.sha256)


def _answer(request: Request, landed: LandedFile, sha256: str | None) -> Response:
    headers = {
        **_SAFE,
        "Content-Security-Policy": _FILE_POLICY,
        "Content-Disposition": "inline",
        # The browser may keep it, but asks each time whether its user may still see it.
        "Cache-Control": "private, no-cache",
        "Accept-Ranges": "bytes",
        # Else Airflow would compress what cannot be compressed, and its length would be lost.
        "Content-Encoding": "identity",
    }
    if sha256:
        headers["ETag"] = f'"{sha256}"'
        if request.headers.get("If-None-Match") == headers["ETag"]:
            landed.file.close()
            return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    try:
        part = requested_range(_range_header(request, headers.get("ETag")), landed.size)
    except NotSatisfiable:
        landed.file.close()
        headers["Content-Range"] = f"bytes */{landed.size}"
        return Response(status_code=_NOT_SATISFIABLE, headers=headers)
    code = status.HTTP_206_PARTIAL_CONTENT if part else status.HTTP_200_OK
    if part:
        headers["Content-Range"] = f"bytes {part.first}-{part.last}/{landed.size}"
    part = part or ByteRange(0, landed.size - 1)
    headers["Content-Length"] = str(part.length)
    if request.method == "HEAD":
        landed.file.close()
        return Response(status_code=code, headers=headers, media_type=landed.mime)
    return StreamingResponse(landed.chunks(part.first, part.length), code, headers, landed.mime)


def _range_header(request: Request, tag: str | None) -> str | None:
    """Return what part is asked for, unless only of a version that this is not."""
    condition = request.headers.get("If-Range")
    return request.headers.get("Range") if condition in (None, tag) else None

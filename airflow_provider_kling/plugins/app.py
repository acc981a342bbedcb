# SPDX-License-Identifier: Apache-2.0
"""The web application behind the preview tab.

Users are known by Airflow's own session, and see what they may see of the DAG in Airflow itself: its XComs
and task instances. The auth manager decides, whichever is installed.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response, status
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from ..batch.contact_sheet import CONTACT_SHEET
from ..utils.storage import StoragePermanentError, StorageTransientError
from .batch_ledger import BatchQuery, LedgerCache, instance_of_row, page_of_rows, read_summary_folder
from .queries import list_task_instances
from .serializers import BatchOverview, TaskInstanceRow, add_verdicts, find_item, to_card
from .stored_files import (
    ByteRange,
    NotSatisfiable,
    StorageBusy,
    StoragePool,
    StoredFile,
    open_proven_image,
    open_stored_file,
    parse_range,
    read_request,
)

PAGE_SIZE = 100

T = TypeVar("T")

_POOL = StoragePool(size=16, wait=5, timeout=10)
_LEDGER_POOL = StoragePool(size=4, wait=5, timeout=20)
_LEDGERS = LedgerCache()

# The databases' own whole numbers end there.
_MAX_INTEGER = 2**31 - 1

_SCRIPTS = ("kling.js", "batch.js", "viewer.js", "render.js", "format.js", "theme.js")
_STATIC = Path(__file__).parent / "static"
_ASSETS = {
    "kling.css": "text/css",
    **dict.fromkeys(_SCRIPTS, "text/javascript"),
    "icon.svg": "image/svg+xml",
    "icon-dark.svg": "image/svg+xml",
}

_SAFETY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Files at Kling are loaded from Kling, so images and audio of any host are allowed; code is not.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' https: http:; media-src 'self' https: http:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_FILE_POLICY = "default-src 'none'; sandbox"

# FastAPI's own name for it changed.
_NOT_SATISFIABLE = 416


class _AsciiJSONResponse(JSONResponse):
    def render(self, content: Any) -> bytes:
        """Write characters as their numbers: an XCom may hold halves of some, which no encoding has."""
        return json.dumps(content, allow_nan=False).encode()


_router = APIRouter()
_ACCESS_CHECKS = [
    Depends(requires_access_dag("GET", DagAccessEntity.XCOM)),
    Depends(requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE)),
]


def application() -> FastAPI:
    """Build the web application of the preview tab.

    :return: the application.
    """
    app = FastAPI(title="Kling preview", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(_router)
    return app


@_router.get("/")
def _page() -> FileResponse:
    """Return the page itself, which holds no data."""
    headers = {**_SAFETY_HEADERS, "Content-Security-Policy": _PAGE_POLICY, "Cache-Control": "no-cache"}
    return FileResponse(_STATIC / "index.html", media_type="text/html", headers=headers)


@_router.get("/static/{name}")
def _asset(name: str) -> FileResponse:
    """Return a file of the page."""
    if name not in _ASSETS:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    headers = {**_SAFETY_HEADERS, "Content-Security-Policy": _FILE_POLICY, "Cache-Control": "no-cache"}
    return FileResponse(_STATIC / name, media_type=_ASSETS[name], headers=headers)


@_router.get("/dags/{dag_id}/cards", dependencies=_ACCESS_CHECKS)
def _cards(
    dag_id: str,
    run_id: str,
    task_id: str | None = None,
    map_index: Annotated[int | None, Query(ge=-1, le=_MAX_INTEGER)] = None,
    offset: Annotated[int, Query(ge=0, le=_MAX_INTEGER)] = 0,
) -> Response:
    """Return the cards of a DAG run or of a task instance, a page at a time.

    :param dag_id: the DAG.
    :param run_id: its run.
    :param task_id: only this task.
    :param map_index: only this one of a mapped task.
    :param offset: cards to leave out at the beginning.
    :return: JSON with ``cards`` and ``next``, the offset of the next page or null.
    """
    instances, total = list_task_instances(dag_id, run_id, task_id, map_index, offset=offset, limit=PAGE_SIZE)
    content = {
        "cards": add_verdicts([to_card(instance) for instance in instances], instances),
        "next": offset + PAGE_SIZE if offset + PAGE_SIZE < total else None,
    }
    return _AsciiJSONResponse(content, headers={**_SAFETY_HEADERS, "Cache-Control": "no-store"})


@_router.get("/dags/{dag_id}/batch", dependencies=_ACCESS_CHECKS)
async def _batch(
    *,
    dag_id: str,
    run_id: str,
    task_id: str,
    map_index: Annotated[int, Query(ge=-1, le=_MAX_INTEGER)] = -1,
    group: Annotated[str, Query(max_length=20)] = "",
    words: Annotated[str, Query(max_length=500)] = "",
    offset: Annotated[int, Query(ge=0, le=_MAX_INTEGER)] = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE_SIZE)] = PAGE_SIZE,
) -> Response:
    """Return a page of the rows of a batch, with the numbers of the whole batch.

    :param dag_id: the DAG.
    :param run_id: its run.
    :param task_id: the task.
    :param map_index: which one of a mapped task; -1 for a task that is not mapped.
    :param group: only rows of this group, such as ``failed``; empty for all.
    :param words: words that must all occur in a row.
    :param offset: rows to leave out at the beginning.
    :param limit: most rows of the page.
    :return: JSON, see :func:`.page_of_rows`.
    :raises HTTPException: 404, 502 or 503: there is no batch, or its ledger cannot be read.
    """
    instance, batch = await _find_batch(dag_id, run_id, task_id, map_index)
    query = BatchQuery(group, words, offset, limit)

    def read() -> dict[str, Any]:
        return page_of_rows(instance, batch, _LEDGERS.read(instance, batch), query)

    content = await _from_storage(_LEDGER_POOL, read, "rows")
    return _AsciiJSONResponse(content, headers={**_SAFETY_HEADERS, "Cache-Control": "no-store"})


@_router.get("/dags/{dag_id}/row", dependencies=_ACCESS_CHECKS)
async def _row(
    *,
    dag_id: str,
    run_id: str,
    task_id: str,
    key: Annotated[str, Query(max_length=200)],
    map_index: Annotated[int, Query(ge=-1, le=_MAX_INTEGER)] = -1,
) -> Response:
    """Return prompt and model of a row from the manifest of its files; the ledger has their beginning only.

    :param dag_id: the DAG.
    :param run_id: its run.
    :param task_id: the task.
    :param map_index: which one of a mapped task; -1 for a task that is not mapped.
    :param key: the row.
    :return: JSON with ``prompt`` and ``model`` as far as they are known.
    :raises HTTPException: 404, 502 or 503: there is no such row, or its manifest cannot be read.
    """
    instance, batch = await _find_batch(dag_id, run_id, task_id, map_index)
    row_instance = await _row_instance(instance, batch, key)
    paths = [item["path"] for item in to_card(row_instance)["items"] if item["path"]]
    request = (
        await _from_storage(_POOL, lambda: read_request(row_instance, paths[0]), "request") if paths else {}
    )
    content = {"prompt": request.get("prompt"), "model": request.get("model_name")}
    texts = {name: value for name, value in content.items() if isinstance(value, str)}
    return _AsciiJSONResponse(texts, headers={**_SAFETY_HEADERS, "Cache-Control": "no-store"})


@_router.api_route("/dags/{dag_id}/sheet", methods=["GET", "HEAD"], dependencies=_ACCESS_CHECKS)
async def _sheet(
    *,
    request: Request,
    dag_id: str,
    run_id: str,
    task_id: str,
    map_index: Annotated[int, Query(ge=-1, le=_MAX_INTEGER)] = -1,
) -> Response:
    """Stream the contact sheet of a batch.

    :param request: the HTTP request, for its range.
    :param dag_id: the DAG.
    :param run_id: its run.
    :param task_id: the task.
    :param map_index: which one of a mapped task; -1 for a task that is not mapped.
    :return: the image.
    :raises HTTPException: 404, 502 or 503: there is no contact sheet, or it cannot be read.
    """
    instance, batch = await _find_batch(dag_id, run_id, task_id, map_index)

    def read() -> StoredFile:
        folder = read_summary_folder(instance, batch)
        if folder is None:
            raise StoragePermanentError("the batch has written no reports yet")
        return open_proven_image(folder.child(CONTACT_SHEET))

    sheet = await _from_storage(_POOL, read, "file", lambda late: late.file.close())
    return _file_response(request, sheet, None)


@_router.api_route("/dags/{dag_id}/file", methods=["GET", "HEAD"], dependencies=_ACCESS_CHECKS)
async def _file(
    *,
    request: Request,
    dag_id: str,
    run_id: str,
    task_id: str,
    item: str,
    map_index: Annotated[int, Query(ge=-1, le=_MAX_INTEGER)] = -1,
    row: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """Stream a stored file, whole or in part.

    :param request: the HTTP request, for its range.
    :param dag_id: the DAG.
    :param run_id: its run.
    :param task_id: the task.
    :param map_index: which one of a mapped task; -1 for a task that is not mapped.
    :param item: which file of the result: a key of the XCom or of the ledger's line, never a path.
    :param row: row of a batch; without it the task's own result.
    :return: the file.
    :raises HTTPException: 404, 502 or 503: the file is not proven to be the task's, or it cannot be read.
    """
    instance = await _find_instance(dag_id, run_id, task_id, map_index)
    if instance and row is not None:
        if instance.batch is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, "The task has no batch.")
        instance = await _row_instance(instance, instance.batch, row)
    result_item = find_item(instance.result, item) if instance else None
    if instance is None or result_item is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "The task's XCom names no such file.")
    stored = await _from_storage(
        _POOL, lambda: open_stored_file(instance, result_item), "file", lambda late: late.file.close()
    )
    return _file_response(request, stored, stored.sha256)


async def _find_instance(dag_id: str, run_id: str, task_id: str, map_index: int) -> TaskInstanceRow | None:
    instances, _ = await run_in_threadpool(
        list_task_instances, dag_id, run_id, task_id, map_index, offset=0, limit=1
    )
    return instances[0] if instances else None


async def _find_batch(
    dag_id: str, run_id: str, task_id: str, map_index: int
) -> tuple[TaskInstanceRow, BatchOverview]:
    instance = await _find_instance(dag_id, run_id, task_id, map_index)
    if instance is None or instance.batch is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "The task has no batch.")
    return instance, instance.batch


async def _row_instance(instance: TaskInstanceRow, batch: BatchOverview, key: str) -> TaskInstanceRow:
    """Return the task instance with the result of one row of its batch."""
    rows = await _from_storage(_LEDGER_POOL, lambda: _LEDGERS.read(instance, batch, known_row=key), "rows")
    entry = rows.get(key)
    if entry is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "The batch has no such row.")
    return instance_of_row(instance, batch, entry)


async def _from_storage(
    pool: StoragePool, read: Callable[[], T], what: str, discard: Callable[[T], None] | None = None
) -> T:
    """Read from a storage; answer with the HTTP status of what is wrong with it."""
    try:
        return await pool.run(read, discard)
    except StoragePermanentError as error:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"The {what} cannot be shown: {error}.") from None
    except StorageTransientError as error:
        raise HTTPException(status.HTTP_502_BAD_GATEWAY, f"The storage does not respond: {error}.") from None
    except StorageBusy as error:
        raise HTTPException(
            status.HTTP_503_SERVICE_UNAVAILABLE,
            f"The {what} cannot be shown now: {error}.",
            headers={"Retry-After": "10"},
        ) from None


def _file_response(request: Request, stored: StoredFile, sha256: str | None) -> Response:
    headers = {
        **_SAFETY_HEADERS,
        "Content-Security-Policy": _FILE_POLICY,
        "Content-Disposition": "inline",
        # The browser may cache it, but asks each time whether its user may still see it.
        "Cache-Control": "private, no-cache",
        "Accept-Ranges": "bytes",
        # Else Airflow would compress what cannot be compressed, and its length would be lost.
        "Content-Encoding": "identity",
    }
    if sha256:
        headers["ETag"] = f'"{sha256}"'
        if request.headers.get("If-None-Match") == headers["ETag"]:
            stored.file.close()
            return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    try:
        part = parse_range(_range_header(request, headers.get("ETag")), stored.size)
    except NotSatisfiable:
        stored.file.close()
        headers["Content-Range"] = f"bytes */{stored.size}"
        return Response(status_code=_NOT_SATISFIABLE, headers=headers)
    code = status.HTTP_206_PARTIAL_CONTENT if part else status.HTTP_200_OK
    if part:
        headers["Content-Range"] = f"bytes {part.first}-{part.last}/{stored.size}"
    part = part or ByteRange(0, stored.size - 1)
    headers["Content-Length"] = str(part.length)
    if request.method == "HEAD":
        stored.file.close()
        return Response(status_code=code, headers=headers, media_type=stored.mime)
    return StreamingResponse(_chunks(stored, part.first, part.length), code, headers, stored.mime)


async def _chunks(stored: StoredFile, position: int, length: int) -> AsyncIterator[bytes]:
    """Read a part and close the file, however the reading ends."""
    try:
        while length > 0:
            chunk = await _POOL.run(partial(stored.read, position, length))
            if not chunk:
                break
            position, length = position + len(chunk), length - len(chunk)
            yield chunk
    finally:
        stored.file.close()


def _range_header(request: Request, tag: str | None) -> str | None:
    """Return what part is asked for, unless only of a version that this is not."""
    condition = request.headers.get("If-Range")
    return request.headers.get("Range") if condition in (None, tag) else None

# SPDX-License-Identifier: Apache-2.0
"""A task as Kling reports it, read from every envelope in use: official, gateway, callback."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from .readable import one_line, readable

RESULT_DAYS = 30
"""Days after which Kling deletes a result."""

_DAY_MS = 86_400_000
_LATEST_SECONDS = 100_000_000_000
_LONGEST_REASON = 500
_LONGEST_ID = 500
_LONGEST_WORD = 50
_OURS = frozenset(("path", "bytes", "sha256"))


class TaskStatus(StrEnum):
    """Where a task stands."""

    SUBMITTED = "submitted"
    PROCESSING = "processing"
    SUCCEED = "succeed"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @property
    def ended(self) -> bool:
        """Whether the task will not change any more."""
        return self in (TaskStatus.SUCCEED, TaskStatus.FAILED)


_STATUS_WORDS = {
    "submitted": TaskStatus.SUBMITTED,
    "not_start": TaskStatus.SUBMITTED,
    "queued": TaskStatus.SUBMITTED,
    "pending": TaskStatus.SUBMITTED,
    "processing": TaskStatus.PROCESSING,
    "in_progress": TaskStatus.PROCESSING,
    "running": TaskStatus.PROCESSING,
    "succeed": TaskStatus.SUCCEED,
    "succeeded": TaskStatus.SUCCEED,
    "success": TaskStatus.SUCCEED,
    "completed": TaskStatus.SUCCEED,
    "failed": TaskStatus.FAILED,
    "failure": TaskStatus.FAILED,
}


@dataclass(frozen=True, slots=True)
class Task:
    """One task.

    :param task_id: the id to query it by.
    :param status: where it stands.
    :param status_word: the status as the API spells it.
    :param external_task_id: the caller's own id.
    :param message: why it failed; empty unless it did.
    :param created_at: Unix time in ms.
    :param updated_at: Unix time in ms.
    :param units: what was charged, in units, as the API writes it; ``None`` when it does not say.
    :param balance: what was charged in cash, as the API reports it; ``None`` when it does not.
    :param result: result arrays by name (``videos``, ``images``, ...), items as the API gives them.
    :param session_id: session that a follow-up call needs (identify-face).
    """

    task_id: str
    status: TaskStatus
    status_word: str
    external_task_id: str | None = None
    message: str = ""
    created_at: int | None = None
    updated_at: int | None = None
    units: str | None = None
    balance: Mapping[str, Any] | None = None
    result: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    session_id: str | None = None

    @property
    def expires_at(self) -> int | None:
        """When Kling deletes the result, Unix time in ms."""
        if self.status is not TaskStatus.SUCCEED or self.updated_at is None:
            return None
        return self.updated_at + RESULT_DAYS * _DAY_MS

    def to_json(self, endpoint: str) -> dict[str, Any]:
        """Return the task as plain JSON, the return value of every task operator.

        :param endpoint: slug of the endpoint that made it.
        """
        extras = {"session_id": self.session_id, "final_balance_deduction": self.balance}
        return {
            "task_id": self.task_id,
            "external_task_id": self.external_task_id,
            "endpoint": endpoint,
            "status": self.status.value,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "expires_at": self.expires_at,
            "units": self.units,
            **{name: value for name, value in extras.items() if value},
            **{name: [dict(item) for item in items] for name, items in self.result.items()},
        }


def read_task(payload: Mapping[str, Any]) -> Task | None:
    """Read the task of an answer or a callback; ``None`` when it holds none.

    The id is the outermost one (a gateway is queried by its own id), all else the innermost, which is
    the vendor's own word.
    """
    layers = list(_layers(payload))
    inwards, outwards = layers, layers[::-1]
    task_id = _first(inwards, "task_id", "id")
    result = _result(outwards)
    if not task_id and not result:
        return None
    status, word = _status(outwards, result)
    info, balance = _first(outwards, "task_info"), _first(outwards, "final_balance_deduction")
    session_id = _first(outwards, "session_id")
    return Task(
        task_id=_ident(task_id),
        status=status,
        status_word=readable(word, _LONGEST_WORD),
        external_task_id=_external_id(outwards, info),
        message=_reason(outwards) if status is TaskStatus.FAILED else "",
        created_at=_milliseconds(_first(outwards, "created_at", "create_time")),
        updated_at=_milliseconds(_first(outwards, "updated_at", "update_time", "completed_at")),
        units=_units(outwards),
        balance=balance if isinstance(balance, Mapping) else None,
        result=result,
        session_id=str(session_id) if session_id else None,
    )


def read_tasks(payload: Mapping[str, Any]) -> list[Task]:
    """Read the tasks of a list answer."""
    return [task for row in task_rows(payload) if (task := read_task(row))]


def task_rows(payload: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the rows of a list answer, unread: a poll needs few of the hundreds on a page."""
    data: Any = payload.get("data")
    while isinstance(data, Mapping):
        data = data.get("data", data.get("result"))
    rows = data if isinstance(data, list) else []
    return [row for row in rows if isinstance(row, Mapping)]


def row_label(row: Mapping[str, Any]) -> tuple[str, str | None, str]:
    """Return what a row of a list says at a glance: task id, external id, status word."""
    info = row.get("task_info")
    if "task_id" in row and "task_status" in row and isinstance(info, Mapping):
        external_id = info.get("external_task_id") or row.get("external_task_id")
        return _ident(row["task_id"]), external_id, readable(str(row["task_status"]), _LONGEST_WORD)
    task = read_task(row)
    return (task.task_id, task.external_task_id, task.status_word) if task else ("", None, "")


def _layers(payload: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    layer: Any = payload
    while isinstance(layer, Mapping):
        yield layer
        layer = layer.get("data")
        if isinstance(layer, list):
            layer = layer[0] if layer else None


def _first(layers: list[Mapping[str, Any]], *names: str) -> Any:
    for layer in layers:
        for name in names:
            if layer.get(name) not in (None, "", {}):
                return layer[name]
    return None


def _ident(value: Any) -> str:
    # Gateways hand out long ids that look like base64: what asks for a job again must not be shortened.
    return one_line(str(value or ""))[:_LONGEST_ID]


def _external_id(layers: list[Mapping[str, Any]], info: Any) -> str | None:
    inside = info.get("external_task_id") if isinstance(info, Mapping) else None
    value = inside or _first(layers, "external_task_id", "external_id")
    return str(value) if value else None


def _reason(layers: list[Mapping[str, Any]]) -> str:
    """Why the task failed. The envelope's own ``message`` says SUCCEED even then."""
    error = _first(layers, "error")
    if isinstance(error, Mapping):
        error = error.get("message") or error.get("code")
    bare = next((layer.get("message") for layer in layers if "status" in layer and "id" in layer), None)
    words = _first(layers, "task_status_msg", "fail_reason") or error or bare or ""
    return readable(str(words), _LONGEST_REASON)


def _status(layers: list[Mapping[str, Any]], result: Mapping[str, Any]) -> tuple[TaskStatus, str]:
    words = [str(word) for layer in layers if (word := _first([layer], "task_status", "status"))]
    read = [_STATUS_WORDS.get(word.lower(), TaskStatus.UNKNOWN) for word in words]
    if not read:
        # A create answer without a status is a promise; a synchronous one has its result.
        return (TaskStatus.SUCCEED if result else TaskStatus.SUBMITTED), ""
    # A gateway that has given a job up does not look at it again, so what it last saw stays as it was.
    told = read.index(TaskStatus.FAILED) if TaskStatus.FAILED in read and not read[0].ended else 0
    return read[told], words[told]


def _result(layers: list[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    arrays = _first(layers, "task_result")
    if isinstance(arrays, Mapping):
        found = {name: _objects(items) for name, items in arrays.items() if isinstance(items, list)}
        return {name: items for name, items in found.items() if items}
    faces = _first(layers, "face_data")
    if isinstance(faces, list):
        # That there are no faces is an answer too.
        return {"faces": _objects(faces)}
    if outputs := _first(layers, "outputs"):
        return _by_type(_objects(outputs))
    metadata = _first(layers, "metadata")
    url = _first(layers, "url") or (metadata.get("url") if isinstance(metadata, Mapping) else None)
    return {"videos": [{"url": url}]} if url else {}


def _by_type(outputs: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    arrays: dict[str, list[dict[str, Any]]] = {}
    for output in outputs:
        arrays.setdefault(f"{output.get('type', 'video')}s", []).append(output)
    return arrays


def _objects(items: Any) -> list[dict[str, Any]]:
    if not isinstance(items, list):
        return []
    return [
        # Where a result was landed is ours to say: a gateway's own word would be taken for it.
        {name: value for name, value in item.items() if not _OURS.intersection(str(name).split("_"))}
        for item in items
        if isinstance(item, Mapping)
    ]


def _milliseconds(value: Any) -> int | None:
    try:
        number = int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number >= _LATEST_SECONDS else number * 1000


def _units(layers: list[Mapping[str, Any]]) -> str | None:
    value = _first(layers, "final_unit_deduction")
    if value is not None:
        return str(value)
    rows = [row for row in _objects(_first(layers, "billing")) if row.get("charge_type") == "unit"]
    try:
        return str(sum(Decimal(str(row["amount"])) for row in rows)) if rows else None
    except (KeyError, InvalidOperation):
        return None

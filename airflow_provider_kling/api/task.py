# SPDX-License-Identifier: Apache-2.0
"""A task as Kling reports it, read from every envelope in use: official, gateway, callback."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ..utils.redaction import collapse_whitespace, sanitize_text, strip_invisible
from .endpoint import MEDIA_RESULTS
from .envelopes import STATUS_NAMES, inner_layer, is_task, iter_layers, parse_embedded_json
from .errors import known_code, read_refusal
from .refusal_words import refuses_content
from .response_values import amount_text, charge, charge_kind, clean, id_text, milliseconds, sum_text
from .result_shapes import UNNAMED, file_urls, name_files, objects, read_result

RESULT_DAYS = 30
"""Days after which Kling deletes a result."""

_DAY_MS = 86_400_000
_MAX_REASON_LENGTH = 500
_MAX_ID_LENGTH = 500
_MAX_STATUS_LENGTH = 50
_CODE_WORD = re.compile(r" \[[^\[\]]*\]$")
_REASONS = ("task_status_msg", "fail_reason")
_ERRORS = ("error", "error_message", "error_msg", "errors", "detail")


class TaskStatus(StrEnum):
    """Where a task stands."""

    SUBMITTED = "submitted"
    PROCESSING = "processing"
    SUCCEED = "succeed"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @property
    def is_terminal(self) -> bool:
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
    "cancelled": TaskStatus.FAILED,
    "canceled": TaskStatus.FAILED,
    "expired": TaskStatus.FAILED,
}


@dataclass(frozen=True, slots=True)
class KlingTask:
    """One task as an answer describes it.

    :param task_id: the id to query it by.
    :param status: where it stands.
    :param raw_status: the status as the API writes it.
    :param external_task_id: the caller's own id.
    :param message: why it failed; empty unless it did.
    :param created_at: Unix time in ms.
    :param updated_at: Unix time in ms.
    :param units: what was charged in units, as the API writes it; ``None`` if it is not stated.
    :param balance_deduction: what was charged in cash, as the API reports it; ``None`` if it is not stated.
    :param result: result arrays by name (``videos``, ``images``, ...), items as the API gives them.
    :param session_id: session that a follow-up call needs (identify-face).
    :param charges: what was charged, each with ``type`` (``units`` or ``cash``), ``amount``, ``currency``,
        ``list_price`` and ``package``; ``amount`` is ``None`` where it cannot be read. Empty where none can.
    """

    task_id: str
    status: TaskStatus
    raw_status: str
    external_task_id: str | None = None
    message: str = ""
    created_at: int | None = None
    updated_at: int | None = None
    units: str | None = None
    balance_deduction: Mapping[str, Any] | None = None
    result: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    session_id: str | None = None
    charges: list[dict[str, str | None]] = field(default_factory=list)

    @property
    def expires_at(self) -> int | None:
        """When Kling deletes the result, Unix time in ms."""
        if self.status is not TaskStatus.SUCCEED or self.updated_at is None:
            return None
        return self.updated_at + RESULT_DAYS * _DAY_MS

    @property
    def seconds_to_end(self) -> float | None:
        """Seconds from the job's creation to its end; ``None`` where a time is missing.

        The clocks of Kling's servers differ by milliseconds, and a job may end as soon as it is made.
        """
        if self.created_at is None or self.updated_at is None:
            return None
        return max(self.updated_at - self.created_at, 0) / 1000

    @property
    def files(self) -> list[str]:
        """The URLs of the files that the result holds, in its order; empty where it holds none."""
        return [url for items in self.result.values() for item in items for url in file_urls(item).values()]

    def to_json(self, endpoint: str) -> dict[str, Any]:
        """Return the task as plain JSON, the return value of every task operator.

        :param endpoint: slug of the endpoint that made it.
        :return: the JSON.
        """
        result = self.result
        if UNNAMED in result:
            from .registry import ENDPOINTS

            known_endpoint = ENDPOINTS.get(endpoint)
            result = (
                name_files(result, known_endpoint.result)
                if known_endpoint and known_endpoint.result in MEDIA_RESULTS
                else result
            )
        extras = {"session_id": self.session_id, "final_balance_deduction": self.balance_deduction}
        return {
            "task_id": self.task_id,
            "external_task_id": self.external_task_id,
            "endpoint": endpoint,
            "status": self.status.value,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "expires_at": self.expires_at,
            "units": self.units,
            "charges": [dict(row) for row in self.charges],
            **{name: value for name, value in extras.items() if value},
            **{name: [dict(item) for item in items] for name, items in result.items()},
        }


def parse_task(payload: Mapping[str, Any]) -> KlingTask | None:
    """Parse the task of an answer or a callback.

    The id is the outermost one (a gateway is queried by its own id), all else the innermost, which is
    the vendor's own word.

    :param payload: JSON object of the answer.
    :return: the task; ``None`` if the answer holds none.
    """
    layers = list(iter_layers(payload))
    outermost_first, innermost_first = layers, layers[::-1]
    task_id = _first_id(outermost_first, "task_id", "id")
    stated, word = _status(innermost_first)
    result = read_result(innermost_first, succeeded=stated is TaskStatus.SUCCEED)
    if not task_id and not result:
        return None
    # A create answer without a status is a promise; a synchronous one has its result.
    status = stated or (TaskStatus.SUCCEED if result else TaskStatus.SUBMITTED)
    balance = parse_embedded_json(_first(innermost_first, "final_balance_deduction"))
    session_id = strip_invisible(_first_id(innermost_first, "session_id"), _MAX_ID_LENGTH)
    return KlingTask(
        task_id=_clean_id(task_id),
        status=status,
        raw_status=sanitize_text(word, _MAX_STATUS_LENGTH),
        external_task_id=_external_id(innermost_first),
        message=_failure_reason(innermost_first, word) if status is TaskStatus.FAILED else "",
        created_at=_time(innermost_first, "created_at", "create_time", "submit_time"),
        updated_at=_time(innermost_first, "updated_at", "update_time", "completed_at", "finish_time"),
        units=_units(innermost_first),
        balance_deduction=clean(balance) if isinstance(balance, Mapping) else None,
        result=result,
        session_id=session_id or None,
        charges=_charges(innermost_first),
    )


def parse_task_list(payload: Mapping[str, Any]) -> list[KlingTask]:
    """Parse the tasks of a list answer.

    :param payload: JSON object of the answer.
    :return: the tasks, in the order of the answer.
    """
    return [task for row in list_rows(payload) if (task := parse_task(row))]


def list_rows(payload: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the rows of a list answer without parsing them: a poll needs few of the hundreds on a page.

    :param payload: JSON object of the answer.
    :return: the rows.
    """
    layer: Any = payload
    while isinstance(layer, Mapping):
        # The list in a task is of its files.
        layer = None if is_task(layer) else inner_layer(layer)
    return [row for row in layer if isinstance(row, Mapping)] if isinstance(layer, list) else []


def row_summary(row: Mapping[str, Any]) -> tuple[str, str | None, str]:
    """Return ids and status of a row without parsing the rest of it.

    :param row: row of a list answer.
    :return: Kling's id, external id, status as the API writes it.
    """
    if "task_id" in row and "task_status" in row and isinstance(row.get("task_info"), Mapping):
        word = sanitize_text(str(row["task_status"]), _MAX_STATUS_LENGTH)
        return _clean_id(id_text(row["task_id"])), _external_id([row]), word
    task = parse_task(row)
    return (task.task_id, task.external_task_id, task.raw_status) if task else ("", None, "")


def _first(layers: list[Mapping[str, Any]], *names: str) -> Any:
    for layer in layers:
        for name in names:
            if layer.get(name) not in (None, "", {}):
                return layer[name]
    return None


def _clean_id(value: Any) -> str:
    # Gateways hand out long ids that look like base64: what asks for a job again must not be shortened.
    return collapse_whitespace(str(value or ""))[:_MAX_ID_LENGTH]


def _first_id(layers: list[Mapping[str, Any]], *names: str) -> str:
    # Neither a list nor an object names anything.
    values = (layer.get(name) for layer in layers for name in names)
    return next((text for value in values if value and (text := id_text(value))), "")


def _external_id(layers: list[Mapping[str, Any]]) -> str | None:
    infos = [
        info for layer in layers if isinstance(info := parse_embedded_json(layer.get("task_info")), Mapping)
    ]
    name = _first_id(infos, "external_task_id", "external_id") or _first_id(
        layers, "external_task_id", "external_id"
    )
    return strip_invisible(name, _MAX_ID_LENGTH) or None


def _failure_reason(layers: list[Mapping[str, Any]], word: str) -> str:
    """Why the task failed. The envelope's own ``message`` says SUCCEED even then."""
    task_layers = [layer for layer in layers if is_task(layer)]
    candidates = ((layers, _REASONS), (layers, _ERRORS), (task_layers, ("message", "msg")))
    values = (layer.get(name) for among, names in candidates for name in names for layer in among)
    words = next((text for value in values if (text := _error_message(value))), "")
    ended = word.strip().lower()
    return sanitize_text(words or (ended if ended not in ("failed", "failure") else ""), _MAX_REASON_LENGTH)


def _error_message(value: Any) -> str:
    """The words of a reason, with the vendor's code where JSON in it names one."""
    if value in (None, "", {}):
        return ""
    stated = read_refusal({"error": value if isinstance(value, str | Mapping | list) else str(value)}, {})
    if stated.message and known_code(stated.code):
        return f"{stated.message} (code {stated.code})"
    # A gateway's own name of the error says little, unless it is that content was refused.
    stripped = _CODE_WORD.sub("", stated.message) if stated.code == -1 else stated.message
    return stated.message if refuses_content(stated.message) else stripped


def _status(layers: list[Mapping[str, Any]]) -> tuple[TaskStatus | None, str]:
    words = [str(word) for layer in layers if (word := _first([layer], *STATUS_NAMES))]
    stripped = [word.strip().lower().removeprefix("task_status_") for word in words]
    statuses = [_STATUS_WORDS.get(word, TaskStatus.UNKNOWN) for word in stripped]
    if not statuses:
        return None, ""
    # A gateway that has given a job up does not look at it again, so what it last saw stays as it was.
    stated = (
        statuses.index(TaskStatus.FAILED)
        if TaskStatus.FAILED in statuses and not statuses[0].is_terminal
        else 0
    )
    return statuses[stated], words[stated]


def _time(layers: list[Mapping[str, Any]], *names: str) -> int | None:
    times = (milliseconds(layer.get(name)) for layer in layers for name in names)
    return next((time for time in times if time is not None), None)


def _units(layers: list[Mapping[str, Any]]) -> str | None:
    value = _first(layers, "final_unit_deduction")
    if value is not None:
        return amount_text(value)
    return sum_text(row.get("amount") for row in _billing_rows(layers, "units"))


def _billing_rows(layers: list[Mapping[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [row for row in objects(_first(layers, "billing")) if charge_kind(row) == kind]


def _charges(layers: list[Mapping[str, Any]]) -> list[dict[str, str | None]]:
    units, balance = (_first(layers, f"final_{name}_deduction") for name in ("unit", "balance"))
    balance = parse_embedded_json(balance)
    # Some gateways state the bare amount.
    cash = balance if isinstance(balance, Mapping) else {"quota": balance}
    stated = [charge("units", {"amount": units}, "amount"), charge("cash", cash, "quota", "amount")]
    kinds = ("units", "cash")
    billed = {kind: [charge(kind, row, "amount") for row in _billing_rows(layers, kind)] for kind in kinds}
    rows = [
        *([stated[0]] if units is not None else billed["units"]),
        *([stated[1]] if stated[1] else billed["cash"]),
    ]
    known = [row for row in rows if row]
    # An amount that cannot be read counts where others can: their sum is not the whole charge.
    return known if any(row["amount"] is not None for row in known) else []

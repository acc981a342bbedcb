# SPDX-License-Identifier: Apache-2.0
"""What an exchange came to: the payload, or the exception for it. Sync and async clients share it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .. import __version__
from ..api.errors import ApiError, ErrorKind
from ..api.exchange import Call, read_answer
from ..api.readable import readable
from ..api.task import Task, read_task
from ..exceptions import JobState, KlingError, KlingServerError, KlingTaskNotFound, error_from_api
from .settings import KlingSettings

MAX_ANSWER_BYTES = 32_000_000
"""Longest answer that is read: some 20 times a full list page."""

_LONGEST_KEYS = 300

HEADERS = {
    "Accept": "application/json",
    "Content-Type": "application/json",
    "User-Agent": f"airflow-provider-kling/{__version__}",
}


_PLAIN = " (the connection's host, or its proxy, says https, but the server there speaks plain http)"


class TokenNotValidNow(Exception):
    """The signed token is refused for its times; carries the error to raise if a new one is refused too."""

    def __init__(self, error: KlingError) -> None:
        super().__init__()
        self.error = error


def payload_of(
    settings: KlingSettings, call: Call, status: int, headers: Mapping[str, str], body: bytes
) -> dict[str, Any]:
    """Return the payload of an answer.

    :param settings: the connection that was used, for error texts.
    :raises TokenNotValidNow: a newly signed token may be accepted.
    :raises KlingError: the answer is a refusal or no answer of the API at all.
    """
    answer = read_answer(status, headers, body)
    if not isinstance(answer, ApiError):
        return answer
    doing = str(call)
    if answer.speaks_of_the_address:
        doing, answer = f"{call.method} {settings.url(call.path)}", replace(answer, hint=_whence(settings))
    error = error_from_api(answer, doing, job=_job_after(call, answer.kind))
    if answer.kind is ErrorKind.CLOCK:
        raise TokenNotValidNow(error)
    raise error


def unanswered(settings: KlingSettings, call: Call, reason: str, *, sent: bool) -> KlingServerError:
    """Make the exception for a call without an answer.

    :param settings: the connection that was used.
    :param reason: what went wrong, in words.
    :param sent: whether the request may have reached the server.
    """
    job = (JobState.MAY_EXIST if sent else JobState.NOT_CREATED) if call.makes_job else None
    hint = _PLAIN if "WRONG_VERSION_NUMBER" in reason else ""
    return KlingServerError(f"No answer from {settings.host_and_port} to {call}: {reason}{hint}.", job=job)


def task_of(call: Call, payload: Mapping[str, Any]) -> Task:
    """Read the task of a payload that must hold one.

    :raises KlingTaskNotFound: a query for tasks found none.
    :raises KlingServerError: it holds none.
    """
    task = read_task(payload)
    if task is None and payload.get("data") == [] and not call.makes_job:
        raise KlingTaskNotFound(f"Kling knows no task that {call} asks for.")
    if task is None:
        job = JobState.MAY_EXIST if call.makes_job else None
        keys = readable(str(sorted(payload)), _LONGEST_KEYS)
        raise KlingServerError(f"The answer to {call} holds no task; its keys are {keys}.", job=job)
    return task


def _whence(settings: KlingSettings) -> str:
    return (
        f"see whether the API is there: connection {settings.conn_id!r} makes the address of its host, its "
        f"extra.dialect ({settings.dialect.name!r}) and its extra.base_path"
    )


def _job_after(call: Call, kind: ErrorKind) -> JobState | None:
    if not call.makes_job:
        return None
    if kind is ErrorKind.DUPLICATE:
        return JobState.EXISTS
    return JobState.MAY_EXIST if kind is ErrorKind.SERVER else JobState.NOT_CREATED

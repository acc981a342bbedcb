# SPDX-License-Identifier: Apache-2.0
"""Submit a job exactly once.

The job is named before it is paid for: its external task id is computed from what makes it this job. So
whoever finds an outcome unknown (a lost answer, a dead worker) can ask Kling for that name instead of
paying again. :func:`submit_once` is the whole decision and does no I/O; it yields what to do next, and
:mod:`.submission_io` does it.

Known limitation: changing a task's ``retries`` between two tries of the same run looks like a clear.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from .api.task import Task, TaskStatus
from .exceptions import (
    JobState,
    KlingAuthError,
    KlingError,
    KlingServerError,
    KlingSubmissionUnknown,
    KlingTaskExists,
    KlingTaskFailed,
    KlingWaitInterrupted,
)

CREATE_ROUNDS = 3
"""How often a create call is made before its failure is left to Airflow's retries."""

FIND_PAUSES = (1.0, 3.0, 6.0)
"""Seconds before each look-up of a job whose create call had no clear answer."""

REFUSAL_PAUSES = (2.0, 4.0)
"""Seconds before a look-up is made again whose credentials were refused: that may be a moment's trouble."""

MAX_ATTEMPTS = 100
"""Failed jobs under one key family before something must be wrong with the look-up itself."""


@dataclass(frozen=True, slots=True)
class JobKey:
    """What makes a job this job and no other.

    :param dag_id: the DAG.
    :param task_id: the task.
    :param run_id: the DAG run.
    :param map_index: index of a mapped task, else -1.
    :param generation: constant over retries and crashes, changed by a clear.
    :param fingerprint: hash of the inputs.
    :param given: external task id that the user chose, or ``None``.
    """

    dag_id: str
    task_id: str
    run_id: str
    map_index: int
    generation: int
    fingerprint: str
    given: str | None = None

    def external_task_id(self, attempt: int) -> str:
        """Return the job's name at Kling.

        :param attempt: how many jobs of this key Kling itself has failed.
        """
        if self.given:
            return f"{self.given}-{attempt + 1}" if attempt else self.given
        parts = (
            self.dag_id,
            self.task_id,
            self.run_id,
            self.map_index,
            self.generation,
            self.fingerprint,
            attempt,
        )
        return "af-" + hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:32]


class Memory(Protocol):
    """Remembers what was asked for, across tries of one task."""

    def recall(self, external_task_id: str) -> Mapping[str, Any] | None:
        """Return what is remembered under this name."""

    def remember(self, external_task_id: str, task_id: str | None) -> None:
        """Note that a job of this name is being asked for, or (with its id) was made."""

    def forget(self, external_task_id: str) -> None:
        """Note that no job of this name was made."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is known before submitting.

    :param key: names the job.
    :param can_look_up: a job can be found by its name, at this host and endpoint.
    :param tried_before: an earlier try of this task may have submitted the same job.
    :param answers_at_once: the endpoint is synchronous: there is no job to come back to.
    :param memory: what Airflow remembers for the task; ``None`` before Airflow 3.3.
    """

    key: JobKey
    can_look_up: bool
    tried_before: bool
    answers_at_once: bool = False
    memory: Memory | None = None


@dataclass(frozen=True, slots=True)
class LookUp:
    """Step: find a job by its external task id (or id); answers with it or ``None``."""

    task_id: str


@dataclass(frozen=True, slots=True)
class Create:
    """Step: make one create call; answers with the task, or throws the error."""

    external_task_id: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Step: wait."""

    seconds: float


Steps = Generator[LookUp | Create | Pause, Task | None, "Submission"]
_Found = Generator[LookUp | Create | Pause, Task | None, Task | None]


@dataclass(frozen=True, slots=True)
class Submission:
    """A job that exists.

    :param task: the task as last seen.
    :param external_task_id: the name it was asked for under.
    :param attached: it was there already; nothing new is charged.
    :param failed_before: jobs of the same key that Kling had failed.
    """

    task: Task
    external_task_id: str
    attached: bool
    failed_before: int = field(default=0)


def submit_once(terms: Terms) -> Steps:
    """Yield the steps that lead to exactly one job; return it.

    :raises KlingSubmissionUnknown: a job may exist and there is no way to ask.
    :raises KlingError: the job was refused, or could not be asked for.
    """
    first = _remembered_attempt(terms)
    ask_first = terms.tried_before or _remembered(terms, first)
    for attempt in range(first, MAX_ATTEMPTS):
        name = terms.key.external_task_id(attempt)
        task = (yield from _recover(terms, name)) if ask_first else None
        attached = task is not None
        if task is None:
            task, attached = yield from _create(terms, name)
            _note_made(terms, attempt, name, task)
        if not (attached and task.status is TaskStatus.FAILED):
            return Submission(task, name, attached, attempt)
        ask_first = True
    raise KlingTaskFailed(f"{MAX_ATTEMPTS} jobs of this task have failed at Kling; no more are made.")


def find_again(terms: Terms) -> Generator[LookUp | Create | Pause, Task | None, Submission | None]:
    """Yield the steps that find the job of an earlier try where it cannot be asked for again; make none.

    :return: the job; ``None`` when there is none that Kling has not failed.
    :raises KlingSubmissionUnknown: a job may exist and there is no way to ask.
    :raises KlingError: it could not be asked for.
    """
    for attempt in range(_remembered_attempt(terms), MAX_ATTEMPTS):
        name = terms.key.external_task_id(attempt)
        task = yield from _recover(terms, name)
        if task is None:
            return None
        if task.status is not TaskStatus.FAILED:
            return Submission(task, name, attached=True, failed_before=attempt)
    return None


def _remembered_attempt(terms: Terms) -> int:
    """Return the last attempt that Airflow remembers: all before it had failed, so none need be asked for."""
    attempt = 0
    while _remembered(terms, attempt + 1):
        attempt += 1
    return attempt


def _remembered(terms: Terms, attempt: int) -> bool:
    if terms.memory is None or (terms.can_look_up and not terms.tried_before):
        # Asking Airflow takes a request too: a first try needs none, for Kling knows all names it has made.
        return False
    return terms.memory.recall(terms.key.external_task_id(attempt)) is not None


def _recover(terms: Terms, name: str) -> _Found:
    """Find the job that an earlier try may have made."""
    if terms.can_look_up:
        return (yield from _look_up(name))
    if terms.memory is None:
        if terms.answers_at_once:
            return None
        raise KlingSubmissionUnknown(
            "An earlier try may have submitted this job, and this host has no look-up by external_task_id. "
            "See the host's console for a job of this task; to submit a new one, clear the task.",
            job=JobState.MAY_EXIST,
        )
    noted = terms.memory.recall(name)
    if noted is None:
        return None
    task_id = noted.get("task_id")
    if task_id is None:
        raise _unknown("an earlier try ended before the answer came.")
    if terms.answers_at_once:
        return None
    if task := (yield from _look_up(str(task_id))):
        return task
    raise KlingSubmissionUnknown(
        f"An earlier try made job {task_id}, but the host does not find it. See the host's console; to "
        "submit a new job, clear the task.",
        task_id=str(task_id),
        job=JobState.MAY_EXIST,
    )


def _create(terms: Terms, name: str) -> Generator[LookUp | Create | Pause, Task | None, tuple[Task, bool]]:
    error: KlingServerError | None = None
    for round_ in range(CREATE_ROUNDS):
        if error:
            yield Pause(FIND_PAUSES[round_ - 1])
        try:
            return (yield from _create_noted(terms, name)), False
        except KlingTaskExists as taken:
            return (yield from _find_taken(terms, name, taken)), True
        except KlingServerError as failed:
            certain = failed.job is JobState.NOT_CREATED
            # A later call that made nothing does not clear up what an earlier one did.
            error = error if certain and error else failed
        except KlingError as refused:
            if error and error.job is JobState.MAY_EXIST:
                refused.restate(JobState.MAY_EXIST, external_task_id=name)
            raise
        if certain:
            continue
        error.external_task_id = name
        if not terms.can_look_up:
            raise _unknown(error.message) from error
        if found := (yield from _find(name)):
            return found, True
        # It is not there, and should it still appear, Kling refuses a second one of the same name.
    raise error or RuntimeError("no create call was made")


def _create_noted(terms: Terms, name: str) -> Generator[LookUp | Create | Pause, Task | None, Task]:
    """Create, and keep the memory true whatever comes of it."""
    if terms.memory and not terms.can_look_up:
        terms.memory.remember(name, None)
    try:
        task = yield Create(name)
    except Exception as error:
        if terms.memory and getattr(error, "job", None) is JobState.NOT_CREATED:
            terms.memory.forget(name)
        raise
    if task is None:
        raise RuntimeError("the driver of submit_once answered a Create without a task")
    return task


def _note_made(terms: Terms, attempt: int, name: str, task: Task) -> None:
    # Where Kling can be asked by name, only that failed jobs came before is worth a note.
    if terms.memory and (attempt or not terms.can_look_up):
        terms.memory.remember(name, task.task_id)


def _find(name: str) -> _Found:
    for pause in FIND_PAUSES[:2]:
        yield Pause(pause)
        if task := (yield from _look_up(name)):
            return task
    return None


def _look_up(name: str) -> _Found:
    for pause in REFUSAL_PAUSES:
        try:
            return (yield from _look_up_now(name))
        except KlingAuthError:
            yield Pause(pause)
    try:
        return (yield from _look_up_now(name))
    except KlingAuthError as error:
        # A retry asks again and pays nothing; were this final, a job that may be there would be lost.
        lost = KlingWaitInterrupted(
            error.message, code=error.code, http_status=error.http_status, request_id=error.request_id
        )
        lost.restate(JobState.MAY_EXIST, external_task_id=name)
        raise lost from error


def _look_up_now(name: str) -> _Found:
    try:
        return (yield LookUp(name))
    except KlingError as error:
        # That nobody may ask, or nobody answers, says nothing of the job that was asked for.
        error.restate(JobState.MAY_EXIST, external_task_id=name)
        raise


def _find_taken(
    terms: Terms, name: str, taken: KlingTaskExists
) -> Generator[LookUp | Create | Pause, Task | None, Task]:
    if terms.can_look_up and ((task := (yield from _look_up(name))) or (task := (yield from _find(name)))):
        return task
    raise KlingSubmissionUnknown(
        f"external_task_id {name} is taken, but this endpoint finds no job of that name: {taken.message}",
        job=JobState.MAY_EXIST,
    )


def _unknown(why: str) -> KlingSubmissionUnknown:
    return KlingSubmissionUnknown(
        f"Whether the job was made is unknown and cannot be asked here: {why} "
        "See the Kling console; to submit a new job, clear the task.",
        job=JobState.MAY_EXIST,
    )

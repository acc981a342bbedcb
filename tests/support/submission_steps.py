# SPDX-License-Identifier: Apache-2.0
"""Walks the decision of :func:`submit_or_attach` along a script of steps and answers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_kling.api.task import KlingTask, TaskStatus
from airflow_provider_kling.exceptions import (
    JobState,
    KlingAuthError,
    KlingError,
    KlingRequestInvalid,
    KlingServerError,
    KlingSlotsTaken,
    KlingTaskExists,
)
from airflow_provider_kling.submission.context import (
    CreateTask,
    FindTask,
    IdempotencyKey,
    Sleep,
    SubmissionContext,
    SubmittedTask,
)
from airflow_provider_kling.submission.submit import submit_or_attach

KEY = IdempotencyKey("dag", "task", "run", -1, 0, "inputs")
NAME, NEXT = KEY.external_task_id(0), KEY.external_task_id(1)
NEW = KlingTask("100", TaskStatus.SUBMITTED, "submitted")
RUNNING = KlingTask("7", TaskStatus.PROCESSING, "processing")
DONE = KlingTask("7", TaskStatus.SUCCEED, "succeed")
FAILED = KlingTask("7", TaskStatus.FAILED, "failed", message="no face")
FAILED_TOO = KlingTask("8", TaskStatus.FAILED, "failed")
LOST = KlingServerError("lost.", job=JobState.MAY_EXIST)
NOT_SENT = KlingServerError("refused.", job=JobState.NOT_CREATED)
DOWN = KlingServerError("503.")
TAKEN = KlingTaskExists("taken.", job=JobState.EXISTS)
FULL = KlingSlotsTaken("full.", job=JobState.NOT_CREATED)
BAD = KlingRequestInvalid("bad.", job=JobState.NOT_CREATED)
REFUSED = KlingAuthError("key.", job=JobState.NOT_CREATED)
REFUSED_QUESTION = KlingRequestInvalid("no such path.")

Answer = KlingTask | KlingError | None
Script = list[tuple[FindTask | CreateTask | Sleep, Answer]]

CREATE, FIND = CreateTask(NAME), FindTask(NAME)
LOOK_TWICE: Script = [(Sleep(1.0), None), (FIND, None), (Sleep(3.0), None), (FIND, None)]


@dataclass
class Memory:
    """Task state as Airflow stores it."""

    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def get(self, external_task_id: str) -> Mapping[str, Any] | None:
        """Return what is remembered under this name."""
        return self.jobs.get(external_task_id)

    def put(self, external_task_id: str, task_id: str | None) -> None:
        """Note a job."""
        self.jobs[external_task_id] = {"task_id": task_id}

    def delete(self, external_task_id: str) -> None:
        """Note that there is none."""
        self.jobs.pop(external_task_id, None)


def context(**fields: Any) -> SubmissionContext:
    """What is known before a first try at Kling itself, but for the given fields."""
    return SubmissionContext(**{"key": KEY, "can_look_up": True, "is_retry": False, **fields})


def walk(
    given: SubmissionContext, script: Script, decide: Callable[[SubmissionContext], Any] = submit_or_attach
) -> Any:
    """Answer each step by the script, which must fit from the first to the last.

    :param decide: what yields the steps.
    :return: the job, or the error.
    """
    steps = decide(given)
    left = list(script)
    try:
        step = next(steps)
        while True:
            assert left, f"an unexpected further step: {step}"
            expected, answer = left.pop(0)
            assert step == expected
            # What is learnt of one error must not be known of another one.
            fails = isinstance(answer, KlingError)
            step = steps.throw(copy.copy(answer)) if fails else steps.send(answer)
    except StopIteration as end:
        assert not left, f"steps that were not taken: {left}"
        return end.value
    except KlingError as error:
        assert not left, f"steps that were not taken: {left}"
        return error


def made(task: KlingTask = NEW, name: str = NAME, attempt: int = 0) -> SubmittedTask:
    """A new job."""
    return SubmittedTask(task, name, reattached=False, failed_attempts=attempt)


def attached(task: KlingTask = RUNNING, name: str = NAME, attempt: int = 0) -> SubmittedTask:
    """A job that was there already."""
    return SubmittedTask(task, name, reattached=True, failed_attempts=attempt)

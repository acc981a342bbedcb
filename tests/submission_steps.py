# SPDX-License-Identifier: Apache-2.0
"""Walks the decision of :func:`submit_once` along a script of steps and answers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_kling.api.task import Task, TaskStatus
from airflow_provider_kling.exceptions import (
    JobState,
    KlingAuthError,
    KlingError,
    KlingRequestInvalid,
    KlingServerError,
    KlingSlotsTaken,
    KlingTaskExists,
)
from airflow_provider_kling.submission import (
    Create,
    JobKey,
    LookUp,
    Pause,
    Submission,
    Terms,
    submit_once,
)

KEY = JobKey("dag", "task", "run", -1, 0, "inputs")
NAME, NEXT = KEY.external_task_id(0), KEY.external_task_id(1)
NEW = Task("100", TaskStatus.SUBMITTED, "submitted")
RUNNING = Task("7", TaskStatus.PROCESSING, "processing")
DONE = Task("7", TaskStatus.SUCCEED, "succeed")
FAILED = Task("7", TaskStatus.FAILED, "failed", message="no face")
FAILED_TOO = Task("8", TaskStatus.FAILED, "failed")
LOST = KlingServerError("lost.", job=JobState.MAY_EXIST)
NOT_SENT = KlingServerError("refused.", job=JobState.NOT_CREATED)
DOWN = KlingServerError("503.")
TAKEN = KlingTaskExists("taken.", job=JobState.EXISTS)
FULL = KlingSlotsTaken("full.", job=JobState.NOT_CREATED)
BAD = KlingRequestInvalid("bad.", job=JobState.NOT_CREATED)
REFUSED = KlingAuthError("key.", job=JobState.NOT_CREATED)
REFUSED_QUESTION = KlingRequestInvalid("no such path.")

Answer = Task | KlingError | None
Script = list[tuple[LookUp | Create | Pause, Answer]]

CREATE, FIND = Create(NAME), LookUp(NAME)
LOOK_TWICE: Script = [(Pause(1.0), None), (FIND, None), (Pause(3.0), None), (FIND, None)]


@dataclass
class Memory:
    """Memory as Airflow keeps it."""

    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def recall(self, external_task_id: str) -> Mapping[str, Any] | None:
        """Return what is remembered under this name."""
        return self.jobs.get(external_task_id)

    def remember(self, external_task_id: str, task_id: str | None) -> None:
        """Note a job."""
        self.jobs[external_task_id] = {"task_id": task_id}

    def forget(self, external_task_id: str) -> None:
        """Note that there is none."""
        self.jobs.pop(external_task_id, None)


def terms(**fields: Any) -> Terms:
    """What is known before a first try at Kling itself, but for the given fields."""
    return Terms(**{"key": KEY, "can_look_up": True, "tried_before": False, **fields})


def walk(given: Terms, script: Script, decide: Callable[[Terms], Any] = submit_once) -> Any:
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


def made(task: Task = NEW, name: str = NAME, attempt: int = 0) -> Submission:
    """A new job."""
    return Submission(task, name, attached=False, failed_before=attempt)


def attached(task: Task = RUNNING, name: str = NAME, attempt: int = 0) -> Submission:
    """A job that was there already."""
    return Submission(task, name, attached=True, failed_before=attempt)

# SPDX-License-Identifier: Apache-2.0
"""Whatever Kling, the network and the workers do: never two jobs for one task, and in the end one."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_kling.api.task import KlingTask, TaskStatus
from airflow_provider_kling.exceptions import (
    JobState,
    KlingError,
    KlingServerError,
    KlingSlotsTaken,
    KlingSubmissionUnknown,
    KlingTaskExists,
)
from airflow_provider_kling.submission.context import (
    CreateTask,
    FindTask,
    Sleep,
    SubmissionContext,
    SubmittedTask,
)
from airflow_provider_kling.submission.submit import submit_or_attach
from tests.support.submission_steps import KEY, Memory

CREATES = ("made", "made", "answer lost", "request lost", "not sent", "full", "made, failed")
LOOK_UPS = ("told", "told", "no answer")
DIES = ("lives", "lives", "lives", "before", "after")


@dataclass
class Job:
    """A job at the simulated Kling."""

    name: str
    number: int
    failed: bool = False
    # Look-ups that will still not see it: Kling may be slow to show what it made.
    hidden: int = 0

    @property
    def task(self) -> KlingTask:
        """The job as a query shows it."""
        status = TaskStatus.FAILED if self.failed else TaskStatus.PROCESSING
        return KlingTask(str(self.number), status, status.value)


@dataclass
class Kling:
    """A Kling of a few lines.

    :param names_are_unique: it refuses a second job of the same name, as the vendor does.
    """

    names_are_unique: bool
    jobs: list[Job] = field(default_factory=list)

    def create(self, name: str, what: str, hidden: int) -> KlingTask:
        """Create a job, or fail, as configured."""
        if what == "not sent":
            raise KlingServerError("connection refused.", job=JobState.NOT_CREATED)
        if what == "request lost":
            raise KlingServerError("reset.", job=JobState.MAY_EXIST)
        if self.names_are_unique and any(job.name == name for job in self.jobs):
            raise KlingTaskExists("exists.", job=JobState.EXISTS)
        if what == "full":
            raise KlingSlotsTaken("full.", job=JobState.NOT_CREATED)
        self.jobs.append(Job(name, len(self.jobs), what == "made, failed", hidden))
        if what == "answer lost":
            raise KlingServerError("reset.", job=JobState.MAY_EXIST)
        return self.jobs[-1].task

    def find(self, ident: str, what: str) -> KlingTask | None:
        """Look a job up by its name or number."""
        if what == "no answer":
            raise KlingServerError("503.")
        for job in self.jobs:
            if ident in (job.name, str(job.number)):
                if job.hidden:
                    job.hidden -= 1
                    return None
                return job.task
        return None

    @property
    def good(self) -> int:
        """Jobs that are or will be paid."""
        return sum(not job.failed for job in self.jobs)


class WorkerDied(Exception):
    """The process is gone; nothing after this point was done."""


def one_try(kling: Kling, context: SubmissionContext, data: st.DataObject, *, calm: bool) -> SubmittedTask:
    """Run one try of the task; whatever happens on the way is drawn from ``data``."""

    def draw(choices: tuple[str, ...]) -> str:
        return choices[0] if calm else data.draw(st.sampled_from(choices))

    steps = submit_or_attach(context)
    response: KlingTask | None = None
    error: KlingError | None = None
    try:
        while True:
            step = steps.throw(error) if error else steps.send(response)
            response, error = None, None
            dies = draw(DIES)
            if dies == "before":
                raise WorkerDied
            try:
                if isinstance(step, CreateTask):
                    # Slow to show its jobs, and willing to make two of one name: no one could help then.
                    slow = kling.names_are_unique and not calm
                    hidden = data.draw(st.sampled_from((0, 0, 1, 2, 5))) if slow else 0
                    response = kling.create(step.external_task_id, draw(CREATES), hidden)
                elif isinstance(step, FindTask):
                    response = kling.find(step.task_id, draw(LOOK_UPS))
                else:
                    assert isinstance(step, Sleep)
            except KlingError as failed:
                error = failed
            if dies == "after":
                raise WorkerDied
    except StopIteration as end:
        found: SubmittedTask = end.value
        return found


def life(data: st.DataObject, kling: Kling, can_look_up: bool, state: Memory | None) -> SubmittedTask | None:
    """Let a task be tried, by workers that die, until it has its job; ``None`` when it needs a human."""
    # The name may be slow to appear: enough calm tries at the end for it to be seen.
    for number in range(14):
        context = SubmissionContext(KEY, can_look_up, is_retry=number > 0, state=state)
        try:
            submission = one_try(kling, context, data, calm=number >= 6)
        except WorkerDied:
            pass
        except KlingSubmissionUnknown:
            return None
        except KlingError as error:
            if error.job is JobState.NOT_CREATED and not can_look_up:
                assert kling.good == 0, "a job exists, and the text says that none does"
        else:
            assert kling.good <= 1
            if submission.task.status is not TaskStatus.FAILED:
                if number < 6 and data.draw(st.booleans(), label="the job fails while it is waited for"):
                    kling.jobs[-1].failed = True
                else:
                    return submission
        assert kling.good <= 1, "paid twice"
    raise AssertionError("the task never got its job")


@settings(max_examples=300, deadline=None)
@given(st.data(), st.booleans(), st.booleans())
def test_at_kling_each_task_gets_exactly_one_job(
    data: st.DataObject, has_state_store: bool, names_are_unique: bool
) -> None:
    """With the guard that the vendor has, and without it, for it is not documented everywhere."""
    kling = Kling(names_are_unique)
    submission = life(data, kling, can_look_up=True, state=Memory() if has_state_store else None)
    if submission is None:
        # Kling refuses the name but shows no job of it: nothing may be paid then, and a human is asked.
        assert kling.good <= 1
    else:
        assert kling.good == 1
        assert kling.jobs[int(submission.task.task_id)].name == submission.external_task_id


@settings(max_examples=300, deadline=None)
@given(st.data(), st.booleans())
def test_at_a_gateway_no_task_ever_gets_two(data: st.DataObject, has_state_store: bool) -> None:
    """It neither knows names nor refuses a second job of one; then only memory and refusal help."""
    kling = Kling(names_are_unique=False)
    submission = life(data, kling, can_look_up=False, state=Memory() if has_state_store else None)
    assert kling.good <= 1
    if submission is not None:
        assert kling.good == 1

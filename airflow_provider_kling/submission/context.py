# SPDX-License-Identifier: Apache-2.0
"""The idempotency key and context of a submission, its steps, and its result."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from ..api.refusal_words import refuses_content
from ..api.task import KlingTask, TaskStatus


@dataclass(frozen=True, slots=True)
class SharedScope:
    """The scope within which jobs count as the same: endpoint and account, whatever the task.

    :param endpoint: slug of the endpoint.
    :param account: hash that stands for the host and the account.
    """

    endpoint: str
    account: str


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """The idempotency key of a job.

    :param dag_id: the DAG.
    :param task_id: the task.
    :param run_id: the DAG run.
    :param map_index: index of a mapped task, else -1.
    :param clear_count: how often the task was cleared; constant over retries and crashes.
    :param fingerprint: hash of the inputs.
    :param user_external_task_id: external task id that the user chose, or ``None``.
    :param take: distinguishes several jobs of the same request; empty for the first one.
    :param scope: with ``idempotency_scope="inputs"``, the scope; the external id then does not depend on the
        task instance.
    :param offset: jobs of this request that are known to have failed.
    :param regenerated: the take is not the one that was asked for, because files fail the media check.
    """

    dag_id: str
    task_id: str
    run_id: str
    map_index: int
    clear_count: int
    fingerprint: str
    user_external_task_id: str | None = None
    take: str = ""
    scope: SharedScope | None = None
    offset: int = 0
    regenerated: bool = False

    def external_task_id(self, attempt: int) -> str:
        """Return the external task id of the job.

        :param attempt: how many jobs of this key have failed at Kling.
        :return: the user's own id, or a hash of the key; a different one for each attempt.
        """
        if self.user_external_task_id:
            if not attempt and not self.regenerated:
                return self.user_external_task_id
            # A plain number could be the id of another job of the user: shot, shot-2, shot-3.
            name = (self.user_external_task_id, str(attempt), *([self.take] if self.regenerated else []))
            mark = hashlib.sha256("\0".join(name).encode()).hexdigest()[:12]
            return f"{self.user_external_task_id}-{attempt + 1 + self.regenerated}-{mark}"
        parts = self._parts(attempt + self.offset)
        return "af-" + hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:32]

    def _parts(self, attempt: int) -> tuple[str | int, ...]:
        if self.scope:
            shared = (self.fingerprint, self.scope.endpoint, self.scope.account, self.take)
            return (*shared, attempt) if attempt else shared
        return (
            self.dag_id,
            self.task_id,
            self.run_id,
            self.map_index,
            self.clear_count,
            self.fingerprint,
            attempt,
            # The ids of jobs without a take do not depend on it.
            *([self.take] if self.take else []),
        )


class SubmissionState(Protocol):
    """Stores the jobs of one task across its tries."""

    def get(self, external_task_id: str) -> Mapping[str, Any] | None:
        """Return what is stored of a job.

        :param external_task_id: its external task id.
        :return: a dict with ``task_id``, which is ``None`` before the answer came; ``None`` if nothing is
            stored.
        """

    def put(self, external_task_id: str, task_id: str | None) -> None:
        """Store that a job is about to be created, or that it was.

        :param external_task_id: its external task id.
        :param task_id: Kling's id; ``None`` before the create call.
        """

    def delete(self, external_task_id: str) -> None:
        """Delete what is stored of a job that was not created.

        :param external_task_id: its external task id.
        """


@dataclass(frozen=True, slots=True)
class SubmissionContext:
    """The facts before submitting.

    :param key: key of the job.
    :param can_look_up: a job can be found by its external task id, at this host and endpoint.
    :param is_retry: an earlier try of this task may have submitted the same job.
    :param synchronous: the endpoint is synchronous: there is no job to attach to.
    :param state: the task's jobs as Airflow stores them; ``None`` before Airflow 3.3.
    :param refuses_duplicates: the host rejects a second job with the same external id, even if it does not
        find the first.
    :param earlier_tries: tries since the last clear, each of which may have left one job of unknown outcome.
    :param resubmit_expired: a job whose result Kling has deleted is submitted again.
    :param look_up_first: look the job up before the first create call, also in a first try.
    :param return_refused: a job that Kling failed for its content is the result, and is not submitted again.
    :param started_at: Unix time in seconds of these facts.
    """

    key: IdempotencyKey
    can_look_up: bool
    is_retry: bool
    synchronous: bool = False
    state: SubmissionState | None = None
    refuses_duplicates: bool = True
    earlier_tries: int = 1
    resubmit_expired: bool = False
    look_up_first: bool = False
    return_refused: bool = False
    started_at: float = field(default_factory=time.time, compare=False)

    def after_unknown_outcome(self) -> SubmissionContext:
        """Return what is known after a create call of this try with an unknown outcome.

        :return: the facts.
        """
        return replace(self, is_retry=True, earlier_tries=self.earlier_tries + 1)

    @property
    def id_prevents_duplicates(self) -> bool:
        """Whether the external id alone prevents a second charge."""
        return self.can_look_up and self.refuses_duplicates

    @property
    def shared(self) -> bool:
        """Whether other tasks may have submitted the job."""
        return self.key.scope is not None

    def must_be_resubmitted(self, task: KlingTask) -> bool:
        """Whether a job must be submitted again.

        :param task: the job.
        :return: whether it failed, or its result has expired where an expired one is to be renewed.
        """
        if task.status is TaskStatus.FAILED:
            return not (self.return_refused and refuses_content(task.message))
        return self.has_expired(task)

    def has_expired(self, task: KlingTask) -> bool:
        """Whether Kling has deleted the result of a job that is then made again.

        :param task: the job.
        :return: whether it has.
        """
        return self.resubmit_expired and task.expires_at is not None and task.expires_at <= time.time() * 1000


@dataclass(frozen=True, slots=True)
class FindTask:
    """Step: find a job; the response is the task or ``None``.

    :param task_id: its external task id, or Kling's id.
    :param by_external_id: it is an external task id.
    """

    task_id: str
    by_external_id: bool = field(default=True, compare=False)


@dataclass(frozen=True, slots=True)
class CreateTask:
    """Step: send one create call; the response is the task or the error.

    :param external_task_id: external task id of the job.
    """

    external_task_id: str


@dataclass(frozen=True, slots=True)
class Sleep:
    """Step: wait.

    :param seconds: how long.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class SubmittedTask:
    """A job that exists.

    :param task: the task as last seen.
    :param external_task_id: the external task id it was requested with.
    :param reattached: it existed already; nothing new is charged.
    :param failed_attempts: jobs of the same key that have failed at Kling.
    :param id_was_in_use: its external id was in use before this task submitted a job, as far as is known.
    :param reused: it is of another task, or of an earlier run of this one; see ``idempotency_scope``.
    :param uncertain_origin: it counts as this task's own, but another task may have submitted it.
    """

    task: KlingTask
    external_task_id: str
    reattached: bool
    failed_attempts: int = field(default=0)
    id_was_in_use: bool = field(default=False, compare=False)
    reused: bool = field(default=False, compare=False)
    uncertain_origin: bool = field(default=False, compare=False)

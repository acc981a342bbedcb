# SPDX-License-Identifier: Apache-2.0
"""What comes after an error, in words: what a retry and a clear of the task will do, and what they cost.

Only the task can tell: whether Airflow tries again, whether Kling can be asked for the job, whether the job's
name is the user's own. A sentence that promises too much is paid for with a second job.
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow.providers.common.compat.sdk import AirflowFailException

from ..exceptions import (
    JobState,
    KlingContentRefused,
    KlingError,
    KlingResultExpired,
    KlingSubmissionUnknown,
    KlingTaskFailed,
)

_STOPS = "stops rather than pay twice"
_AT_ONCE = (
    "Kling keeps nothing of it to be read later: to run this task again asks again and is charged again."
)

# Their own texts say all there is to say: of these a retry makes a new job, or a person has to look.
_SAID = (KlingSubmissionUnknown, KlingTaskFailed, KlingContentRefused)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of the tries to come.

    :param endpoint: slug of the endpoint that makes the job.
    :param retry_comes: Airflow will try again, unless the error itself forbids it.
    :param can_look_up: a job can be found by its name, at this host and endpoint.
    :param answers_at_once: the endpoint is synchronous: there is no job to come back to.
    :param remembers: Airflow remembers which job was made (3.3 and newer).
    :param own_name: the user has named the job, and a clear does not change its name.
    :param lists: the host lists the account's jobs.
    """

    endpoint: str
    retry_comes: bool
    can_look_up: bool
    answers_at_once: bool = False
    remembers: bool = False
    own_name: bool = False
    lists: bool = True

    def when_killed(self) -> str:
        """Say what comes after somebody or something ends the task, whose job may not have been made."""
        if self.answers_at_once:
            return _AT_ONCE
        if not self.retry_comes:
            return f"No retry is left, and {self._clear()}. KlingFetchResultOperator keeps its result."
        return f"A retry of this task {self._retry('attaches to it', known=False)}; {self._clear()}."

    def after(self, error: KlingError) -> str | None:
        """Say what comes after an error; ``None`` where its own text says all there is to say."""
        if isinstance(error, KlingResultExpired):
            way = "give this task another external_task_id" if self.own_name else "clear this task"
            return f"To have it made again, and charged again, {way}."
        if error.job in (None, JobState.NOT_CREATED) or isinstance(error, _SAID):
            return None
        if self.answers_at_once:
            return _AT_ONCE
        if not self.retry_comes or isinstance(error, AirflowFailException):
            return f"Airflow does not try this again, and {self._clear()}. {self._way_out(error)}."
        retry = self._retry(_again(error), known=error.task_id is not None)
        helped = retry != _STOPS and error.job is not JobState.MAY_EXIST
        way_out = "" if helped else f" {self._way_out(error)}."
        return f"A retry of this task {retry}; {self._clear()}.{way_out}"

    def _retry(self, again: str, *, known: bool) -> str:
        if self.can_look_up or (self.remembers and known):
            return again
        return f"{again} if its answer has come, and else {_STOPS}" if self.remembers else _STOPS

    def _clear(self) -> str:
        if not self.own_name:
            return "a clear makes a new one, which is charged"
        # Kling refuses a second job of the same name.
        attaches = "a clear attaches to it, for its name is your own"
        return attaches if self.can_look_up else "a clear makes none while its name is taken"

    def _way_out(self, error: KlingError) -> str:
        known = error.task_id or (error.external_task_id if self.can_look_up else None)
        if known:
            made = ", if it was made" if error.job is JobState.MAY_EXIST else ""
            where = f"endpoint {self.endpoint}, kling_task_id {known}"
            return f"KlingFetchResultOperator keeps its result{made} ({where})"
        if self.lists:
            return "KlingResultSweepOperator keeps the results of all jobs of the account"
        return "The host's console may show it"


def _again(error: KlingError) -> str:
    if error.job is JobState.MAY_EXIST:
        return "looks for it, and attaches to it if it was made"
    return "fetches it again without a new job" if error.job is JobState.ENDED else "attaches to it"

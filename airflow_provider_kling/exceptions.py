# SPDX-License-Identifier: Apache-2.0
"""All exceptions of the package.

Errors that a retry cannot fix also derive from ``AirflowFailException``, so that Airflow does not retry.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING

from .api.errors import ApiError, ErrorKind
from .api.refusal_words import refuses_content
from .utils.redaction import collapse_whitespace, truncate
from .version_compat import AirflowException, AirflowFailException

if TYPE_CHECKING:
    from .api.polling import TaskEvent
    from .api.task import KlingTask


class JobState(StrEnum):
    """Whether a paid job exists after an error."""

    NOT_CREATED = "not_created"
    MAY_EXIST = "may_exist"
    EXISTS = "exists"
    ENDED = "ended"


_JOB_STATE_TEXT = {
    JobState.NOT_CREATED: "No job was made and nothing is charged.",
    JobState.MAY_EXIST: "A job may have been made and may be charged.",
    JobState.EXISTS: "The job continues at Kling and may be charged.",
    JobState.ENDED: "The job has ended at Kling.",
}

_LONGEST_MESSAGE = 4_000
_LONGEST_CAUSE = 45
"""Of what Kling says of a failed job: cause and remedy go into the line that Airflow's UI shows."""

CONTENT_ADVICE = "Content refused: change the prompt or the image."
TAKEN_ADVICE = "external_task_id is taken: retry to attach, or choose another one."

_NO_RETRY = (
    "Airflow does not try this again: once it is fixed, store the result with KlingFetchResultOperator "
    "rather than clear the task, which may make a new job."
)


class KlingError(AirflowException):
    """Base of all errors of this provider.

    Its text has three parts: what happened, whether a job exists, and what a retry and a clear do. The code
    that raises an error seldom knows the last one; the caller that knows it adds it: :meth:`set_next_steps`.

    :param message: what happened, in words.
    :param code: Kling's error code.
    :param http_status: HTTP status of the answer.
    :param request_id: Kling's id of the request.
    :param task_id: Kling's id of the job.
    :param job: whether a job exists; adds a sentence to the text that says so.
    :param retry_after: seconds that Kling asked to wait.
    :param next_steps: what comes next, in words.
    """

    external_task_id: str | None = None
    """External id of the job, if only that is known."""
    failed_task: KlingTask | None = None
    """The job as it was read when it had failed, with what it was charged."""

    def __init__(
        self,
        message: str = "",
        *,
        code: int | None = None,
        http_status: int | None = None,
        request_id: str | None = None,
        task_id: str | None = None,
        job: JobState | None = None,
        retry_after: float | None = None,
        next_steps: str = "",
    ) -> None:
        super().__init__(message)
        # The text may quote a server, which must not forge log lines.
        self.message = truncate(collapse_whitespace(message), _LONGEST_MESSAGE)
        self.code = code
        self.http_status = http_status
        self.request_id = request_id
        self.task_id = task_id
        self.job = job
        self.retry_after = retry_after
        final = job is JobState.EXISTS and isinstance(self, AirflowFailException)
        self._next_steps = next_steps or (_NO_RETRY if final else "")
        self._compose()

    def set_next_steps(self, next_steps: str) -> None:
        """Replace the part of the text about retries and clears.

        :param next_steps: one sentence or more.
        """
        self._next_steps = next_steps
        self._compose()

    def set_job_state(self, job: JobState, *, external_task_id: str | None = None) -> None:
        """Replace the part of the text about the job.

        :param job: whether it exists.
        :param external_task_id: its external id.
        """
        self.job = job
        self.external_task_id = external_task_id or self.external_task_id
        self._compose()

    def _compose(self) -> None:
        known = _JOB_STATE_TEXT[self.job] if self.job else ""
        # Some code reads the arguments of an exception instead of its text.
        self.args = (" ".join(part for part in (self.message, known, self._next_steps) if part),)


class KlingRequestInvalid(KlingError, AirflowFailException):
    """The request breaks a rule: found here before sending, or refused by Kling."""


class KlingAuthError(KlingError, AirflowFailException):
    """Kling rejects the connection's credentials."""


class KlingAccountError(KlingError, AirflowFailException):
    """The account may not do this: no credit (1101, 1102), not permitted (1103, 1304), abnormal (1100)."""


class KlingContentRefused(KlingError, AirflowFailException):
    """Kling's policy or safety checks refuse the content: at submission (1300, 1301) or in the job."""


class KlingRateLimited(KlingError):
    """Too many requests in a short time (1302)."""


class KlingSlotsTaken(KlingError):
    """All slots of the account are in use (1303)."""


class KlingServerError(KlingError):
    """Kling, the network or a proxy failed; a retry can help."""


class KlingTaskNotFound(KlingError):
    """The account has no task with this id under this endpoint."""


class KlingTaskExists(KlingError):
    """Another job has this external task id."""


class KlingSubmissionUnknown(KlingError, AirflowFailException):
    """A job may exist and there is no look-up for it; a retry could pay twice."""


class KlingTaskFailed(KlingError):
    """Kling ended the job as failed. A retry submits a new job."""


class KlingAwaitedTaskFailed(KlingTaskFailed, AirflowFailException):
    """A job that was submitted elsewhere has failed. A retry would read the same job again."""


class KlingWaitInterrupted(KlingError):
    """A job that exists, or may exist, cannot be read any more, for a reason that is not the job's.

    Rejected credentials, for instance. A retry reads it again and pays nothing.
    """


class KlingTaskTimeout(KlingError):
    """A job did not end within ``timeout`` or ``execution_timeout``; it continues at Kling."""

    last_seen: str = ""
    """What the last poll showed, in words."""


class KlingResultNotKept(KlingError):
    """The job has succeeded, but its files could not be stored. A retry downloads them without a new job."""


class KlingResultMissing(KlingError):
    """The job has ended as succeed but has no file. A retry reads it again and submits no new job."""


class KlingMediaCheckFailed(KlingError, AirflowFailException):
    """A stored file breaks a rule of a media check. The job exists, is charged, and its files are stored."""


class KlingBudgetSpent(KlingError, AirflowFailException):
    """A batch or a ``KlingBudget`` has reached its limit; nothing more was submitted."""


class KlingResultExpired(KlingError, AirflowFailException):
    """Kling has deleted the result (30 days after the job ended)."""


_FIX_THEN_RETRY = "Once that is fixed a retry attaches to it; KlingFetchResultOperator stores its result."

_BY_KIND: dict[ErrorKind, type[KlingError]] = {
    ErrorKind.AUTH: KlingAuthError,
    ErrorKind.AUTH_EXPIRED: KlingAuthError,
    ErrorKind.ACCOUNT: KlingAccountError,
    ErrorKind.CONTENT: KlingContentRefused,
    ErrorKind.REQUEST: KlingRequestInvalid,
    ErrorKind.NOT_FOUND: KlingTaskNotFound,
    ErrorKind.DUPLICATE: KlingTaskExists,
    ErrorKind.RATE_LIMIT: KlingRateLimited,
    ErrorKind.CONCURRENCY_LIMIT: KlingSlotsTaken,
    ErrorKind.SERVER: KlingServerError,
}


def error_from_api(
    error: ApiError,
    doing: str,
    *,
    task_id: str | None = None,
    job: JobState | None = None,
    advice: str = "",
) -> KlingError:
    """Return the exception for an API call that was refused or failed.

    :param error: the refusal.
    :param doing: what was requested, in words that can follow "Kling refused".
    :param task_id: the job concerned.
    :param job: whether the job exists.
    :param advice: cause and remedy in one short sentence, which begins the text.
    :return: the exception, to be raised by the caller.
    """
    failed = "failed on" if error.kind is ErrorKind.SERVER else "refused"
    return _BY_KIND[error.kind](
        f"{advice}{' ' if advice else ''}Kling {failed} {doing}: {error}.",
        code=error.code,
        http_status=error.http_status,
        request_id=error.request_id,
        task_id=task_id,
        job=job,
        retry_after=error.retry_after,
    )


@contextmanager
def auth_errors_as_retryable() -> Iterator[None]:
    """Let Airflow retry if a read was refused to a task that attaches to its job.

    Not for code that submits each time it runs: its retry would submit another job.

    :raises KlingWaitInterrupted: the read was refused, by Kling or by a proxy.
    """
    try:
        yield
    except KlingError as error:
        if not (isinstance(error, KlingAuthError) or refuses_read(error)):
            raise
        raise KlingWaitInterrupted(
            error.message,
            code=error.code,
            http_status=error.http_status,
            request_id=error.request_id,
            task_id=error.task_id,
            job=error.job or JobState.EXISTS,
            next_steps=_FIX_THEN_RETRY,
        ) from error


def refuses_read(error: KlingError) -> bool:
    """Return whether an error is the response to a read, although its class forbids a retry.

    A refused read does not mean that the job does not exist: the cause may be temporary, such as a proxy, a
    firewall or the account. Errors from before the request was sent are not responses.

    :param error: an error that a read has raised.
    :return: whether a later read may succeed although the error forbids a retry.
    """
    return isinstance(error, AirflowFailException) and error.http_status is not None


def error_from_event(event: TaskEvent, *, awaited: bool = False) -> KlingError:
    """Return the exception for a wait that ended without success.

    :param event: how the wait ended.
    :param awaited: the job was submitted elsewhere, so that a retry of this task makes no new one.
    :return: the exception, to be raised by the caller.
    """
    task_id, message = event["task_id"], event["message"] or "no reason given"
    if event["status"] == "timeout":
        late = KlingTaskTimeout(
            f"Still running at Kling; do not clear: if no retry follows, fetch {task_id}. "
            f"Job {task_id} has not ended in time ({message}).",
            task_id=task_id,
            job=JobState.EXISTS,
        )
        late.last_seen = message
        return late
    if event["status"] == "error":
        return KlingWaitInterrupted(
            f"Correct the connection; if no retry follows, fetch {task_id}. "
            f"Waiting for job {task_id} is over: {message.rstrip('.')}.",
            task_id=task_id,
            job=JobState.EXISTS,
            next_steps=_FIX_THEN_RETRY,
        )
    kind: type[KlingError] = KlingAwaitedTaskFailed if awaited else KlingTaskFailed
    remedy = "submit it again" if awaited else "retry for a new job"
    advice = f"Failed at Kling ({truncate(message, _LONGEST_CAUSE)}): {remedy}."
    if refuses_content(message):
        kind, advice = KlingContentRefused, CONTENT_ADVICE
    return kind(
        f"{advice} Kling ended job {task_id} as failed: {message}.", task_id=task_id, job=JobState.ENDED
    )

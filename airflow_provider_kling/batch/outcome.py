# SPDX-License-Identifier: Apache-2.0
"""The state of a row after an error, and the errors of rows that an account refuses."""

from __future__ import annotations

from collections.abc import Sequence

from ..exceptions import (
    JobState,
    KlingAccountError,
    KlingBudgetSpent,
    KlingContentRefused,
    KlingError,
    KlingMediaCheckFailed,
    KlingRequestInvalid,
    KlingResultExpired,
    KlingServerError,
    KlingSubmissionUnknown,
    KlingTaskFailed,
    KlingTaskTimeout,
    KlingWaitInterrupted,
)
from ..results.expected_files import KlingAnswerWithoutResult
from .ledger_entry import LedgerEntry, RowState
from .limiter import StopReason
from .progress import Progress

_LONGEST_ERROR = 800


def entry_after_submit_error(line: LedgerEntry, error: Exception) -> LedgerEntry:
    """Return a row's line after its submission has ended in an error.

    :param line: the row's line, planned if a call was made.
    :param error: the error.
    :return: the line.
    """
    # The refusal may be of the look-up; then it is unknown whether a job exists.
    uncertain = isinstance(error, KlingSubmissionUnknown) or (
        isinstance(error, KlingError) and error.job is JobState.MAY_EXIST
    )
    if isinstance(error, KlingContentRefused) and not uncertain:
        state = RowState.REFUSED
    elif isinstance(error, KlingRequestInvalid) and not uncertain:
        state = RowState.INVALID
    elif uncertain or line.state in (RowState.INTENT, RowState.UNKNOWN):
        state = RowState.UNKNOWN
    else:
        state = RowState.FAILED
    return line.with_state(state, error=_text(error))


def entry_after_wait_error(line: LedgerEntry, error: Exception) -> LedgerEntry:
    """Return a row's line after an error while its job was waited for or its files were stored.

    Only a failure that Kling reports ends a paid job. After any other error it may still succeed, or still
    have its files: the next try attaches to it.

    :param line: the row's line.
    :param error: the error.
    :return: the line.
    """
    if isinstance(error, KlingContentRefused | KlingTaskFailed):
        state = RowState.REFUSED if isinstance(error, KlingContentRefused) else RowState.FAILED
        return line.with_state(state, attempt=line.attempt + 1, error=_text(error), facts=None)
    if isinstance(error, KlingMediaCheckFailed):
        return line.with_state(RowState.REJECTED, error=_text(error), facts=None)
    # A synchronous result cannot be read again, and a retry must not pay for another one.
    if isinstance(error, KlingResultExpired | KlingAnswerWithoutResult):
        return line.with_state(RowState.EXPIRED, attempt=line.attempt + 1, error=_text(error), facts=None)
    return line.with_state(RowState.SUBMITTED, error=_text(error))


def _text(error: Exception) -> str:
    # The text of other errors may contain secrets.
    return str(error)[:_LONGEST_ERROR] if isinstance(error, KlingError) else type(error).__name__


# After a retry and after a clear, unless regenerate is set.
_RESUMES_TEXT = "This task continues from there when it runs again."

_STOP_ERRORS = {
    StopReason.KILLED: (KlingError, "Stopped"),
    StopReason.OUTAGE: (
        KlingServerError,
        "Kling, the storage of the inputs or the network failed for too long, or answers were lost in a row",
    ),
    StopReason.TAKEN_OVER: (KlingError, "Another worker of this task runs the batch now"),
    StopReason.LEDGER: (KlingServerError, "The ledger could not be written for too long"),
}

_FINAL_ERRORS = {
    RowState.REFUSED: KlingContentRefused,
    RowState.UNKNOWN: KlingSubmissionUnknown,
    RowState.INVALID: KlingRequestInvalid,
    RowState.REJECTED: KlingMediaCheckFailed,
}


def batch_error(
    progress: Progress,
    allowed: int,
    reason: StopReason | None,
    stopped_by: KlingError | None,
    report: str | None,
    *,
    unexpected: str = "",
    looks_up_unknown: bool = False,
    rows_changed: bool = False,
) -> KlingError | None:
    """Return the error to fail the task with; ``None`` when the batch has succeeded.

    :param progress: numbers of the batch.
    :param allowed: number of rows that may fail.
    :param reason: why no more jobs were submitted, if so.
    :param stopped_by: the error that stopped it, if one did.
    :param report: path of the list of failed rows.
    :param unexpected: row, job and kind of the first unexpected error, if there was one.
    :param looks_up_unknown: a retry looks again for jobs whose outcome is unknown.
    :param rows_changed: other rows were submitted than those that the try began with.
    :return: the error, if any.
    """
    what = (
        f"{progress.done} of {progress.known_rows} rows are done and stored, "
        f"{progress.remaining} were not submitted"
    )
    if stopped_by or reason in _STOP_ERRORS:
        return _stopped(reason, stopped_by, what)
    if progress.failed > allowed:
        return _failed(progress, allowed, f"{what}. See {report}.", looks_up_unknown=looks_up_unknown)
    if progress.running:
        return KlingTaskTimeout(
            f"Retry to attach to {progress.running} jobs. {_because(unexpected)}They have not ended in time "
            f"or their files could not be stored: {what}.",
            job=JobState.EXISTS,
            next_steps=_RESUMES_TEXT,
        )
    if (error := _unsubmitted(progress, reason, unexpected, what)) or not rows_changed:
        return error
    return _changed_rows_error(what)


def _unsubmitted(
    progress: Progress, reason: StopReason | None, unexpected: str, what: str
) -> KlingError | None:
    if reason is StopReason.BUDGET and progress.unknown_costs:
        return KlingBudgetSpent(
            "Read the charges in Kling's console, remove max_units and clear this task: the cost of "
            f"{progress.unknown_costs} jobs is not known, so max_units cannot be checked: {what}."
        )
    if reason is StopReason.BUDGET:
        return KlingBudgetSpent(
            f"Cost limit reached; raise max_units, max_usd or the budget: {what}. Then clear this task: it "
            "continues from there."
        )
    if progress.remaining and unexpected:
        return KlingError(f"Retry to continue. {_because(unexpected)}{what}. See the log.")
    if progress.remaining:
        return _changed_rows_error(what)
    return None


def _changed_rows_error(what: str) -> KlingError:
    return KlingError(
        f"Retry to read the rows again: they have changed while the task ran: {what}.",
        next_steps="A retry makes no second job for a row that is done.",
    )


def _because(unexpected: str) -> str:
    return f"{unexpected}. " if unexpected else ""


def _stopped(reason: StopReason | None, error: KlingError | None, what: str) -> KlingError:
    if error:
        return type(error)(
            f"{error.message} {what}.",
            next_steps=_RESUMES_TEXT,
            code=error.code,
            http_status=error.http_status,
            request_id=error.request_id,
        )
    kind, why = _STOP_ERRORS[reason or StopReason.KILLED]
    return kind(f"{why}: {what}.", next_steps=_RESUMES_TEXT)


def _failed(progress: Progress, allowed: int, what: str, *, looks_up_unknown: bool) -> KlingError:
    text = f"{progress.failed} rows failed, {allowed} may"
    if progress.states[RowState.FAILED]:
        return KlingTaskFailed(f"{text}; a retry makes only the failed ones again. {what}")
    if looks_up_unknown and progress.states[RowState.UNKNOWN]:
        return KlingWaitInterrupted(
            f"{text}; a retry looks for the jobs of {progress.states[RowState.UNKNOWN]} rows again. {what}",
            job=JobState.MAY_EXIST,
        )
    # A retry cannot change what is left.
    kind = next(
        (kind for state, kind in _FINAL_ERRORS.items() if progress.states[state]), KlingRequestInvalid
    )
    return kind(f"{text}; correct them, then clear, which submits them again and is charged. {what}")


def account_stopped_error(conn_id: str | None) -> KlingAccountError:
    """Return the error for a row whose account has refused earlier rows.

    :param conn_id: connection of the account.
    :return: the error.
    """
    return KlingAccountError(
        f"Top up the account of {conn_id!r}: it has refused other rows for credit or permission.",
        job=JobState.NOT_CREATED,
    )


def account_bound_error(conn_id: str | None, fields: Sequence[str], error: KlingError) -> KlingAccountError:
    """Return the error for a row with ids that only the refusing account has.

    :param conn_id: connection of the account.
    :param fields: the fields with these ids.
    :param error: the refusal.
    :return: the error.
    """
    return KlingAccountError(
        f"Top up the account of {conn_id!r}: only it has what {' and '.join(fields)} names, so no other is "
        f"tried. {error.message}",
        code=error.code,
        job=JobState.NOT_CREATED,
    )


def no_lookup_error(conn_id: str | None, error: KlingError) -> KlingAccountError:
    """Return the error for a row whose account has no look-up for its job.

    :param conn_id: connection of the account.
    :param error: the refusal.
    :return: the error.
    """
    return KlingAccountError(
        f"Top up the account of {conn_id!r}: nothing can prove there that it has no job, so no other is "
        f"tried. {error.message}",
        code=error.code,
        job=JobState.NOT_CREATED,
    )


def may_exist_error(advice: str, error: KlingError) -> KlingWaitInterrupted:
    """Return the error for a row whose job may exist.

    :param advice: what to do.
    :param error: the refusal.
    :return: the error.
    """
    return KlingWaitInterrupted(f"{advice} {error.message}", code=error.code, job=JobState.MAY_EXIST)

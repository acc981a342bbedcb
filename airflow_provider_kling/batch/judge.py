# SPDX-License-Identifier: Apache-2.0
"""Whether a batch has succeeded: the task's state follows its rows. No I/O."""

from __future__ import annotations

from ..exceptions import (
    JobState,
    KlingBudgetSpent,
    KlingContentRefused,
    KlingError,
    KlingRequestInvalid,
    KlingServerError,
    KlingSubmissionUnknown,
    KlingTaskFailed,
    KlingTaskTimeout,
)
from .entry import State
from .gate import Reason
from .tally import Tally

# After a retry and after a clear alike, unless rows are to be made anew.
_GOES_ON = "This task goes on from there when it runs again."

_STOPPED = {
    Reason.KILLED: (KlingError, "Stopped"),
    Reason.OUTAGE: (
        KlingServerError,
        "Kling, the inputs' storage or the way to them did not work for too long, or lost answers in a row",
    ),
    Reason.LEDGER: (KlingServerError, "The ledger could not be written for too long"),
}

_FINAL = {
    State.REFUSED: KlingContentRefused,
    State.UNKNOWN: KlingSubmissionUnknown,
    State.INVALID: KlingRequestInvalid,
}


def verdict(
    tally: Tally, allowed: int, reason: Reason | None, stopped_by: KlingError | None, report: str | None
) -> KlingError | None:
    """Return the error to fail the task with; ``None`` when the batch has succeeded.

    :param allowed: rows that may fail.
    :param reason: why no more jobs were submitted, if so.
    :param stopped_by: the error that stopped it, if one did.
    :param report: address of the list of failed rows.
    """
    what = f"{tally.done} of {tally.rows} rows are done and kept, {tally.left} were not submitted"
    if stopped_by or reason in _STOPPED:
        return _stopped(reason, stopped_by, what)
    if tally.failed > allowed:
        return _failed(tally, allowed, f"{what}. See {report}.")
    if tally.running:
        return KlingTaskTimeout(
            f"{tally.running} jobs have not ended in time or their files could not be kept: {what}.",
            job=JobState.EXISTS,
            outlook=_GOES_ON,
        )
    if reason is Reason.BUDGET:
        return KlingBudgetSpent(
            f"max_units is reached: {what}. Raise it and clear this task: it goes on from there."
        )
    if tally.left:
        return KlingError(f"The rows have changed while the task ran: {what}. A retry reads them anew.")
    return None


def _stopped(reason: Reason | None, error: KlingError | None, what: str) -> KlingError:
    if error:
        return type(error)(
            f"{error.message} {what}.",
            outlook=_GOES_ON,
            code=error.code,
            http_status=error.http_status,
            request_id=error.request_id,
        )
    kind, why = _STOPPED[reason or Reason.KILLED]
    return kind(f"{why}: {what}.", outlook=_GOES_ON)


def _failed(tally: Tally, allowed: int, what: str) -> KlingError:
    text = f"{tally.failed} rows failed, {allowed} may: {what}"
    if tally.states[State.FAILED]:
        return KlingTaskFailed(f"{text} A retry makes only the failed ones again.")
    # No retry changes what is left, so none is wasted on it.
    kind = next((kind for state, kind in _FINAL.items() if tally.states[state]), KlingRequestInvalid)
    return kind(f"{text} None of them would fare better in a retry; a clear tries them again.")

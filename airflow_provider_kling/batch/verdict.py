# SPDX-License-Identifier: Apache-2.0
"""What an error says of a row."""

from __future__ import annotations

from ..exceptions import (
    JobState,
    KlingContentRefused,
    KlingError,
    KlingRequestInvalid,
    KlingResultExpired,
    KlingSubmissionUnknown,
    KlingTaskFailed,
)
from .entry import Entry, State

_LONGEST_ERROR = 800


def not_submitted(line: Entry, error: Exception) -> Entry:
    """Return a row's line after its submission has ended in an error.

    :param line: the row's line as it stands, planned if a call was made.
    """
    # A refusal may be one of the question whether the job was made, and says nothing of the job then.
    uncertain = isinstance(error, KlingSubmissionUnknown) or (
        isinstance(error, KlingError) and error.job is JobState.MAY_EXIST
    )
    if isinstance(error, KlingContentRefused) and not uncertain:
        state = State.REFUSED
    elif isinstance(error, KlingRequestInvalid) and not uncertain:
        state = State.INVALID
    elif uncertain or line.state in (State.PLANNED, State.UNKNOWN):
        state = State.UNKNOWN
    else:
        state = State.FAILED
    return line.to(state, error=_text(error))


def without_result(line: Entry, error: Exception) -> Entry:
    """Return a row's line after waiting for its job, or keeping its files, has ended in an error.

    Only Kling's own word ends a job that is paid for. After anything else it may still succeed, or its files
    are still there: the next try attaches to it.
    """
    if isinstance(error, KlingContentRefused | KlingTaskFailed):
        state = State.REFUSED if isinstance(error, KlingContentRefused) else State.FAILED
        return line.to(state, attempt=line.attempt + 1, error=_text(error), facts=None)
    if isinstance(error, KlingResultExpired):
        return line.to(State.EXPIRED, attempt=line.attempt + 1, error=_text(error), facts=None)
    return line.to(State.SUBMITTED, error=_text(error))


def _text(error: Exception) -> str:
    # What is no KlingError may quote anything.
    return str(error)[:_LONGEST_ERROR] if isinstance(error, KlingError) else type(error).__name__

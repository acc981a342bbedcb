# SPDX-License-Identifier: Apache-2.0
"""Jobs whose stored files fail the media check: what is recorded of them, and what the next one is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..exceptions import JobState, KlingMediaCheckFailed

if TYPE_CHECKING:
    from .media_check import CheckedFile

MEDIA_CHECK = "media_check"
"""Key of the verdict on the files of a result."""

NO_PROTECTION = "No other is made: at this host or endpoint a retry could submit one more."
MAKE_AGAIN = "Clear the task, or change its request, to pay for another one."
SAME_INPUTS = "Set take, raise regenerate_on_fail, or change the request, to pay for another one."
_MAX_NAMED = 5


def next_take(take: str) -> str:
    """Return the take that follows another one.

    :param take: a take; empty for the first one.
    :return: ``2`` after the first one, the next number after a number, else the same with ``-2``.
    """
    if not take or take.isdecimal():
        return str(int(take or 1) + 1)
    head, _, number = take.rpartition("-")
    return f"{head}-{int(number) + 1}" if head and number.isdecimal() else f"{take}-2"


def verdict_of(checked: Sequence[CheckedFile]) -> dict[str, Any]:
    """Return the verdict on the files of a job, as results show it.

    :param checked: a verdict for each file.
    :return: ``passed``; where files fail, also ``files`` with the path and the failures of each.
    """
    bad = [{"path": file.path, "failures": list(file.failures)} for file in checked if file.failures]
    return {"passed": False, "files": bad, "checked": len(checked)} if bad else {"passed": True}


def rejection(result: Mapping[str, Any], take: str, verdict: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is recorded of a job in whose place another one is made.

    :param result: the job as operators return it, or a line of a ledger as JSON.
    :param take: which take it was; empty for the first one.
    :param verdict: the verdict on its files.
    :return: ``task_id``, ``take``, ``units`` and ``files`` with the failures of each.
    """
    return {
        "task_id": result["task_id"],
        "take": take,
        "units": result.get("units"),
        "files": verdict["files"],
    }


def media_check_error(
    verdict: Mapping[str, Any], why: str = "", *, next_steps: str = MAKE_AGAIN
) -> KlingMediaCheckFailed:
    """Make the error for files that fail a media check.

    :param verdict: the verdict on all files.
    :param why: why no other job is made.
    :param next_steps: what to do.
    :return: the error.
    """
    bad = verdict["files"]
    named = "; ".join(
        f"{file['path'].rpartition('/')[2]}: {', '.join(file['failures'])}" for file in bad[:_MAX_NAMED]
    )
    more = f"; and {len(bad) - _MAX_NAMED} more" if len(bad) > _MAX_NAMED else ""
    return KlingMediaCheckFailed(
        f"{len(bad)} of {verdict['checked']} files fail the media check: {named}{more}. The job exists and "
        f"is charged, and its files are stored: {bad[0]['path']}.{f' {why}' if why else ''}",
        job=JobState.ENDED,
        next_steps=next_steps,
    )

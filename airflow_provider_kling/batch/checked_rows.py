# SPDX-License-Identifier: Apache-2.0
"""What becomes of a row whose request has stored results: they are checked, one take after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..results.rejected import (
    MEDIA_CHECK,
    NO_PROTECTION,
    SAME_INPUTS,
    media_check_error,
    next_take,
    rejection,
)
from ..results.reuse import REUSED_FACT, RequestIdentity
from ..utils.storage import StoragePermanentError
from .ledger_entry import LedgerEntry, RowState
from .outcome import entry_after_wait_error

if TYPE_CHECKING:
    from ..results.reuse_index import Listing, ResultIndex
    from .context import RunContext

Retry = Callable[[Callable[[], Any]], Any]
"""Calls a function again while the storage does not answer."""


class StoredJobs:
    """Decides on rows by the stored results of their requests.

    :param run: the run.
    :param index: index of the output path.
    :param listing: the files of the output path.
    :param retry: reads the storage.
    """

    def __init__(self, run: RunContext, index: ResultIndex, listing: Listing, retry: Retry) -> None:
        self._run = run
        self._index = index
        self._listing = listing
        self._retry = retry

    def entry_after(
        self, line: LedgerEntry, identity: RequestIdentity, result: Mapping[str, Any] | None
    ) -> LedgerEntry | None:
        """Return the line of a row after its stored results have been looked at.

        :param line: the row's line.
        :param identity: key of its stored result.
        :param result: that result; ``None`` where none is stored.
        :return: the line: done, rejected, or open for another job; ``None`` to submit the row as it is.
        """
        known = line.rejected or ()
        if line.state is RowState.REJECTED:
            known = self._run.config.remade(line, line.generation).rejected or ()
        jobs = {str(job.get("task_id")): job for job in known}
        take, last = identity.take, None
        while result is not None:
            verdict = self._verdict(result)
            if verdict is None:
                break
            task_id = str(result["task_id"])
            own = jobs.pop(task_id, None)
            if not verdict or verdict["passed"]:
                return _with_result(line, result, own, verdict, list(jobs.values())).to(RowState.DONE)
            last = _with_result(line, result, own, verdict, list(jobs.values()))
            jobs[task_id] = {**(own or rejection(result, take, verdict)), "take": take}
            take = next_take(take)
            result = self._find(RequestIdentity(identity.fingerprint, take))
        return self._without_result(line, list(jobs.values()), last)

    def _find(self, identity: RequestIdentity) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = self._retry(
            lambda: self._index.find_listed(identity, self._listing)
        )
        return found

    def _verdict(self, result: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the verdict on a stored result: empty without rules, ``None`` if its files are gone."""
        check = self._run.config.check
        if check is None:
            return {}
        try:
            return dict(self._retry(lambda: check(result)))
        except StoragePermanentError as error:
            self._run.log.warning(
                "Job %s is not re-used: its files cannot be read: %s", result["task_id"], error
            )
            return None

    def _without_result(
        self, line: LedgerEntry, jobs: list[Mapping[str, Any]], last: LedgerEntry | None
    ) -> LedgerEntry | None:
        """Return the line of a row of which no stored result passes."""
        config, why = self._run.config, ""
        if line.state is RowState.OPEN and last is None:
            return None
        if len(jobs) > config.regenerate_on_fail:
            why = f"{len(jobs)} jobs were made for it." if len(jobs) > 1 else ""
        elif not (self._run.proves_absence and self._run.can_look_up):
            why = NO_PROTECTION
        else:
            return LedgerEntry(
                line.key,
                RowState.OPEN,
                line.number,
                generation=line.generation,
                labels=line.labels,
                airflow=line.airflow,
                rejected=jobs,
            )
        if last is None:
            return line
        error = media_check_error((last.result or {})[MEDIA_CHECK], why, outlook=SAME_INPUTS)
        return entry_after_wait_error(last, error)


def _with_result(
    line: LedgerEntry,
    result: Mapping[str, Any],
    own: Mapping[str, Any] | None,
    verdict: Mapping[str, Any],
    rejected: list[Mapping[str, Any]],
) -> LedgerEntry:
    """Return a row's line with a stored result, which costs nothing unless an earlier try has made it."""
    paid = own or {"units": "0", "estimate": "0"}
    return line.to(
        line.state,
        task_id=result["task_id"],
        external_task_id=result.get("external_task_id"),
        submitted_at=result.get("created_at"),
        estimate=paid.get("estimate"),
        units=paid.get("units"),
        charges=paid.get("charges"),
        total=paid.get("total"),
        error=None,
        facts=None,
        result={
            **without_urls(result),
            **({} if own else {REUSED_FACT: result[REUSED_FACT]}),
            **({MEDIA_CHECK: verdict} if verdict else {}),
        },
        rejected=rejected or None,
    )


def without_urls(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the files of a job, without Kling's URLs, which are signed.

    :param result: the task as operators return it.
    :return: its arrays of files.
    """
    return {
        name: [
            {key: value for key, value in item.items() if "url" not in key}
            for item in items
            if isinstance(item, Mapping)
        ]
        for name, items in result.items()
        if isinstance(items, list) and name != "charges"
    }

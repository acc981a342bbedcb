# SPDX-License-Identifier: Apache-2.0
"""Rows whose result is stored already: found without a request to Kling, and their files checked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ..exceptions import JobState, KlingError, KlingServerError
from ..inputs.prepared_request import prepare_request
from ..results.job_origin import REUSED_FACT, RequestIdentity
from ..results.rejected_jobs import (
    MEDIA_CHECK,
    NO_PROTECTION,
    SAME_INPUTS,
    media_check_error,
    next_take,
    rejection,
)
from ..results.reuse_index import Listing, ResultIndex
from ..utils.storage import StoragePermanentError, StorageTransientError
from .circuit_breaker import outage_delay
from .context import RunContext
from .input import RequestRow
from .ledger_entry import LedgerEntry, RowState
from .outcome import entry_after_wait_error
from .prefetch import text_size

if TYPE_CHECKING:
    from ..results.reuse_index import Listing, ResultIndex
    from .context import RunContext

CHUNK_ROWS = 500
"""Rows whose entries are read together."""

CHUNK_BYTES = 16 * 1024**2
"""Bytes of such rows (images as base64) above which no further row is added."""

MAX_READS = 4
"""Attempts to read a storage that does not respond."""

_PARALLEL = 8

RecordRow = Callable[[LedgerEntry], object]
"""Records a row; called from the thread that reads the rows."""

Retry = Callable[[Callable[[], Any]], Any]
"""Calls a function again while the storage does not respond."""


class StoredRows:
    """Removes the rows from a stream whose result is stored at the output path.

    The output path is listed once; index and manifests are read a few hundred at a time. Kling is not
    queried.

    :param run: the run.
    :param index: index of the output path.
    :param record: records a row.
    :param record_rejected: records a row whose stored files fail the media check, without another job.
    """

    def __init__(
        self, run: RunContext, index: ResultIndex, record: RecordRow, record_rejected: RecordRow
    ) -> None:
        self._run = run
        self._index = index
        self._record = record
        self._record_rejected = record_rejected
        self.reused = 0

    def remaining(self, rows: Iterator[RequestRow]) -> Iterator[RequestRow]:
        """Yield the rows that have no stored result. Reads files: call it from a thread.

        :param rows: rows in order, as a stream.
        :return: iterator of the rows.
        :raises KlingServerError: the storage does not respond.
        """
        listing = self._retry(self._index.list_files)
        if not listing.has_entries:
            yield from rows
            return
        with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="kling-reuse") as pool:
            for chunk in _chunks(rows):
                yield from self._without_stored(chunk, listing, pool)
        self._run.log.info(
            "%d rows have a stored result of the same request: they are re-used and cost nothing", self.reused
        )

    def _without_stored(
        self, chunk: list[RequestRow], listing: Listing, pool: ThreadPoolExecutor
    ) -> Iterator[RequestRow]:
        identities = list(pool.map(self._identity, chunk))
        known = [identity for identity in identities if identity]
        found = self._retry(lambda: self._index.find_all(known, listing))

        def decide(index: int) -> LedgerEntry | None:
            row, identity = chunk[index], identities[index]
            if identity is None:
                return None
            jobs = StoredJobs(self._run, self._index, listing, self._retry)
            return jobs.entry_after(self._run.entry_of(row), identity, found.get(identity.file_name))

        for row, entry in zip(chunk, pool.map(decide, range(len(chunk))), strict=True):
            if entry is None:
                yield row
            elif entry.state is RowState.DONE:
                self.reused += 1
                self._record(entry)
            elif entry.state is RowState.REJECTED:
                self._record_rejected(entry)
            else:
                self._record(entry)
                yield row

    def _identity(self, row: RequestRow) -> RequestIdentity | None:
        """Return the key of a row's stored result; ``None`` for a row that is invalid or may have a job."""
        if self._run.entry_of(row).state not in (RowState.PENDING, RowState.REJECTED):
            return None
        config = self._run.config
        try:
            request = prepare_request(
                config.endpoint, row.values, self._run.settings.dialect, config.extra_body
            )
        except KlingError:
            # It is reported when the row is submitted.
            return None
        return RequestIdentity(request.fingerprint, config.take)

    def _retry(self, read: Callable[[], Any]) -> Any:
        for attempt in range(1, MAX_READS + 1):
            try:
                return read()
            except StorageTransientError as error:
                if attempt == MAX_READS:
                    raise KlingServerError(
                        "The storage of output_path does not respond; check host and network. Stored results "
                        f"cannot be looked for: {error}.",
                        job=JobState.NOT_CREATED,
                    ) from None
                time.sleep(outage_delay(attempt))
        raise AssertionError("the last read returns or raises")


def _chunks(rows: Iterator[RequestRow]) -> Iterator[list[RequestRow]]:
    chunk: list[RequestRow] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += text_size(row.values)
        if len(chunk) >= CHUNK_ROWS or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


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
        """Return the line of a row after the check of its stored results.

        :param line: the row's line.
        :param identity: key of its stored result.
        :param result: that result; ``None`` where none is stored.
        :return: the line: done, rejected, or open for another job; ``None`` to submit the row as it is.
        """
        known = line.rejected or ()
        if line.state is RowState.REJECTED:
            known = self._run.config.reopened(line, line.clear_count).rejected or ()
        jobs = {str(job.get("task_id")): job for job in known}
        take, last_rejected = identity.take, None
        while result is not None:
            verdict = self._verdict(result)
            if verdict is None:
                break
            task_id = str(result["task_id"])
            own_job = jobs.pop(task_id, None)
            if not verdict or verdict["passed"]:
                return _with_result(line, result, own_job, verdict, list(jobs.values())).with_state(
                    RowState.DONE
                )
            last_rejected = _with_result(line, result, own_job, verdict, list(jobs.values()))
            jobs[task_id] = {**(own_job or rejection(result, take, verdict)), "take": take}
            take = next_take(take)
            result = self._find(RequestIdentity(identity.fingerprint, take))
        return self._without_result(line, list(jobs.values()), last_rejected)

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
        self, line: LedgerEntry, jobs: list[Mapping[str, Any]], last_rejected: LedgerEntry | None
    ) -> LedgerEntry | None:
        """Return the line of a row without a stored result that passes."""
        config, reason = self._run.config, ""
        if line.state is RowState.PENDING and last_rejected is None:
            return None
        if len(jobs) > config.regenerate_on_fail:
            reason = f"{len(jobs)} jobs were made for it." if len(jobs) > 1 else ""
        elif not (self._run.proves_absence and self._run.can_look_up):
            reason = NO_PROTECTION
        else:
            return LedgerEntry(
                line.key,
                RowState.PENDING,
                line.number,
                clear_count=line.clear_count,
                labels=line.labels,
                airflow=line.airflow,
                rejected=jobs,
            )
        if last_rejected is None:
            return line
        error = media_check_error((last_rejected.result or {})[MEDIA_CHECK], reason, next_steps=SAME_INPUTS)
        return entry_after_wait_error(last_rejected, error)


def _with_result(
    line: LedgerEntry,
    result: Mapping[str, Any],
    own_job: Mapping[str, Any] | None,
    verdict: Mapping[str, Any],
    rejected: list[Mapping[str, Any]],
) -> LedgerEntry:
    """Return a row's line with a stored result, which costs nothing unless an earlier try has made it."""
    cost_fields = own_job or {"units": "0", "estimate": "0"}
    return line.with_state(
        line.state,
        task_id=result["task_id"],
        external_task_id=result.get("external_task_id"),
        submitted_at=result.get("created_at"),
        estimate=cost_fields.get("estimate"),
        units=cost_fields.get("units"),
        charges=cost_fields.get("charges"),
        total=cost_fields.get("total"),
        error=None,
        facts=None,
        result={
            **without_urls(result),
            **({} if own_job else {REUSED_FACT: result[REUSED_FACT]}),
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

# SPDX-License-Identifier: Apache-2.0
"""Rows whose result is stored already, found without a request to Kling."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..exceptions import JobState, KlingError, KlingServerError
from ..inputs.prepared_request import prepare_request
from ..results.reuse import RequestIdentity
from ..results.reuse_index import Listing, ResultIndex
from ..utils.storage import StorageTransientError
from .checked_rows import StoredJobs
from .context import RunContext
from .input import RequestRow
from .ledger_entry import LedgerEntry, RowState
from .limiter import outage_delay
from .prefetch import value_size

CHUNK_ROWS = 500
"""Rows whose entries are read together."""

CHUNK_BYTES = 16 * 1024**2
"""Bytes of such rows (images as base64) above which no further row is added."""

MAX_READS = 4
"""Attempts to read a storage that does not respond."""

_PARALLEL = 8

NoteRow = Callable[[LedgerEntry], object]
"""Records a row; called from the thread that reads the rows."""


class StoredRows:
    """Removes the rows from a stream whose result is stored at the output path.

    The output path is listed once; index and manifests are read a few hundred at a time. Kling is not
    queried.

    :param run: the run.
    :param index: index of the output path.
    :param note: records a row.
    :param reject: records a row whose stored files fail the media check, and of which no other job is made.
    """

    def __init__(self, run: RunContext, index: ResultIndex, note: NoteRow, reject: NoteRow) -> None:
        self._run = run
        self._index = index
        self._note = note
        self._reject = reject
        self.reused = 0

    def remaining(self, rows: Iterator[RequestRow]) -> Iterator[RequestRow]:
        """Yield the rows that have no stored result. Reads files: call it from a thread.

        :param rows: rows in order, as a stream.
        :return: iterator of the rows.
        :raises KlingServerError: the storage does not answer.
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

        def decide(at: int) -> LedgerEntry | None:
            row, identity = chunk[at], identities[at]
            if identity is None:
                return None
            jobs = StoredJobs(self._run, self._index, listing, self._retry)
            return jobs.entry_after(self._run.entry_of(row), identity, found.get(identity.file_name))

        for row, entry in zip(chunk, pool.map(decide, range(len(chunk))), strict=True):
            if entry is None:
                yield row
            elif entry.state is RowState.DONE:
                self.reused += 1
                self._note(entry)
            elif entry.state is RowState.REJECTED:
                self._reject(entry)
            else:
                self._note(entry)
                yield row

    def _identity(self, row: RequestRow) -> RequestIdentity | None:
        """Return the key of a row's stored result; ``None`` for a row that is invalid or may have a job."""
        if self._run.entry_of(row).state not in (RowState.OPEN, RowState.REJECTED):
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
        for left in reversed(range(MAX_READS)):
            try:
                return read()
            except StorageTransientError as error:
                if not left:
                    raise KlingServerError(
                        "The storage of output_path does not answer, so stored results cannot be looked for: "
                        f"{error}.",
                        job=JobState.NOT_CREATED,
                    ) from None
                time.sleep(outage_delay(MAX_READS - left))
        raise AssertionError("the last read returns or raises")


def _chunks(rows: Iterator[RequestRow]) -> Iterator[list[RequestRow]]:
    chunk: list[RequestRow] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += value_size(row.values)
        if len(chunk) >= CHUNK_ROWS or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk

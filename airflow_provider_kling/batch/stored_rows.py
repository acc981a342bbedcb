# SPDX-License-Identifier: Apache-2.0
"""Rows whose result is stored already, found without a request to Kling."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..exceptions import JobState, KlingError, KlingServerError
from ..inputs.prepared_request import prepare_request
from ..results.reuse import REUSED_FACT, RequestIdentity
from ..results.reuse_index import Listing, ResultIndex
from ..utils.storage import StorageTransientError
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
"""Records a row as done; called from the thread that reads the rows."""


class StoredRows:
    """Removes the rows from a stream whose result is stored at the output path.

    The output path is listed once; index and manifests are read a few hundred at a time. Kling is not
    queried.

    :param run: the run.
    :param index: index of the output path.
    :param note: records a row as done.
    """

    def __init__(self, run: RunContext, index: ResultIndex, note: NoteRow) -> None:
        self._run = run
        self._index = index
        self._note = note
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
        for row, identity in zip(chunk, identities, strict=True):
            result = found.get(identity.file_name) if identity else None
            if result is None:
                yield row
            else:
                self.reused += 1
                self._note(reused_entry(self._run.entry_of(row), result))

    def _identity(self, row: RequestRow) -> RequestIdentity | None:
        """Return the key of a row's stored result; ``None`` for a row that is invalid or may have a job."""
        if self._run.entry_of(row).state is not RowState.OPEN:
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


def reused_entry(line: LedgerEntry, result: Mapping[str, Any]) -> LedgerEntry:
    """Return the line of a row whose result was stored before.

    :param line: the row's line.
    :param result: the result, as the index has it.
    :return: the line.
    """
    return line.to(
        RowState.DONE,
        task_id=result["task_id"],
        external_task_id=result.get("external_task_id"),
        submitted_at=result.get("created_at"),
        estimate="0",
        units="0",
        charges=None,
        error=None,
        facts=None,
        result={**without_urls(result), REUSED_FACT: result[REUSED_FACT]},
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

# SPDX-License-Identifier: Apache-2.0
"""Parameters of a batch, and the part of the input (shard) that one instance runs."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..inputs.prepared_request import is_nothing
from ..results.rejected_jobs import next_take
from ..submission.context import IdempotencyKey, SharedScope

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from ..api.hosts import Dialect
    from ..budget import RunBudget
    from ..results.reuse_index import ResultIndex
    from .deferral import DeferralState
    from .input import RequestRow, RowReader
    from .ledger_entry import LedgerEntry


LEDGER_FOLDER = "_ledger"
"""Folder below the output path that holds the ledgers of all batches, each in its own folder."""

_LONGEST_NAME = 60

CheckStored = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Returns the verdict on the files of a stored result; raises the errors of the storage."""


def batch_name(key: IdempotencyKey, endpoint: str, take: str = "") -> str:
    """Return the name of a batch, from which a person can see the run.

    :param key: idempotency key of the batch.
    :param endpoint: slug of the endpoint of its rows.
    :param take: the take; another take of the same rows is another batch.
    :return: the name of its folder for the ledger, and for reports where it has its own folder.
    """
    parts = [key.dag_id, key.task_id, key.run_id, key.map_index, key.clear_count, endpoint]
    parts += [take] if take else []
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:12]
    run = re.sub(r"[^A-Za-z0-9._-]+", "_", f"{key.task_id}-{key.run_id}")[:_LONGEST_NAME]
    return f"{run}-{digest}"


@dataclass(frozen=True, slots=True)
class Reuse:
    """Which jobs and results count as a row's own.

    :param scope: all of one endpoint and account, with ``idempotency_scope="inputs"``; else ``None``.
    :param take: asks for another job of each row on purpose.
    :param index: stored results, with ``idempotency_scope="inputs"``.
    :param check: checks the files of a stored result; ``None`` where nothing is checked.
    """

    scope: SharedScope | None = None
    take: str = ""
    index: ResultIndex | None = None
    check: CheckStored | None = None


@dataclass(frozen=True, slots=True)
class BatchConfig:
    """Parameters of a batch.

    :param endpoint: where all rows go.
    :param key: idempotency key of the batch; each row's job adds the row's own key.
    :param clear_count: which clear of the task this is; 0 before the first.
    :param concurrency: most jobs at once.
    :param poll_interval: most seconds between polls of a job that may have ended.
    :param max_units: no new job is submitted that could bring the cost above this.
    :param max_failed: stop submitting when more rows than this have failed; ``None`` for never.
    :param extra_body: further JSON keys for every request.
    :param expected_seconds: length that prices a row whose length is neither in its request nor given by it.
    :param airflow: the task instance that runs it, as in a manifest.
    :param shared: limit that the batch shares with other tasks.
    :param state: state of the try across deferrals; ``None`` to hold the worker.
    :param deferred: an earlier part of this try has deferred the task.
    :param scope: which jobs count as the same, with ``idempotency_scope="inputs"``.
    :param take: asks for another job of each row on purpose.
    :param index: stored results, with ``idempotency_scope="inputs"``.
    :param check: checks the files of a stored result; ``None`` where nothing is checked.
    :param return_refused: refused rows count as results, not as failures.
    :param spread: how rows are spread over several accounts.
    :param regenerate_on_fail: further jobs of a row whose files fail the media check, at most.
    """

    endpoint: Endpoint
    key: IdempotencyKey
    clear_count: int
    concurrency: int
    poll_interval: float
    max_units: Decimal | None = None
    max_failed: int | None = None
    extra_body: Mapping[str, Any] | None = None
    expected_seconds: Decimal | None = None
    airflow: Mapping[str, Any] | None = None
    shared: RunBudget | None = None
    state: DeferralState | None = None
    deferred: bool = False
    scope: SharedScope | None = None
    take: str = ""
    index: ResultIndex | None = None
    check: CheckStored | None = None
    return_refused: bool = False
    spread: str = "in_order"
    regenerate_on_fail: int = 0

    def take_of(self, entry: LedgerEntry) -> str:
        """Return which take the next job of a row is.

        :param entry: its line.
        :return: the take that was asked for, or the one after the rejected jobs; empty for the first one.
        """
        return next_take(str(entry.rejected[-1].get("take") or "")) if entry.rejected else self.take

    def jobs_of(self, entry: LedgerEntry) -> int:
        """Return how many jobs of a row count for ``regenerate_on_fail``, its last one included.

        :param entry: its line.
        :return: all jobs of its request, if tasks share them; else those since the last clear.
        """
        rejected = entry.rejected or ()
        if self.scope:
            return 1 + len(rejected)
        return 1 + len([job for job in rejected if job.get("generation") == self.clear_count])

    def reopened(self, entry: LedgerEntry, clear_count: int) -> LedgerEntry:
        """Return the line of a row that is made again because the files of its job fail the media check.

        :param entry: its line, with that job.
        :param clear_count: which clear of the task the job counts for.
        :return: the line.
        """
        line = entry.with_rejected_job(self.take_of(entry), clear_count)
        # Jobs that tasks share are named by their take alone.
        return line.with_state(line.state, attempt=0) if self.scope else line

    def proves_absence(self, dialect: Dialect) -> bool:
        """Whether a look-up that finds nothing proves that a row has no job.

        :param dialect: dialect of the host.
        :return: true if the host rejects a second job with the same external id and the endpoint finds jobs
            by it.
        """
        return dialect.refuses_duplicates and self.endpoint.absence_proves

    def job_key(self, row: RequestRow, entry: LedgerEntry, fingerprint: str = "") -> IdempotencyKey:
        """Return the idempotency key of the next job of a row.

        It is computed from the row, not from the content of its files, so that it is known without reading
        them, and two rows never share a job because their images are equal. If rows share their jobs with
        other tasks, it is computed from the request with the content of its files.

        :param row: the row.
        :param entry: its line.
        :param fingerprint: hash of its request, files included; for ``idempotency_scope="inputs"``.
        :return: the key, from which the external id is computed.
        """
        if self.scope:
            return replace(
                self.key,
                fingerprint=fingerprint,
                scope=self.scope,
                take=self.take_of(entry),
                offset=entry.attempt,
            )
        own_id = row.values.get("external_task_id")
        own_id = None if is_nothing(own_id) else own_id
        attempt = entry.attempt
        content = f"{row.key}~{attempt}" if attempt else row.key
        return replace(
            self.key,
            fingerprint=f"{self.endpoint.slug}\0{content}",
            take=self.take,
            user_external_task_id=replace(self.key, user_external_task_id=str(own_id)).external_task_id(
                attempt
            )
            if own_id
            else None,
        )


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of the rows.

    :param index: number of the part, from 0.
    :param count: how many parts there are.
    """

    index: int
    count: int

    def has(self, row: RequestRow) -> bool:
        """Return whether a row is in this part: by its content, so that other rows do not move it.

        :param row: the row.
        :return: true for exactly one part.
        """
        return zlib.crc32(row.key.encode()) % self.count == self.index

    def reader(self, read_rows: RowReader) -> RowReader:
        """Return a function that reads the rows of this part.

        :param read_rows: reads all rows.
        :return: function that reads those of this part, with their numbers in the whole input.
        """

        def read(after: int = 0) -> Iterator[RequestRow]:
            return filter(self.has, read_rows(after))

        return read

    def slots(self, concurrency: int) -> int:
        """Return how many jobs this part may run at once.

        :param concurrency: the limit of all parts together.
        :return: an equal share, at least 1.
        """
        return max(1, concurrency // self.count + (self.index < concurrency % self.count))

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def parse_shard(shard: object, shards: object) -> Shard | None:
    """Parse the parameters ``shard`` and ``shards``.

    :param shard: number of the part, from 0, or text such as ``0/4``; ``None`` for all rows.
    :param shards: how many parts there are; ``None`` if ``shard`` has it.
    :return: the part; ``None`` for all rows.
    :raises ValueError: it is invalid; the text says what is expected.
    """
    if shard is None and shards is None:
        return None
    index, _, count = str(shard).strip().partition("/")
    if count and shards is not None and str(shards).strip() != count.strip():
        raise ValueError(f"one of shards={shards} parts")
    parts = (index, count or str(shards).strip())
    if not all(part.strip().isdecimal() for part in parts):
        raise ValueError("a number from 0 with shards=..., or text such as '0/4'")
    number, total = (int(part) for part in parts)
    if not 0 <= number < total:
        raise ValueError(f"a number from 0 to {max(total - 1, 0)}")
    return Shard(number, total)

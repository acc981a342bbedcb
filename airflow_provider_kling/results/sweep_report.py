# SPDX-License-Identifier: Apache-2.0
"""Count and list what a sweep has found and done."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MAX_LISTED = 100
"""Number of jobs that a report lists of each kind; all are counted."""

_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class PendingResult:
    """A job whose result is not stored yet.

    :param endpoint: slug of the endpoint that made the job.
    :param task_id: Kling's id of the job.
    :param expires_at: Unix time in ms at which Kling deletes the result; ``None`` if it is unknown.
    """

    endpoint: str
    task_id: str
    expires_at: int | None

    def to_json(self) -> dict[str, Any]:
        """Return the job as parameters of :class:`KlingFetchResultOperator`.

        :return: ``endpoint``, ``kling_task_id`` and ``expires_at``.
        """
        return {"endpoint": self.endpoint, "kling_task_id": self.task_id, "expires_at": self.expires_at}


class ResultStatus(StrEnum):
    """Status of a listed job's result."""

    UNFINISHED = "unfinished"
    NO_FILES = "no_files"
    STORED_BEFORE = "landed_before"
    GONE = "gone"
    MISSING = "missing"


class SweepReport:
    """Collect what a sweep finds and does.

    :param warn_before: Unix time in ms; results that expire earlier and are not stored count as expiring.
    """

    def __init__(self, warn_before: int) -> None:
        self.missing: list[PendingResult] = []
        self.unlisted: list[dict[str, str]] = []
        self.unlisted_failed = 0
        self.last_error = ""
        self._warn_before = warn_before
        self._counts: Counter[str] = Counter()
        self._named: dict[str, list[dict[str, Any]]] = {
            kind: [] for kind in ("landed", "not_landed", "left", "gone", "expiring")
        }

    def __getitem__(self, kind: str) -> int:
        return self._counts[kind]

    def found(self, job: PendingResult, finding: ResultStatus) -> None:
        """Count a listed job; a missing one is added to :attr:`missing`.

        :param job: the job.
        :param finding: status of its result.
        """
        self._counts["jobs"] += 1
        if finding is ResultStatus.MISSING:
            self.missing.append(job)
        elif finding is ResultStatus.GONE:
            self.gone(job)
        else:
            self._counts[finding.value] += 1

    def on_stored(self, job: PendingResult, size: int) -> None:
        """Record a stored result.

        :param job: the job.
        :param size: bytes of its files.
        """
        self._counts["bytes"] += size
        self._note("landed", job, bytes=size)

    def gone(self, job: PendingResult) -> None:
        """Record a result that expired before it was stored.

        :param job: the job.
        """
        self._note("gone", job)

    def on_not_stored(self, job: PendingResult, error: str) -> None:
        """Record a result that could not be stored.

        :param job: the job.
        :param error: the cause.
        """
        self.last_error = error[:_LONGEST_REASON]
        self._note("not_landed", job, error=self.last_error)
        self._warn_of(job)

    def left(self, job: PendingResult) -> None:
        """Record a skipped result.

        :param job: the job.
        """
        self._note("left", job)
        self._warn_of(job)

    def cannot_list(self, endpoint: str, error: str, *, failed: bool) -> None:
        """Record an endpoint whose jobs cannot be listed.

        :param endpoint: its slug.
        :param error: the cause.
        :param failed: whether it counts as a failure of the sweep.
        """
        self.unlisted.append({"endpoint": endpoint, "error": error[:_LONGEST_REASON]})
        self.unlisted_failed += failed

    def to_json(self) -> dict[str, Any]:
        """Return the report.

        :return: counts by kind, the first jobs of each kind, and ``unlisted_endpoints``.
        """
        counted = (
            finding.value
            for finding in (ResultStatus.STORED_BEFORE, ResultStatus.UNFINISHED, ResultStatus.NO_FILES)
        )
        names = ("jobs", *counted, *self._named, "bytes")
        return {
            **{name: self._counts[name] for name in names},
            **{f"{kind}_jobs": jobs for kind, jobs in self._named.items()},
            "unlisted_endpoints": self.unlisted,
        }

    def expiring(self) -> list[dict[str, Any]]:
        """Return the first jobs whose results expire soon and are not stored.

        :return: jobs as JSON.
        """
        return self._named["expiring"]

    def _warn_of(self, job: PendingResult) -> None:
        if job.expires_at is not None and job.expires_at < self._warn_before:
            self._note("expiring", job)

    def _note(self, kind: str, job: PendingResult, **more: Any) -> None:
        self._counts[kind] += 1
        if len(self._named[kind]) < MAX_LISTED:
            self._named[kind].append({**job.to_json(), **more})

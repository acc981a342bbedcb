# SPDX-License-Identifier: Apache-2.0
"""What a sweep has found and done, in counts and a few names."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MOST_NAMED = 100
"""Jobs that a report names of each kind; it counts all."""

_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Job:
    """A job whose result is not kept yet.

    :param endpoint: slug of the endpoint that made it.
    :param task_id: Kling's id.
    :param expires_at: when Kling deletes the result, Unix time in ms; ``None`` when it does not say.
    """

    endpoint: str
    task_id: str
    expires_at: int | None

    def to_json(self) -> dict[str, Any]:
        """Return it under the names that :class:`KlingFetchResultOperator` takes."""
        return {"endpoint": self.endpoint, "kling_task_id": self.task_id, "expires_at": self.expires_at}


class Finding(StrEnum):
    """Where a listed job's result stands."""

    UNFINISHED = "unfinished"
    NO_FILES = "no_files"
    KEPT = "landed_before"
    GONE = "gone"
    MISSING = "missing"


class Report:
    """What a sweep has found and done.

    :param warn_before: Unix time in ms; what expires earlier and was not kept is named as expiring.
    """

    def __init__(self, warn_before: int) -> None:
        self.missing: list[Job] = []
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

    def found(self, job: Job, finding: Finding) -> None:
        """Count a listed job; one that is missing is to be kept."""
        self._counts["jobs"] += 1
        if finding is Finding.MISSING:
            self.missing.append(job)
        elif finding is Finding.GONE:
            self.gone(job)
        else:
            self._counts[finding.value] += 1

    def landed(self, job: Job, size: int) -> None:
        """Note that a result is kept now.

        :param size: bytes of its files.
        """
        self._counts["bytes"] += size
        self._note("landed", job, bytes=size)

    def gone(self, job: Job) -> None:
        """Note that Kling has deleted a result that was never kept."""
        self._note("gone", job)

    def not_landed(self, job: Job, error: str) -> None:
        """Note that a result could not be kept."""
        self.last_error = error[:_LONGEST_REASON]
        self._note("not_landed", job, error=self.last_error)
        self._warn_of(job)

    def left(self, job: Job) -> None:
        """Note that a result was not tried."""
        self._note("left", job)
        self._warn_of(job)

    def cannot_list(self, endpoint: str, error: str, *, failed: bool) -> None:
        """Note that the jobs of an endpoint are not known.

        :param failed: that is a failure of the sweep, for the next try may know them.
        """
        self.unlisted.append({"endpoint": endpoint, "error": error[:_LONGEST_REASON]})
        self.unlisted_failed += failed

    def to_json(self) -> dict[str, Any]:
        """Return the counts, and for each kind the first jobs."""
        kept = (finding.value for finding in (Finding.KEPT, Finding.UNFINISHED, Finding.NO_FILES))
        names = ("jobs", *kept, *self._named, "bytes")
        return {
            **{name: self._counts[name] for name in names},
            **{f"{kind}_jobs": jobs for kind, jobs in self._named.items()},
            "unlisted_endpoints": self.unlisted,
        }

    def expiring(self) -> list[dict[str, Any]]:
        """Return the first jobs whose results expire soon and are not kept."""
        return self._named["expiring"]

    def _warn_of(self, job: Job) -> None:
        if job.expires_at is not None and job.expires_at < self._warn_before:
            self._note("expiring", job)

    def _note(self, kind: str, job: Job, **more: Any) -> None:
        self._counts[kind] += 1
        if len(self._named[kind]) < MOST_NAMED:
            self._named[kind].append({**job.to_json(), **more})

# SPDX-License-Identifier: Apache-2.0
"""What is asked of a batch, and the look over all its rows before anything is paid."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..exceptions import KlingRequestInvalid
from ..order import validated
from ..submission import JobKey

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from .rows import Row

MAX_NAMED = 10
"""Faulty rows that an error text names."""


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What is asked of a batch.

    :param endpoint: where all rows go.
    :param key: names the batch; each row's job adds its own inputs.
    :param concurrency: most jobs under way at once.
    :param poll_interval: seconds between polls.
    :param timeout: seconds from a job's submission until its wait is given up.
    :param max_units: no new job is submitted that could bring the cost above this.
    :param max_failed: stop submitting when more rows than this have failed; ``None`` for never.
    :param extra_body: further JSON keys for every request.
    """

    endpoint: Endpoint
    key: JobKey
    concurrency: int
    poll_interval: float
    timeout: float
    max_units: Decimal | None = None
    max_failed: int | None = None
    extra_body: Mapping[str, Any] | None = None

    def job_key(self, row: Row, fingerprint: str, given: str | None) -> JobKey:
        """Name the job of one row."""
        return replace(self.key, fingerprint=f"{fingerprint}#{row.occurrence}", given=given)


@dataclass(slots=True)
class Survey:
    """What a look over all rows has shown.

    :param rows: how many there are.
    :param estimate: estimated units of all rows whose cost can be known.
    :param unpriced: rows whose cost cannot be known beforehand.
    :param faults: why rows cannot be sent, by row key.
    """

    rows: int = 0
    estimate: Decimal = Decimal(0)
    unpriced: int = 0
    faults: dict[str, str] = field(default_factory=dict)

    def refuse_faults(self) -> None:
        """Raise if any row cannot be sent.

        :raises KlingRequestInvalid: names the first rows and their faults.
        """
        if self.faults:
            named = " ".join(list(self.faults.values())[:MAX_NAMED])
            raise KlingRequestInvalid(
                f"{len(self.faults)} of {self.rows} rows cannot be sent, nothing was: {named}"
            )


def survey(endpoint: Endpoint, rows: Iterable[Row], wanted: Callable[[Row], bool]) -> Survey:
    """Check and price every row without reading its media; nothing of a row is kept.

    :param wanted: whether a row is still to be made, and so counts for the estimate.
    """
    from ..api.pricing import estimate

    found = Survey()
    for row in rows:
        found.rows += 1
        if not wanted(row):
            continue
        try:
            cost = estimate(endpoint, validated(endpoint, row.values))
        except KlingRequestInvalid as error:
            found.faults[row.key] = f"Row {row.number}: {error}"
            continue
        if cost is None:
            found.unpriced += 1
        else:
            found.estimate += cost
    return found

# SPDX-License-Identifier: Apache-2.0
"""The look over all rows of a batch before anything is paid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from ..exceptions import KlingRequestInvalid
from ..order import validated
from .entry import Entry, State

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from .rows import Row

MAX_NAMED = 10
"""Faulty rows that an error text names."""

_UNDECIDED = (State.OPEN, State.PLANNED, State.FAILED, State.INVALID)


@dataclass(slots=True)
class Survey:
    """What a look over all rows has shown.

    :param numbers: the present rows' places in the input, by key.
    :param estimate: estimated units of all rows, whatever became of them.
    :param unpriced: rows whose cost cannot be known beforehand.
    :param faults: why rows cannot be sent, by key; each text begins with the row's number.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    estimate: Decimal = Decimal(0)
    unpriced: int = 0
    faults: dict[str, str] = field(default_factory=dict)

    def refuse_faults(self) -> None:
        """Raise if any row cannot be sent.

        :raises KlingRequestInvalid: names the first rows and their faults.
        """
        if self.faults:
            more = len(self.faults) - MAX_NAMED
            named = " ".join(list(self.faults.values())[:MAX_NAMED])
            raise KlingRequestInvalid(
                f"{len(self.faults)} of {len(self.numbers)} rows cannot be sent, so nothing new was: {named}"
                f"{f' And {more} more.' if more > 0 else ''}"
            )


def survey(endpoint: Endpoint, rows: Iterable[Row], entries: Mapping[str, Entry]) -> Survey:
    """Check and price every row without reading its media; nothing of a row is kept.

    :param entries: the ledger. What is known to be good or bad there is not checked again.
    """
    found = Survey()
    names: dict[str, int] = {}
    for row in rows:
        found.numbers[row.key] = row.number
        fault = row.fault or _taken(row, names)
        entry = entries.get(row.key)
        if entry and entry.state not in _UNDECIDED:
            _add(found, None if entry.estimate is None else Decimal(entry.estimate))
            continue
        try:
            cost = None if fault else _price(endpoint, row)
        except KlingRequestInvalid as error:
            fault = str(error)
        if not fault:
            _add(found, cost)
        else:
            found.faults[row.key] = f"Row {row.number}: {fault}"
    return found


def _price(endpoint: Endpoint, row: Row) -> Decimal | None:
    from ..api.pricing import estimate

    return estimate(endpoint, validated(endpoint, row.values))


def _add(found: Survey, cost: Decimal | None) -> None:
    found.unpriced += cost is None
    found.estimate += cost or 0


def _taken(row: Row, names: dict[str, int]) -> str | None:
    """Refuse a name of the user's own that an earlier row has: the two would share one job."""
    name = row.values.get("external_task_id")
    if not name:
        return None
    first = names.setdefault(str(name), row.number)
    return None if first == row.number else f"external_task_id {str(name)!r} is row {first}'s already."

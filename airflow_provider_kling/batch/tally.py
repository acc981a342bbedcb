# SPDX-License-Identifier: Apache-2.0
"""Numbers of a batch: what was ordered, what became of it, what it costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from .ledger import Entry, State

LOST = (State.FAILED, State.REFUSED, State.INVALID, State.UNKNOWN)
"""States of rows that have no result and will get none in this try."""


@dataclass(slots=True)
class Tally:
    """Counts of one run of a batch.

    :param rows: rows of the input.
    :param estimate: estimated units of all rows whose cost can be known.
    :param unpriced: rows whose cost cannot be known beforehand.
    """

    rows: int = 0
    estimate: Decimal = Decimal(0)
    unpriced: int = 0
    states: Counter[State] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    spent: Decimal = Decimal(0)
    charged: Decimal = Decimal(0)
    uncharged: int = 0
    attached: int = 0
    made: int = 0

    def moved(self, before: Entry | None, after: Entry) -> None:
        """Take in a row's step from one state to the next."""
        for entry, sign in ((before, -1), (after, 1)):
            if entry is None:
                continue
            self.states[entry.state] += sign
            self.spent += sign * entry.cost
            if entry.state is State.DONE:
                self.charged += sign * Decimal(entry.units or 0)
                self.uncharged += sign * (entry.units is None)

    def count(self, entries: Iterable[Entry]) -> None:
        """Take in the rows of earlier tries."""
        for entry in entries:
            self.moved(None, entry)

    @property
    def failed(self) -> int:
        """Rows without a result that a person has to look at."""
        return sum(self.states[state] for state in LOST)

    def to_json(self) -> dict[str, Any]:
        """Return the summary as plain JSON; units are strings, for they are money."""
        return {
            "rows": self.rows,
            "done": self.states[State.DONE],
            "failed": self.states[State.FAILED],
            "refused": self.states[State.REFUSED],
            "invalid": self.states[State.INVALID],
            "unknown": self.states[State.UNKNOWN],
            "running": self.states[State.SUBMITTED],
            "skipped": dict(self.skipped),
            "made": self.made,
            "attached": self.attached,
            "units_estimated": str(self.estimate),
            "rows_without_estimate": self.unpriced,
            "units_charged": str(self.charged),
            "done_without_charge": self.uncharged,
        }

    def line(self, seconds: float) -> str:
        """Return the progress in one line.

        :param seconds: how long this try has run.
        """
        done, running = self.states[State.DONE], self.states[State.SUBMITTED]
        skipped = sum(self.skipped.values())
        left = self.rows - done - self.failed - skipped
        rate = (self.made + self.attached - running) / seconds * 60 if seconds > 0 else 0.0
        end = "time left unknown" if rate <= 0 else f"about {left / rate:.0f} min left"
        return (
            f"{done} of {self.rows} done, {running} running, {self.failed} failed, {skipped} skipped; "
            f"{self.charged} units charged; {rate:.1f} a minute, {end if left else 'all ended'}"
        )

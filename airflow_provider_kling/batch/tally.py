# SPDX-License-Identifier: Apache-2.0
"""Numbers of a batch: what was ordered, what became of it, what it costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from .entry import LOST, Entry, State


@dataclass(slots=True)
class Tally:
    """Counts of one try of a batch.

    Rows of earlier tries that are no longer in the input count for the money, for they were paid, and for
    nothing else.

    :param rows: how many rows the input has.
    :param present: their keys.
    :param estimate: estimated units of all rows whose cost can be known.
    :param unpriced: rows whose cost cannot be known beforehand.
    :param unit: what the units are of: ``video`` or ``image``.
    """

    rows: int
    present: Container[str]
    estimate: Decimal = Decimal(0)
    unpriced: int = 0
    unit: str = "video"
    states: Counter[State] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    spent: Decimal = Decimal(0)
    charged: Decimal = Decimal(0)
    uncharged: int = 0
    attached: int = 0
    made: int = 0
    ended: int = 0

    def count(self, entries: Iterable[Entry]) -> None:
        """Take in the rows of earlier tries."""
        for entry in entries:
            self._add(entry, 1)

    def moved(self, before: Entry | None, after: Entry) -> None:
        """Take in a row's step from one state to the next."""
        if before:
            self._add(before, -1)
            self.ended += before.state is State.SUBMITTED is not after.state
        self._add(after, 1)

    def _add(self, entry: Entry, sign: int) -> None:
        self.spent += sign * entry.cost
        self.charged += sign * Decimal(entry.units or 0)
        if entry.key in self.present:
            self.states[entry.state] += sign
            self.uncharged += sign * (entry.state is State.DONE and entry.units is None)

    @property
    def done(self) -> int:
        """Rows that have a result."""
        return self.states[State.DONE]

    @property
    def left(self) -> int:
        """Rows that were not submitted, or not known to be."""
        return self.rows - self.done - self.failed - self.running

    @property
    def failed(self) -> int:
        """Rows without a result that a person has to look at."""
        return sum(self.states[state] for state in LOST)

    @property
    def running(self) -> int:
        """Rows whose job exists and is not both ended and kept."""
        return self.states[State.SUBMITTED]

    def to_json(self) -> dict[str, Any]:
        """Return the summary as plain JSON; units are strings, for they are money."""
        return {
            "rows": self.rows,
            "done": self.done,
            **{state.value: self.states[state] for state in LOST},
            "running": self.running,
            "skipped": {str(reason): number for reason, number in list(self.skipped.items())},
            "made": self.made,
            "attached": self.attached,
            "unit": self.unit,
            "units_estimated": _text(self.estimate),
            "rows_without_estimate": self.unpriced,
            "units_charged": _text(self.charged),
            "done_without_charge": self.uncharged,
        }

    def to_line(self, seconds: float) -> str:
        """Return the progress in one line.

        :param seconds: how long this try has run.
        """
        left, skipped = self.left, sum(list(self.skipped.values()))
        to_end = left - skipped + self.running
        rate = self.ended / seconds * 60 if seconds > 0 else 0.0
        time_left = f"about {_duration(to_end / rate)} left" if rate else "time left unknown"
        return (
            f"{self.done} of {self.rows} done, {self.running} running, {self.failed} failed"
            f"{f', {skipped} skipped' if skipped else ''}; "
            f"{_text(self.charged)} {self.unit} units charged; "
            f"{rate:.1f} a minute, {time_left if to_end > 0 else 'none left'}"
        )


def _text(units: Decimal) -> str:
    return f"{units.normalize():f}"


def _duration(minutes: float) -> str:
    if minutes < 1:
        return f"{minutes * 60:.0f} s"
    hours, rest = divmod(round(minutes), 60)
    return f"{hours} h {rest} min" if hours else f"{rest} min"

# SPDX-License-Identifier: Apache-2.0
"""Counts and costs of a batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from .ledger_entry import TERMINAL_FAILURES, LedgerEntry, RowState


@dataclass(slots=True)
class Progress:
    """Counts of one try of a batch.

    Rows of earlier tries that were removed from the input count only for the costs, because they were paid.

    :param rows: how many rows the input has.
    :param present: their keys.
    :param estimate: estimated units of all rows whose cost can be known.
    :param unpriced: rows whose cost cannot be known beforehand.
    :param unit: kind of the units: ``video`` or ``image``.
    :param states: number of rows in each state.
    :param skipped: number of rows that are skipped, by reason.
    :param committed_units: units that are charged or estimated.
    :param charged_units: units that are charged.
    :param cash: cash that is charged, by currency.
    :param done_without_charge: rows that are done and whose charge is not known.
    :param unknown_costs: rows whose cost is not known.
    :param reattached: jobs of earlier tries that this try has attached to.
    :param submitted: jobs that this try has submitted.
    :param ended: jobs that have ended in this try.
    :param reused: rows whose result is of another task or run.
    :param fail_refused: refused rows count as failures.
    """

    rows: int
    present: Container[str]
    estimate: Decimal = Decimal(0)
    unpriced: int = 0
    unit: str = "video"
    states: Counter[RowState] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    committed_units: Decimal = Decimal(0)
    charged_units: Decimal = Decimal(0)
    cash: dict[str, Decimal] = field(default_factory=dict)
    done_without_charge: int = 0
    unknown_costs: int = 0
    reattached: int = 0
    submitted: int = 0
    ended: int = 0
    reused: int = 0
    fail_refused: bool = True

    def load(self, entries: Iterable[LedgerEntry]) -> None:
        """Count the rows of earlier tries.

        :param entries: their lines.
        """
        for entry in entries:
            self._add(entry, 1)

    def update(self, before: LedgerEntry | None, after: LedgerEntry) -> None:
        """Count a row's change of state.

        :param before: its line before; ``None`` for a new row.
        :param after: its line now.
        """
        if before:
            self._add(before, -1)
            self.ended += before.state is RowState.SUBMITTED is not after.state
        self._add(after, 1)

    def _add(self, entry: LedgerEntry, sign: int) -> None:
        self.committed_units += sign * entry.committed_units
        self.unknown_costs += sign * entry.has_unknown_cost
        self.charged_units += sign * (entry.charged_units or Decimal(0))
        for currency, amount in entry.cash:
            self.cash[currency] = self.cash.get(currency, Decimal(0)) + sign * amount
        if entry.key in self.present:
            self.states[entry.state] += sign
            self.reused += sign * entry.is_reused
            self.done_without_charge += sign * (
                entry.state is RowState.DONE and entry.charged_units is None and not entry.charges
            )

    @property
    def done(self) -> int:
        """Rows that have a result."""
        return self.states[RowState.DONE]

    @property
    def remaining(self) -> int:
        """Rows that were not submitted, or not known to be."""
        return self.known_rows - self._recorded

    @property
    def known_rows(self) -> int:
        """How many rows there are: more than the try began with, if rows were added while it was deferred."""
        return max(self.rows, self._recorded)

    @property
    def _recorded(self) -> int:
        return self.done + self.failed + self.returned + self.running

    @property
    def failed(self) -> int:
        """Rows without a result that need a person."""
        return sum(self.states[state] for state in TERMINAL_FAILURES) - self.returned

    @property
    def returned(self) -> int:
        """Refused rows that count as results."""
        return 0 if self.fail_refused else self.states[RowState.REFUSED]

    @property
    def running(self) -> int:
        """Rows whose job runs, or has ended and is not stored yet."""
        return self.states[RowState.SUBMITTED]

    def to_json(self) -> dict[str, Any]:
        """Return the summary as plain JSON; units are strings, because they are exact amounts.

        :return: the summary.
        """
        return {
            "rows": self.known_rows,
            "done": self.done,
            **{state.value: self.states[state] for state in TERMINAL_FAILURES},
            "running": self.running,
            "skipped": {str(reason): number for reason, number in list(self.skipped.items())},
            "made": self.submitted,
            "attached": self.reattached,
            "reused": self.reused,
            "unit": self.unit,
            "units_estimated": _text(self.estimate),
            "rows_without_estimate": self.unpriced,
            "units_charged": _text(self.charged_units),
            "cash_charged": {currency or "unknown": _text(amount) for currency, amount in self._paid},
            "done_without_charge": self.done_without_charge,
        }

    @property
    def _paid(self) -> list[tuple[str, Decimal]]:
        return [(currency, amount) for currency, amount in list(self.cash.items()) if amount]

    def format_line(self, seconds: float) -> str:
        """Return the progress in one line.

        :param seconds: how long this try has run.
        :return: the text.
        """
        remaining, skipped = self.remaining, sum(list(self.skipped.values()))
        to_end = remaining - skipped + self.running
        rate = self.ended / seconds * 60 if seconds > 0 else 0.0
        cash = "".join(f" and {_text(amount)} {currency}".rstrip() for currency, amount in self._paid)
        time_left = f"about {_duration(to_end / rate)} left" if rate else "time left unknown"
        return (
            f"{self.done} of {self.known_rows} done, {self.running} running, {self.failed} failed"
            f"{f', {skipped} skipped' if skipped else ''}; "
            f"{_text(self.charged_units)} {self.unit} units{cash} charged; "
            f"{rate:.1f} a minute, {time_left if to_end > 0 else 'none left'}"
        )


def _text(units: Decimal) -> str:
    return f"{units.normalize():f}"


def _duration(minutes: float) -> str:
    if minutes < 1:
        return f"{minutes * 60:.0f} s"
    hours, rest = divmod(round(minutes), 60)
    return f"{hours} h {rest} min" if hours else f"{rest} min"


@dataclass(slots=True)
class Budget:
    """The limit of a batch, over all its tries.

    :param limit: most units; ``None`` for no limit.
    :param progress: has the costs: charges where known, estimates of running jobs.
    """

    limit: Decimal | None
    progress: Progress
    _max_charge: Decimal | None = None
    _unsettled: set[str] = field(default_factory=set)

    def begin(self, key: str) -> None:
        """Record that a job of unknown cost is submitted: until its end it may cost all that is left.

        :param key: the row's key.
        """
        self._unsettled.add(key)

    def settle(self, key: str) -> None:
        """Record that the row's job has ended.

        :param key: the row's key.
        """
        self._unsettled.discard(key)

    @property
    def unsettled(self) -> bool:
        """Whether the rest of the budget is unknown until a job of unknown cost has ended."""
        return self.limit is not None and bool(self._unsettled)

    def record_charge(self, charged: Decimal | None) -> None:
        """Record the charge of a job whose cost could not be known before.

        :param charged: the charge in units; ``None`` if it is unknown.
        """
        if charged is not None:
            self._max_charge = max(self._max_charge or Decimal(0), charged)

    def expected_cost(self, estimate: Decimal | None) -> Decimal | None:
        """Return the expected cost of a job: its estimate, or the highest charge of such jobs so far.

        :param estimate: the estimate, if there is one.
        :return: units; ``None`` when nothing is known.
        """
        return self._max_charge if estimate is None else estimate

    def can_afford(self, cost: Decimal | None) -> bool:
        """Return whether a job of this cost may be submitted.

        Jobs whose charge stays unknown count as the most expensive known one; while no charge is known, no
        further job may be submitted.

        :param cost: the expected cost of the job.
        :return: whether it is within the rest of the budget.
        """
        if self.limit is None:
            return True
        unknown = self.progress.unknown_costs
        if unknown and self._max_charge is None:
            return False
        spent = self.progress.committed_units + unknown * (self._max_charge or Decimal(0))
        return spent < self.limit if cost is None else spent + cost <= self.limit


def failure_limit(max_failed: float | None, rows: int) -> int | None:
    """Return how many rows may fail.

    :param max_failed: a count, or a share below 1 of all rows; ``None`` for any number.
    :param rows: how many rows there are.
    :return: the count; ``None`` for any number.
    """
    if max_failed is None:
        return None
    return int(max_failed * rows) if 0 < max_failed < 1 else int(max_failed)

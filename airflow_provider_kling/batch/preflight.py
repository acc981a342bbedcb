# SPDX-License-Identifier: Apache-2.0
"""The check of all rows of a batch before anything is paid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..api.pricing import amount_of
from ..api.response_values import comparable_id
from ..exceptions import KlingRequestInvalid
from ..inputs.prepared_request import estimate_of, is_nothing, validate_request
from .ledger_entry import LedgerEntry, RowState

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from .input import RequestRow

MAX_LISTED_ROWS = 10
"""Faulty rows that an error text names."""

_UNDECIDED = (RowState.OPEN, RowState.PLANNED, RowState.FAILED, RowState.INVALID)


@dataclass(slots=True)
class PreflightResult:
    """Result of the check of all rows.

    :param numbers: the present rows' places in the input, by key.
    :param estimate: estimated units of all rows, in any state.
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
            more = len(self.faults) - MAX_LISTED_ROWS
            named = " ".join(list(self.faults.values())[:MAX_LISTED_ROWS])
            raise KlingRequestInvalid(
                f"{len(self.faults)} of {len(self.numbers)} rows cannot be sent, so nothing new was: {named}"
                f"{f' And {more} more.' if more > 0 else ''}"
            )


def preflight(
    endpoint: Endpoint,
    rows: Iterable[RequestRow],
    entries: Mapping[str, LedgerEntry],
    extra_body: Mapping[str, Any] | None = None,
    *,
    own_names: bool = True,
    expected_seconds: Decimal | None = None,
) -> PreflightResult:
    """Check and estimate every row, without reading its media or storing rows in memory.

    :param endpoint: endpoint of the rows.
    :param rows: the rows.
    :param entries: the ledger. Rows that it shows as valid or invalid are not checked again.
    :param extra_body: further JSON keys of every request; they may decide the price.
    :param own_names: a row may have an ``external_task_id`` of its own.
    :param expected_seconds: length that prices a row whose length is neither in its request nor given by it.
    :return: estimates, and the rows that cannot be sent.
    """
    found = PreflightResult()
    names: dict[str, int] = {}
    for row in rows:
        fault = row.fault or (_duplicate_external_id(row, names) if own_names else _refuse_external_id(row))
        entry = entries.get(row.key)
        # The ledger's own text, so that a hundred thousand keys are in memory once.
        found.numbers[entry.key if entry else row.key] = row.number
        if entry and entry.state not in _UNDECIDED:
            _add(found, amount_of(entry.estimate))
            continue
        try:
            cost = None if fault else _price(endpoint, row, extra_body, expected_seconds)
        except KlingRequestInvalid as error:
            fault = str(error)
        if not fault:
            _add(found, cost)
        else:
            found.faults[row.key] = f"Row {row.number}: {fault}"
    return found


def _price(
    endpoint: Endpoint, row: RequestRow, extra_body: Mapping[str, Any] | None, seconds: Decimal | None
) -> Decimal | None:
    request = validate_request(endpoint, row.values)
    return estimate_of(endpoint, request, extra_body, seconds=row.expected_seconds or seconds)


def _add(found: PreflightResult, cost: Decimal | None) -> None:
    found.unpriced += cost is None
    found.estimate += cost or 0


def _duplicate_external_id(row: RequestRow, names: dict[str, int]) -> str | None:
    """Reject a user's external id that an earlier row has: the two would share one job."""
    name = row.values.get("external_task_id")
    if is_nothing(name):
        return None
    # Answers are compared without blanks and invisible characters.
    first = names.setdefault(comparable_id(str(name)), row.number)
    return None if first == row.number else f"external_task_id {str(name)!r} is row {first}'s already."


def rows_in_ledger(entries: Mapping[str, LedgerEntry], estimate: Decimal, unpriced: int) -> PreflightResult:
    """Number the rows as the ledger does, which an earlier part of the same try has compared with the input.

    :param entries: the ledger.
    :param estimate: estimated units of all rows.
    :param unpriced: rows whose cost cannot be known beforehand.
    :return: result of the check of all rows, without invalid rows, which are in the ledger.
    """
    return PreflightResult({entry.key: entry.number for entry in entries.values()}, estimate, unpriced)


class AnyRow:
    """The keys of an input that is known to be unchanged: each row is one of them."""

    def __contains__(self, key: object) -> bool:
        return True


def first_open_row(entries: Mapping[str, LedgerEntry], position: int) -> int:
    """Return how many rows need not be read again; the ledger may have opened one of them since.

    :param entries: the ledger.
    :param position: how many rows were settled when the task deferred.
    :return: the number of rows before the first one that may have to be submitted.
    """
    again = (
        entry.number - 1 for entry in entries.values() if entry.state in (RowState.OPEN, RowState.PLANNED)
    )
    return min([position, *again])


def is_as_in_ledger(found: PreflightResult, entries: Mapping[str, LedgerEntry]) -> bool:
    """Return whether the ledger has the rows' numbers of this input, and no two rows are equal.

    :param found: the result of the check of all rows.
    :param entries: the ledger.
    :return: true if the rows need not be read again in this try.
    """
    return all(key.endswith("-0") for key in found.numbers) and all(
        found.numbers.get(entry.key) == entry.number for entry in entries.values()
    )


def _refuse_external_id(row: RequestRow) -> str | None:
    name = row.values.get("external_task_id")
    return (
        "external_task_id cannot be given with idempotency_scope='inputs', which names the job."
        if name
        else None
    )

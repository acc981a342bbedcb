# SPDX-License-Identifier: Apache-2.0
"""The check of all rows of a batch before anything is paid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from ..api.pricing import USD_PER_UNIT, amount_of
from ..api.response_values import comparable_id
from ..exceptions import KlingRequestInvalid
from ..inputs.prepared_request import estimate_of, is_nothing, validate_request
from .ledger_entry import LedgerEntry, RowState

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from .deferral import DeferralState
    from .input import RequestRow

MAX_LISTED_ROWS = 10
"""Invalid rows that an error text names."""

_DIGEST_BYTES = 16
_RECHECKED = (RowState.PENDING, RowState.INTENT, RowState.FAILED, RowState.INVALID)


@dataclass(slots=True)
class PreflightResult:
    """Result of the check of all rows.

    :param numbers: the present rows' places in the input, by key.
    :param estimate: estimated units of all rows, in any state.
    :param unpriced: rows whose cost cannot be known beforehand.
    :param invalid_rows: why rows cannot be sent, by key; each text begins with the row's number.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    estimate: Decimal = Decimal(0)
    unpriced: int = 0
    invalid_rows: dict[str, str] = field(default_factory=dict)

    def raise_on_invalid(self) -> None:
        """Raise if any row cannot be sent.

        :raises KlingRequestInvalid: names the first rows and their errors.
        """
        if self.invalid_rows:
            more = len(self.invalid_rows) - MAX_LISTED_ROWS
            named = " ".join(list(self.invalid_rows.values())[:MAX_LISTED_ROWS])
            raise KlingRequestInvalid(
                f"{len(self.invalid_rows)} of {len(self.numbers)} rows cannot be sent, so nothing new was: "
                f"{named}"
                f"{f' And {more} more.' if more > 0 else ''}"
            )

    def plan_text(self, known: int, unit: str, *, own_prices: bool) -> str:
        """Return what the log says of the rows before the first one is submitted.

        :param known: number of rows that earlier tries have in the ledger.
        :param unit: kind of the units: ``video`` or ``image``.
        :param own_prices: the host charges Kling's list price.
        :return: number of rows and estimate.
        """
        cost = "All together cost about" if own_prices else "Kling's own list price of all together would be"
        text = f"{len(self.numbers)} rows, of which {known} are known from earlier tries. "
        text += (
            f"{cost} {self.estimate} {unit} units, some {self.estimate * USD_PER_UNIT[unit]:.2f} US dollars"
        )
        text += " at list price" if own_prices else ""
        return f"{text}; of {self.unpriced} rows the cost cannot be known before" if self.unpriced else text


def preflight(
    endpoint: Endpoint,
    rows: Iterable[RequestRow],
    entries: Mapping[str, LedgerEntry],
    extra_body: Mapping[str, Any] | None = None,
    *,
    allow_external_ids: bool = True,
    expected_seconds: Decimal | None = None,
) -> PreflightResult:
    """Check and estimate every row, without reading its media or storing rows in memory.

    :param endpoint: endpoint of the rows.
    :param rows: the rows.
    :param entries: the ledger. Rows that it shows as valid or invalid are not checked again.
    :param extra_body: further JSON keys of every request; they may decide the price.
    :param allow_external_ids: a row may set its ``external_task_id``.
    :param expected_seconds: length that prices a row whose length is neither in its request nor given by it.
    :return: estimates, and the rows that cannot be sent.
    """
    result = PreflightResult()
    seen: dict[str, int] = {}
    for row in rows:
        error = row.error or (
            _duplicate_external_id(row, seen) if allow_external_ids else _refuse_external_id(row)
        )
        entry = entries.get(row.key)
        # The ledger's own text, so that a hundred thousand keys are in memory once.
        result.numbers[entry.key if entry else row.key] = row.number
        if entry and entry.state not in _RECHECKED:
            _add(result, amount_of(entry.estimate))
            continue
        try:
            cost = None if error else _estimate(endpoint, row, extra_body, expected_seconds)
        except KlingRequestInvalid as refusal:
            error = str(refusal)
        if not error:
            _add(result, cost)
        else:
            result.invalid_rows[row.key] = f"{row.title}: {error}"
    return result


def _estimate(
    endpoint: Endpoint, row: RequestRow, extra_body: Mapping[str, Any] | None, seconds: Decimal | None
) -> Decimal | None:
    request = validate_request(endpoint, row.values)
    return estimate_of(endpoint, request, extra_body, seconds=row.expected_seconds or seconds)


def _add(result: PreflightResult, cost: Decimal | None) -> None:
    result.unpriced += cost is None
    result.estimate += cost or 0


def _duplicate_external_id(row: RequestRow, seen: dict[str, int]) -> str | None:
    """Reject a user's external id that an earlier row has: the two would share one job."""
    name = row.values.get("external_task_id")
    if is_nothing(name):
        return None
    # Answers are compared without blanks and invisible characters.
    first = seen.setdefault(comparable_id(str(name)), row.number)
    return None if first == row.number else f"external_task_id {str(name)!r} is row {first}'s already."


def rows_in_ledger(entries: Mapping[str, LedgerEntry], estimate: Decimal, unpriced: int) -> PreflightResult:
    """Number the rows as the ledger does, which an earlier part of the same try has compared with the input.

    :param entries: the ledger.
    :param estimate: estimated units of all rows.
    :param unpriced: rows whose cost cannot be known beforehand.
    :return: result of the check of all rows, without invalid rows, which are in the ledger.
    """
    return PreflightResult({entry.key: entry.number for entry in entries.values()}, estimate, unpriced)


class AllKeys:
    """The keys of an input that is known to be unchanged: each row is one of them."""

    def __contains__(self, key: object) -> bool:
        return True


def first_pending_row(entries: Mapping[str, LedgerEntry], position: int) -> int:
    """Return how many rows need not be read again; the ledger may have opened one of them since.

    :param entries: the ledger.
    :param position: how many rows were settled when the task deferred.
    :return: the number of rows before the first one that may have to be submitted.
    """
    unsettled = (
        entry.number - 1 for entry in entries.values() if entry.state in (RowState.PENDING, RowState.INTENT)
    )
    return min([position, *unsettled])


def state_with_rows(
    state: DeferralState, result: PreflightResult, entries: Mapping[str, LedgerEntry]
) -> DeferralState:
    """Return the state of a try with what the check of all rows has found.

    :param state: the state before.
    :param result: the result of the check.
    :param entries: the ledger.
    :return: the state; with the number and the digest of the rows if they need not be read again.
    """
    known = is_as_in_ledger(result, entries)
    return replace(
        state,
        estimate=str(result.estimate),
        unpriced=result.unpriced,
        rows=len(result.numbers) if known else 0,
        digest=_digest(result.numbers) if known else "",
    )


def have_rows_changed(state: DeferralState | None, keys: Iterable[str]) -> bool:
    """Return whether other rows were submitted than those that were read when the try began.

    :param state: state of the try.
    :param keys: keys of the ledger at the end of the try.
    :return: ``True`` if the input has changed while the task was deferred.
    """
    return bool(state and state.rows and state.digest and state.digest != _digest(keys))


def _digest(keys: Iterable[str]) -> str:
    """Return the digest of a set of keys. A sum, because the ledger has them in another order."""
    total = sum(int.from_bytes(sha256(key.encode()).digest()[:_DIGEST_BYTES]) for key in keys)
    return f"{total % 2 ** (8 * _DIGEST_BYTES):x}"


def is_as_in_ledger(result: PreflightResult, entries: Mapping[str, LedgerEntry]) -> bool:
    """Return whether the ledger has the rows' numbers of this input, and no two rows are equal.

    :param result: the result of the check of all rows.
    :param entries: the ledger.
    :return: true if the rows need not be read again in this try.
    """
    return all(key.endswith("-0") for key in result.numbers) and all(
        result.numbers.get(entry.key) == entry.number for entry in entries.values()
    )


def _refuse_external_id(row: RequestRow) -> str | None:
    name = row.values.get("external_task_id")
    return (
        "external_task_id cannot be given with idempotency_scope='inputs', which names the job."
        if name
        else None
    )

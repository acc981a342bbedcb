# SPDX-License-Identifier: Apache-2.0
"""Counts and rows of a batch for the preview. Pure: no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..batch.ledger_entry import LedgerEntry, RowState
from .batch_ledger import instance_of_row
from .serializers import BatchOverview, TaskInstanceRow, list_price, to_row

GROUPS: dict[RowState, str] = {
    RowState.DONE: "done",
    RowState.SUBMITTED: "running",
    RowState.OPEN: "waiting",
    RowState.PLANNED: "waiting",
    RowState.REFUSED: "refused",
    RowState.FAILED: "failed",
    RowState.INVALID: "failed",
    RowState.UNKNOWN: "failed",
    RowState.EXPIRED: "failed",
    RowState.REJECTED: "failed",
}
"""What people ask of a row, by the state in the ledger."""


@dataclass(frozen=True, slots=True)
class BatchQuery:
    """Which rows are asked for.

    :param group: one of the values of :data:`GROUPS`; empty for all.
    :param words: words that must all occur in a row's prompt, model, ids, error or labels.
    :param offset: rows to leave out at the beginning.
    :param limit: most rows of the page.
    """

    group: str = ""
    words: str = ""
    offset: int = 0
    limit: int = 100


def page_of_rows(
    instance: TaskInstanceRow, batch: BatchOverview, entries: Mapping[str, LedgerEntry], query: BatchQuery
) -> dict[str, Any]:
    """Return a page of a batch's rows and the numbers of the whole batch.

    :param instance: the batch's task instance.
    :param batch: what it said of its batch.
    :param entries: the ledger, by row key.
    :param query: which rows are asked for.
    :return: ``rows``, ``found`` (rows that fit the query), ``offset``, and of the whole batch ``total``,
        ``counts`` by group, ``units`` and ``cash``.
    """
    words = query.words.lower().split()
    found = [
        entry
        for entry in entries.values()
        if query.group in ("", GROUPS[entry.state]) and (not words or _matches(entry, words))
    ]
    found.sort(key=lambda entry: (entry.number, entry.key))
    page = found[query.offset : query.offset + query.limit]
    return {
        "rows": [to_row(instance_of_row(instance, batch, entry), entry) for entry in page],
        "found": len(found),
        "offset": query.offset,
        **batch_numbers(batch, entries),
    }


def batch_numbers(batch: BatchOverview, entries: Mapping[str, LedgerEntry]) -> dict[str, Any]:
    """Return the numbers of a batch.

    :param batch: what it said of its batch.
    :param entries: the ledger, by row key.
    :return: ``total`` rows, ``counts`` by group, charged ``units`` and ``cash`` by currency as text, and
        ``models``: jobs and units of each model.
    """
    counts: Counter[str] = Counter(GROUPS[entry.state] for entry in entries.values())
    units, cash = Decimal(0), dict[str, Decimal]()
    by_model: dict[str | None, tuple[int, Decimal]] = {}
    for entry in entries.values():
        charged = entry.charged or Decimal(0)
        units += charged
        if entry.task_id:
            jobs, so_far = by_model.get(entry.model_name, (0, Decimal(0)))
            by_model[entry.model_name] = (jobs + 1, so_far + charged)
        for currency, amount in entry.cash:
            cash[currency] = cash.get(currency, Decimal(0)) + amount
    models = [
        {"model": model, "jobs": jobs, "units": _number(sum_), "usd": list_price(batch.endpoint, str(sum_))}
        for model, (jobs, sum_) in by_model.items()
    ]
    # Rows that are not in the ledger yet were not looked at; rows of an earlier input may be too many.
    total = max(batch.rows, len(entries))
    counts["waiting"] += total - len(entries)
    return {
        "total": total,
        "counts": {group: counts[group] for group in dict.fromkeys(GROUPS.values())},
        "units": _number(units),
        "cash": {currency or "unknown": _number(amount) for currency, amount in cash.items()},
        "models": models,
    }


def _number(amount: Decimal) -> str:
    return f"{amount.normalize():f}"


def _matches(entry: LedgerEntry, words: list[str]) -> bool:
    labels = (f"{name}: {value}" for name, value in (entry.labels or {}).items())
    said = (entry.prompt, entry.model_name, entry.task_id, entry.external_task_id, entry.error, *labels)
    text = "\n".join(str(each) for each in said if each).lower() + f"\n#{entry.number}"
    return all(word in text for word in words)

# SPDX-License-Identifier: Apache-2.0
"""Charges of the vendor's ledgers, joined with the known jobs. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ..api.pricing import USD_PER_UNIT, amount_of
from ..api.response_values import id_text, milliseconds, signed_amount
from .known_jobs import KnownJob

UNITS = "units"
CASH = "cash"

_AMOUNTS = ("deduction_amount", "amount", "quota")
_COPIED = (
    *("product_function", "resolution", "duration", "package_id", "api_key_name"),
    *("cash_type", "list_price"),
)
_DOLLARS = "USD"
_PLAIN_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
LABEL = "label."
"""Prefix of the columns of labels in the CSV."""

COLUMNS = (
    *("task_id", "charged_at", "type", "amount", "currency", "package_type", "usd_at_list_price"),
    *("endpoint", "model", *_COPIED, "external_task_id"),
    *("dag_id", "run_id", "airflow_task_id", "map_index", "try_number", "owner"),
    *("known", "source", "labels"),
)
"""Keys of a row in JSONL, and columns of the CSV before those of the labels."""


@dataclass(slots=True)
class Sums:
    """Sums of charges.

    :param units: by the kind of package: units of each are worth different amounts.
    :param cash: by currency.
    :param usd: value of all charges in US dollars at list price.
    :param unreadable: charges whose amount cannot be read.
    """

    units: dict[str, Decimal] = field(default_factory=dict)
    cash: dict[str, Decimal] = field(default_factory=dict)
    usd: Decimal = Decimal(0)
    unreadable: int = 0

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a row.

        :param row: a row as :func:`rows_of` gives it.
        """
        amount = signed_amount(row["amount"])
        if amount is None:
            self.unreadable += 1
            return
        kind = row["package_type"] if row["type"] == UNITS else row["currency"]
        of = self.units if row["type"] == UNITS else self.cash
        of[kind or "unknown"] = of.get(kind or "unknown", Decimal(0)) + amount
        self.usd += signed_amount(row["usd_at_list_price"]) or 0

    def to_json(self) -> dict[str, Any]:
        """Return the sums as text, to be exact.

        :return: ``units`` and ``cash`` by kind, ``usd_at_list_price``, ``charges_without_amount``.
        """
        return {
            "units": {kind: plain(amount) for kind, amount in sorted(self.units.items())},
            "cash": {kind: plain(amount) for kind, amount in sorted(self.cash.items())},
            "usd_at_list_price": plain(self.usd),
            "charges_without_amount": self.unreadable,
        }


def rows_of(
    kind: str, lines: Iterable[Mapping[str, Any]], jobs: Mapping[str, KnownJob], end: int | None = None
) -> list[dict[str, Any]]:
    """Return a row for each charge, and for each refund one with a negative amount.

    :param kind: ``units`` or ``cash``.
    :param lines: lines of the vendor's ledger. A line that is there twice, as at the seam of two pages,
        counts once.
    :param jobs: the known jobs, by Kling's id.
    :param end: end of the period, Unix time in ms. A job that was created at this very time belongs to the
        next period; whether Kling lists it in both is not documented.
    :return: the rows.
    """
    seen: set[str] = set()
    rows = []
    for line in lines:
        mark = json.dumps(line, sort_keys=True, default=str)
        job = jobs.get(_task_id(line))
        of_next = end is not None and job is not None and job.created_at == end
        if mark not in seen and not of_next:
            seen.add(mark)
            rows.append(_row(kind, line, jobs))
    return rows


def in_order(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows by time, in the same order whenever they are asked for.

    :param rows: the rows.
    :return: the rows in order.
    """
    return sorted(
        rows, key=lambda row: (row["charged_at"] or "", row["task_id"], json.dumps(row, sort_keys=True))
    )


def not_in_ledger(
    jobs: Mapping[str, KnownJob], charged: Iterable[str], start: int, end: int
) -> Iterator[dict[str, Any]]:
    """Yield the stored jobs of a period that no line of a ledger has.

    Without jobs that Kling has reported as free.

    :param jobs: the known jobs.
    :param charged: ids of jobs that were charged.
    :param start: jobs created at this time or later, Unix time in ms.
    :param end: jobs created before this time.
    :return: rows with ``task_id``, ``created_at``, ``units`` and what is known of the job.
    """
    named = set(charged)
    for task_id, job in sorted(jobs.items()):
        made = job.created_at is not None and start <= job.created_at < end
        free = amount_of(job.units) == 0 and not job.in_cash
        if made and job.stored and task_id not in named and not free:
            yield {
                "task_id": task_id,
                "created_at": moment(job.created_at),
                "units": job.units,
                **_about(job),
            }


def csv_columns(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the columns of a CSV: the fixed ones, and one for each label.

    :param rows: the rows.
    :return: names of the columns.
    """
    keys = {key for row in rows for key in row["labels"]}
    return [*COLUMNS, *(f"{LABEL}{key}" for key in sorted(keys))]


def csv_cells(row: Mapping[str, Any], columns: Iterable[str]) -> list[str]:
    """Return the cells of a row; none of them is a formula to a spreadsheet.

    :param row: the row.
    :param columns: names of the columns.
    :return: the cells.
    """
    flat = {**row, "labels": json.dumps(row["labels"], ensure_ascii=False, sort_keys=True)}
    flat |= {f"{LABEL}{key}": value for key, value in row["labels"].items()}
    return [_cell(flat.get(column)) for column in columns]


def moment(milliseconds: int | None) -> str | None:
    """Return a time as ISO text in UTC.

    :param milliseconds: Unix time in ms.
    :return: the text.
    """
    if milliseconds is None:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return None


def plain(amount: Decimal) -> str:
    """Return an amount without an exponent.

    :param amount: the amount.
    :return: its text.
    """
    return f"{amount.normalize():f}"


def _row(kind: str, line: Mapping[str, Any], jobs: Mapping[str, KnownJob]) -> dict[str, Any]:
    task_id = _task_id(line)
    job = jobs.get(task_id)
    amount = next((found for name in _AMOUNTS if (found := signed_amount(line.get(name))) is not None), None)
    package = _text(line.get("product_type"))
    about = _about(job or KnownJob(task_id))
    return {
        "task_id": task_id,
        "charged_at": moment(milliseconds(line.get("deduction_time"))),
        "type": kind,
        "amount": None if amount is None else plain(amount),
        "currency": _text(line.get("currency")),
        "package_type": package,
        "usd_at_list_price": _dollars(kind, line, amount),
        **about,
        "model": _text(line.get("model_name")) or about["model"],
        **{name: _text(line.get(name)) for name in _COPIED},
        "known": job is not None,
    }


def _dollars(kind: str, line: Mapping[str, Any], amount: Decimal | None) -> str | None:
    """Return a charge in US dollars at list price; ``None`` if unknown."""
    if kind == CASH:
        listed = signed_amount(line.get("list_price"))
        if listed is None or amount is None:
            listed = amount if listed is None else listed
        else:
            # A refund has a negative amount, however its list price is written.
            listed = listed.copy_sign(amount)
        return plain(listed) if listed is not None and line.get("currency") == _DOLLARS else None
    price = USD_PER_UNIT.get(_text(line.get("product_type")) or "")
    return plain(amount * price) if amount is not None and price is not None else None


def _about(job: KnownJob) -> dict[str, Any]:
    airflow = job.airflow
    return {
        "endpoint": job.endpoint,
        "model": job.model,
        "external_task_id": job.external_task_id,
        "dag_id": airflow.get("dag_id"),
        "run_id": airflow.get("run_id"),
        "airflow_task_id": airflow.get("task_id"),
        "map_index": airflow.get("map_index"),
        "try_number": airflow.get("try_number"),
        "owner": airflow.get("owner"),
        "source": job.source or None,
        "labels": dict(job.labels),
    }


def _task_id(line: Mapping[str, Any]) -> str:
    return id_text(line.get("task_id")).strip()


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, bool | Mapping | list):
        return None
    return str(value) or None


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    unsafe = isinstance(value, str) and text.startswith(_FORMULA) and not _PLAIN_NUMBER.fullmatch(text)
    return f"'{text}" if unsafe else text

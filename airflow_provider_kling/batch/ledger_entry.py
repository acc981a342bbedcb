# SPDX-License-Identifier: Apache-2.0
"""A row's line in the ledger: its state, ids and cost."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any

from ..api.pricing import amount_of
from ..results.rejected_jobs import MEDIA_CHECK, rejection
from ..utils.json_input import read_json


class RowState(StrEnum):
    """State of a row."""

    PENDING = "open"
    """Not submitted."""
    INTENT = "planned"
    """The create call was about to be sent; if this is the last line, it may have been sent."""
    SUBMITTED = "submitted"
    """The job runs, or has ended and is not stored yet."""
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    """Refused for its content."""
    INVALID = "invalid"
    """Breaks a rule; no job exists."""
    UNKNOWN = "unknown"
    """Submitted, with an unknown outcome."""
    EXPIRED = "expired"
    """The job succeeded and is charged, but Kling has deleted the result."""
    REJECTED = "rejected"
    """The job succeeded, is charged and stored, but its files fail the media check."""


TERMINAL_FAILURES = (
    *(RowState.FAILED, RowState.REFUSED, RowState.INVALID, RowState.UNKNOWN),
    *(RowState.EXPIRED, RowState.REJECTED),
)
"""States of rows without a result that need a person."""

_NO_JOB = (RowState.PENDING, RowState.INVALID)
_NOT_CHARGED = (RowState.FAILED, RowState.REFUSED)


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A line of the ledger; a later one of the same key replaces it.

    :param key: the row's key.
    :param state: state of the row.
    :param number: the row's place in the input when the line was written, from 1.
    :param attempt: how many jobs of this row Kling has failed.
    :param clear_count: which clear of the task the line is from; 0 before the first.
    :param external_task_id: external id of the last job.
    :param task_id: Kling's id of that job.
    :param submitted_at: when Kling made it, Unix time in ms.
    :param estimate: estimated cost in units, as text.
    :param units: the charge in units, as Kling writes it.
    :param total: the charges in units and cash together, in units, as text; only with cash.
    :param charges: the charges in units and cash, as in results.
    :param error: why there is no result.
    :param facts: the manifest's part about the inputs; only while the job runs.
    :param result: its files, without Kling's URLs.
    :param labels: labels of the job.
    :param airflow: the task instance that submitted the job, as in a manifest.
    :param prompt: the beginning of its prompt, for people.
    :param model_name: the requested model.
    :param kling_conn_id: connection of the last account, in a batch with several accounts.
    :param rejected: earlier jobs of the row whose files fail the media check.
    """

    key: str
    state: RowState
    number: int
    attempt: int = 0
    clear_count: int = 0
    external_task_id: str | None = None
    task_id: str | None = None
    submitted_at: int | None = None
    estimate: str | None = None
    units: str | None = None
    charges: Sequence[Mapping[str, Any]] | None = None
    error: str | None = None
    facts: Mapping[str, Any] | None = None
    result: Mapping[str, Any] | None = None
    labels: Mapping[str, str] | None = None
    airflow: Mapping[str, Any] | None = None
    prompt: str | None = None
    model_name: str | None = None
    kling_conn_id: str | None = None
    rejected: Sequence[Mapping[str, Any]] | None = None
    total: str | None = None

    def with_state(self, state: RowState, **changes: Any) -> LedgerEntry:
        """Return the line for the row's next state.

        :param state: the next state.
        :param changes: further fields that change.
        :return: the line.
        """
        return replace(self, state=state, **changes)

    def with_rejected_job(self, take: str, clear_count: int) -> LedgerEntry:
        """Return the line of a row that is submitted again because the files of its job fail the media check.

        :param take: which take that job was; empty for the first one.
        :param clear_count: which clear of the task the job counts for.
        :return: the line, with that job among the rejected ones.
        """
        verdict = (self.result or {}).get(MEDIA_CHECK) or {"files": []}
        about = {
            **rejection({"task_id": self.task_id, "units": self.units}, take, verdict),
            "external_task_id": self.external_task_id,
            "estimate": self.estimate,
            "charges": self.charges,
            "total": self.total,
            "generation": clear_count,
        }
        known = {name: value for name, value in about.items() if value is not None}
        # Another attempt has another external id, also if the row sets its own.
        return LedgerEntry(
            self.key,
            RowState.PENDING,
            self.number,
            attempt=self.attempt + 1,
            clear_count=self.clear_count,
            labels=self.labels,
            airflow=self.airflow,
            rejected=[*(self.rejected or ()), known],
        )

    @property
    def committed_units(self) -> Decimal:
        """Cost of the row in units: charges if known, otherwise estimates; rejected jobs included."""
        earlier = (_job_cost(job) or Decimal(0) for job in self.rejected or ())
        return self._own_units + sum(earlier, Decimal(0))

    @property
    def _own_units(self) -> Decimal:
        if self.state in _NO_JOB:
            return Decimal(0)
        # Kling is not known to charge failed jobs, so they cost nothing unless it reports a charge.
        in_units = amount_of(self.units)
        if self.state in _NOT_CHARGED and in_units is None and not self.charges:
            return Decimal(0)
        known = _known_cost(self.units, self.charges, self.total, self.estimate)
        return in_units or Decimal(0) if known is None else known

    @property
    def known_charge(self) -> Decimal | None:
        """Charge of the row's job in units and cash together, in units; ``None`` if a part is not known."""
        return _known_charge(self.units, self.charges, self.total)

    @property
    def charged_units(self) -> Decimal | None:
        """Charge of the row in units, rejected jobs included; ``None`` if not known."""
        own = amount_of(self.units)
        earlier = (amount_of(job.get("units")) for job in self.rejected or ())
        known = [units for units in earlier if units is not None]
        return sum(known, own or Decimal(0)) if known else own

    @property
    def cash(self) -> Iterator[tuple[str, Decimal]]:
        """Charge of the row in cash: currency (empty if not known) and amount."""
        earlier = (row for job in self.rejected or () for row in job.get("charges") or ())
        for row in (*(self.charges or ()), *earlier):
            paid = amount_of(row.get("amount"))
            if row.get("type") == "cash" and paid is not None:
                yield str(row.get("currency") or ""), paid

    @property
    def is_reused(self) -> bool:
        """Whether the row's result is of a job of another task or run."""
        return self.state is RowState.DONE and "reused_from" in (self.result or {})

    @property
    def has_unknown_cost(self) -> bool:
        """Whether the row has or may have a cost that is not known."""
        if any(_job_cost(job) is None for job in self.rejected or ()):
            return True
        if self.state in _NO_JOB or (self.state in _NOT_CHARGED and not self.charges):
            return False
        return _known_cost(self.units, self.charges, self.total, self.estimate) is None

    def to_line(self) -> str:
        """Return the line as JSON, without fields that are not known.

        :return: the text.
        """
        values = {_JSON_KEYS.get(name, name): getattr(self, name) for name in _NAMES}
        known = {name: value for name, value in values.items() if value not in (None, 0) or name == "number"}
        return json.dumps(known, ensure_ascii=False, separators=(",", ":"))


def _job_cost(job: Mapping[str, Any]) -> Decimal | None:
    return _known_cost(*(job.get(name) for name in ("units", "charges", "total", "estimate")))


def _known_charge(units: Any, charges: Any, total: Any) -> Decimal | None:
    in_cash = any(row.get("type") == "cash" for row in charges or ())
    return amount_of(total if in_cash else units)


def _known_cost(units: Any, charges: Any, total: Any, estimate: Any) -> Decimal | None:
    """Return the charge of a job if all of it is known, else its estimate; ``None`` without both."""
    charged = _known_charge(units, charges, total)
    if charged is not None:
        return charged
    expected = amount_of(estimate)
    # The part in units is known, and may be more than was expected of all.
    return None if expected is None else max(expected, amount_of(units) or expected)


_PROMPT_LENGTH = 160


def request_summary(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the readable part of a request for a line, of limited length.

    :param facts: the manifest's part about the inputs.
    :return: values of the fields ``prompt`` and ``model_name``.
    """
    prompt, model = facts.get("prompt"), facts.get("model_name")
    # Rows share the text: a batch of 100,000 rows has their lines in memory.
    return {
        "prompt": prompt[:_PROMPT_LENGTH] if isinstance(prompt, str) else None,
        "model_name": sys.intern(model) if isinstance(model, str) else None,
    }


_NAMES = tuple(field.name for field in fields(LedgerEntry))
_JSON_KEYS = {"clear_count": "generation"}
_FIELDS = {_JSON_KEYS.get(name, name): name for name in _NAMES}
"""The fields by their keys in a line."""


def parse_line(line: str | bytes) -> LedgerEntry | None:
    """Parse a line of a ledger.

    :param line: the line, as text or in UTF-8.
    :return: the line; ``None`` if it is incomplete, as in a storage that shows half a file.
    """
    try:
        values = read_json(line.decode() if isinstance(line, bytes) else line)
        # A newer version of the package may have added keys.
        known = {
            _FIELDS[key]: shared_value(value) if key in _SHARED else value
            for key, value in values.items()
            if key in _FIELDS
        }
        entry = LedgerEntry(**{**known, "state": RowState(known["state"])})
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return entry if _is_valid(entry) else None


_SHARED = ("labels", "airflow")
"""Keys whose values are equal in most lines: 100,000 lines are of few task instances."""


def shared_value(value: Any) -> Any:
    """Return an equal value that exists already, so that many lines share one in memory.

    :param value: a value of a line, as read from JSON.
    :return: an equal value.
    """
    return None if value is None else _cached_json(json.dumps(value))


@lru_cache(maxsize=1000)
def _cached_json(text: str) -> Any:
    return read_json(text)


def _is_valid(entry: LedgerEntry) -> bool:
    """Whether the values are of the types that were written."""
    numbers = (entry.number, entry.attempt, entry.clear_count, entry.submitted_at or 0)
    texts = (
        *(entry.external_task_id, entry.task_id, entry.estimate, entry.units, entry.total),
        *(entry.error, entry.prompt, entry.model_name, entry.kling_conn_id),
    )
    return (
        isinstance(entry.key, str)
        and bool(entry.key)
        and all(type(number) is int and number >= 0 for number in numbers)
        and all(text is None or isinstance(text, str) for text in texts)
        and all(part is None or isinstance(part, Mapping) for part in _parts(entry))
        and (entry.charges is None or isinstance(entry.charges, list))
        and all(isinstance(row, Mapping) for row in entry.charges or ())
        and (entry.rejected is None or isinstance(entry.rejected, list))
        and all(isinstance(job, Mapping) for job in entry.rejected or ())
    )


def _parts(entry: LedgerEntry) -> tuple[Any, ...]:
    return (entry.facts, entry.result, entry.labels, entry.airflow)

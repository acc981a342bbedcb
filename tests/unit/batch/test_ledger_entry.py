# SPDX-License-Identifier: Apache-2.0
"""Lines of the ledger: what they hold, what they cost, what a reader makes of strange ones."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_kling.batch.ledger_entry import TERMINAL_FAILURES, LedgerEntry, RowState, parse_line
from airflow_provider_kling.batch.progress import Progress
from tests.support.examples import examples

TEXT = st.none() | st.text(min_size=1)
ITEMS = st.lists(st.dictionaries(st.text(), st.text()))
ENTRIES = st.builds(
    LedgerEntry,
    key=st.text(min_size=1),
    state=st.sampled_from(RowState),
    number=st.integers(0, 10_000),
    attempt=st.integers(0, 5),
    clear_count=st.integers(0, 5),
    external_task_id=TEXT,
    task_id=TEXT,
    submitted_at=st.none() | st.integers(1, 2**45),
    estimate=TEXT,
    units=TEXT,
    error=TEXT,
    facts=st.none() | st.dictionaries(st.text(), st.text(), min_size=1),
    result=st.none() | st.dictionaries(st.text(), ITEMS, min_size=1),
)


@given(ENTRIES)
@settings(max_examples=examples(50), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_an_entry_is_written_as_one_line_with_all_known_fields(entry: LedgerEntry) -> None:
    line = entry.to_line()
    assert "\n" not in line
    assert parse_line(line) == entry


def test_unknown_fields_of_an_entry_are_not_written() -> None:
    line = LedgerEntry("a", RowState.SUBMITTED, 3, task_id="8").to_line()
    assert json.loads(line) == {"key": "a", "state": "submitted", "number": 3, "task_id": "8"}


@given(ENTRIES, st.integers(0, 400))
@settings(max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_truncated_line_is_not_parsed(entry: LedgerEntry, length: int) -> None:
    line = entry.to_line()
    assert parse_line(line[: min(length, len(line) - 1)]) is None


@pytest.mark.parametrize("line", ["", "[]", "null", "7", '{"key": "a"}', '{"state": "done"}'])
def test_other_json_is_not_parsed(line: str) -> None:
    assert parse_line(line) is None


def test_unknown_keys_are_ignored() -> None:
    entry = LedgerEntry("a", RowState.DONE, 1, units="3")
    assert parse_line(json.dumps({**json.loads(entry.to_line()), "colour": "green"})) == entry


@pytest.mark.parametrize("state", RowState)
def test_the_cost_is_the_known_charge_or_else_the_estimate(state: RowState) -> None:
    free = state in (RowState.PENDING, RowState.INVALID)
    expected = LedgerEntry("a", state, 1, estimate="4")
    charged = LedgerEntry("a", state, 1, estimate="4", units="3")
    assert charged.committed_units == (0 if free else 3)
    assert expected.committed_units == (0 if free or state in (RowState.FAILED, RowState.REFUSED) else 4)
    assert LedgerEntry("a", state, 1).committed_units == Decimal(0)


def test_a_charge_of_zero_is_a_known_charge() -> None:
    assert LedgerEntry("a", RowState.DONE, 1, estimate="4", units="0").committed_units == 0


def test_no_failed_row_counts_as_done_or_running() -> None:
    assert set(RowState) - set(TERMINAL_FAILURES) == {
        RowState.PENDING,
        RowState.INTENT,
        RowState.SUBMITTED,
        RowState.DONE,
    }


@pytest.mark.parametrize(
    "units", ["3,5", "N/A", "NaN", "sNaN", "-1", "inf", "-Infinity", "1e999999", "", " "]
)
def test_an_invalid_charge_is_unknown(units: str) -> None:
    line = LedgerEntry("a", RowState.DONE, 1, estimate="2", units=units)
    assert line.charged_units is None
    assert line.committed_units == Decimal(2)
    assert not line.has_unknown_cost
    tally = Progress(1, {"a"})
    tally.load([line])
    assert (tally.committed_units, tally.charged_units, tally.done_without_charge) == (
        Decimal(2),
        Decimal(0),
        1,
    )
    assert line.with_state(RowState.FAILED).committed_units == 0


@pytest.mark.parametrize("estimate", ["x", "NaN", None])
def test_a_job_without_charge_and_estimate_has_an_unknown_cost(estimate: str | None) -> None:
    line = LedgerEntry("a", RowState.DONE, 1, estimate=estimate)
    assert line.has_unknown_cost
    assert not line.with_state(RowState.PENDING).has_unknown_cost
    assert not line.with_state(RowState.FAILED).has_unknown_cost


CASH = {"type": "cash", "amount": "0.35", "currency": "USD", "list_price": "0.42", "package": None}


def test_cash_is_counted_by_currency() -> None:
    paid = LedgerEntry("a", RowState.DONE, 1, estimate="2", charges=[CASH, {"type": "units", "amount": "1"}])
    odd = LedgerEntry(
        "b", RowState.DONE, 2, charges=[{"type": "cash", "amount": "NaN"}, {**CASH, "currency": None}]
    )
    assert parse_line(paid.to_line()) == paid
    tally = Progress(2, {"a", "b"})
    tally.load([paid, odd])
    assert tally.to_json()["cash_charged"] == {"USD": "0.35", "unknown": "0.35"}
    assert tally.done_without_charge == 0
    assert " units and 0.35 USD and 0.35 charged; " in tally.format_line(60)
    tally.update(paid, paid.with_state(RowState.DONE, charges=None))
    assert tally.to_json()["cash_charged"] == {"unknown": "0.35"}


IN_CASH = {"charges": [{"type": "units", "amount": "2"}, CASH]}


@pytest.mark.parametrize(
    ("facts", "cost", "unknown"),
    [
        ({**IN_CASH, "units": "2", "total": "5", "estimate": "3"}, 5, False),
        ({**IN_CASH, "units": "2", "total": "5"}, 5, False),
        ({"charges": [CASH], "total": "30", "estimate": "3"}, 30, False),
        ({"charges": [CASH], "total": "2.5", "estimate": "3"}, Decimal("2.5"), False),
        # The value of the cash is not known: the estimate counts, or the part in units if it is more.
        ({**IN_CASH, "units": "2", "estimate": "3"}, 3, False),
        ({**IN_CASH, "units": "4", "estimate": "3"}, 4, False),
        ({**IN_CASH, "units": "2"}, 2, True),
        ({"charges": [CASH]}, 0, True),
        ({"charges": [CASH], "total": "x", "estimate": "3"}, 3, False),
    ],
    ids=[
        *("both", "both without an estimate", "cash above the estimate", "cash below the estimate"),
        *("cash of unknown value", "units above the estimate", "units, and cash of unknown value"),
        *("nothing known", "total that is no number"),
    ],
)
@pytest.mark.parametrize("state", [RowState.DONE, RowState.SUBMITTED, RowState.FAILED])
def test_a_charge_in_cash_counts_as_cost(
    state: RowState, facts: dict[str, Any], cost: Decimal, unknown: bool
) -> None:
    entry = LedgerEntry("a", state, 1, **facts)
    assert (entry.committed_units, entry.has_unknown_cost) == (cost, unknown)
    assert parse_line(entry.to_line()) == entry
    # As a rejected job of a row that is made again.
    again = entry.with_rejected_job("", 0)
    assert (again.committed_units, again.has_unknown_cost) == (cost if not unknown else 0, unknown)


@pytest.mark.parametrize("charges", ['"free"', "5", "[5]", "{}"])
def test_a_line_with_invalid_charges_is_damaged(charges: str) -> None:
    assert parse_line(f'{{"key":"a","state":"done","number":1,"charges":{charges}}}') is None


FILES = [{"path": "a", "failures": ["b"]}]
REJECTED = {
    "task_id": "1",
    "take": "",
    "units": "8",
    "generation": 0,
    "files": FILES,
}
OPEN, DONE = RowState.PENDING, RowState.DONE


@pytest.mark.parametrize(
    ("entry", "cost", "charged", "unknown"),
    [
        (LedgerEntry("a", OPEN, 1, rejected=[REJECTED]), 8, 8, False),
        (LedgerEntry("a", DONE, 1, units="4", rejected=[REJECTED, REJECTED]), 20, 20, False),
        (LedgerEntry("a", DONE, 1, estimate="4", rejected=[REJECTED]), 12, 8, False),
        (LedgerEntry("a", DONE, 1, units="4", rejected=[{"estimate": "5"}]), 9, 4, False),
        (LedgerEntry("a", DONE, 1, units="4", rejected=[{"task_id": "1"}]), 4, 4, True),
        (LedgerEntry("a", RowState.FAILED, 1, rejected=[{"units": "NaN"}]), 0, None, True),
    ],
    ids=["open", "two", "own estimate", "earlier estimate", "unknown", "no number"],
)
def test_rejected_jobs_of_a_row_count_for_its_cost(
    entry: LedgerEntry, cost: int, charged: int | None, unknown: bool
) -> None:
    assert (entry.committed_units, entry.charged_units, entry.has_unknown_cost) == (cost, charged, unknown)
    assert parse_line(entry.to_line()) == entry


def test_a_resubmitted_row_has_its_rejected_job() -> None:
    verdict = {"passed": False, "files": FILES, "checked": 1}
    made = LedgerEntry(
        *("a", RowState.SUBMITTED, 3),
        clear_count=1,
        external_task_id="af-1",
        task_id="7",
        submitted_at=5,
        estimate="8",
        units="8",
        charges=[CASH],
        facts={"prompt": "a boat"},
        result={"media_check": verdict},
        labels={"team": "shop"},
        kling_conn_id="second",
        rejected=[REJECTED],
    )
    opened = made.with_rejected_job("2", 1)
    last = {
        **{"task_id": "7", "take": "2", "units": "8", "files": FILES},
        **{"external_task_id": "af-1", "estimate": "8", "charges": [CASH], "generation": 1},
    }
    assert opened == LedgerEntry(
        "a", OPEN, 3, attempt=1, clear_count=1, labels={"team": "shop"}, rejected=[REJECTED, last]
    )
    assert list(opened.cash) == [("USD", Decimal("0.35"))]
    assert opened.committed_units == 16


@pytest.mark.parametrize("rejected", ['"none"', "5", "[5]", "{}"])
def test_a_line_with_invalid_rejected_jobs_is_damaged(rejected: str) -> None:
    assert parse_line(f'{{"key":"a","state":"open","number":1,"rejected":{rejected}}}') is None

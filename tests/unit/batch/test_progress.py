# SPDX-License-Identifier: Apache-2.0
"""Counts, costs and the limit of a batch."""

from __future__ import annotations

from decimal import Decimal

from airflow_provider_kling.batch.ledger_entry import LedgerEntry, RowState
from airflow_provider_kling.batch.progress import Budget, Progress


def line(state: RowState, **more: object) -> LedgerEntry:
    return LedgerEntry("a", state, 1, **more)  # type: ignore[arg-type]


def budget_of(limit: str | None, spent: str = "0") -> Budget:
    return Budget(None if limit is None else Decimal(limit), Progress(1, (), committed_units=Decimal(spent)))


def test_the_limit_may_be_reached_and_not_exceeded() -> None:
    assert budget_of("10", "7").can_afford(Decimal(3))
    assert not budget_of("10", "7").can_afford(Decimal("3.1"))
    assert budget_of("10", "10").can_afford(Decimal(0))
    assert not budget_of("10", "10").can_afford(None)
    assert budget_of("10", "9.9").can_afford(None)
    assert budget_of(None, "1000000").can_afford(Decimal(1000))
    assert not budget_of("0").can_afford(None)


def test_a_job_without_estimate_is_expected_to_cost_the_highest_charge_so_far() -> None:
    budget = budget_of("100")
    assert budget.expected_cost(None) is None
    budget.record_charge(Decimal("2"))
    budget.record_charge(Decimal("5.5"))
    budget.record_charge(Decimal("1"))
    budget.record_charge(None)
    assert budget.expected_cost(None) == Decimal("5.5")
    assert budget.expected_cost(Decimal(3)) == 3


def test_counts_and_costs_follow_the_state_of_a_row() -> None:
    progress = Progress(3, ("a", "b", "c"))
    planned = line(RowState.INTENT, estimate="3")
    submitted = planned.with_state(RowState.SUBMITTED)
    done = submitted.with_state(RowState.DONE, units="2.5")
    progress.update(None, planned)
    assert (progress.committed_units, progress.remaining, progress.running) == (3, 3, 0)
    progress.update(planned, submitted)
    assert (progress.committed_units, progress.remaining, progress.running) == (3, 2, 1)
    progress.update(submitted, done)
    assert (progress.committed_units, progress.charged_units, progress.done, progress.remaining) == (
        Decimal("2.5"),
        Decimal("2.5"),
        1,
        2,
    )
    assert progress.ended == 1


def test_removed_rows_count_only_for_the_costs() -> None:
    progress = Progress(1, ("b",))
    progress.load([line(RowState.DONE, units="3"), line(RowState.FAILED)])
    assert (progress.charged_units, progress.done, progress.failed, progress.remaining) == (3, 0, 0, 1)


def test_an_unknown_charge_does_not_count_as_zero() -> None:
    progress = Progress(1, ("a",), estimate=Decimal("3.10"))
    progress.load([line(RowState.DONE, estimate="3.10")])
    summary = progress.to_json()
    assert (summary["units_charged"], summary["done_without_charge"]) == ("0", 1)
    assert summary["units_estimated"] == "3.1"


def test_the_progress_is_formatted_as_one_line() -> None:
    progress = Progress(100, (), ended=32, charged_units=Decimal("90.0"))
    progress.states.update({RowState.DONE: 30, RowState.SUBMITTED: 10, RowState.FAILED: 2})
    assert progress.format_line(60) == (
        "30 of 100 done, 10 running, 2 failed; 90 video units charged; 32.0 a minute, about 2 min left"
    )
    progress.skipped["budget"] = 58
    assert ", 58 skipped; " in progress.format_line(60)
    assert "about 19 s left" in progress.format_line(60)
    progress.ended = 0
    assert "time left unknown" in progress.format_line(60)
    assert "time left unknown" in progress.format_line(0)
    progress.ended, progress.rows = 1, 6000
    assert "h " in progress.format_line(60)

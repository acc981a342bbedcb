# SPDX-License-Identifier: Apache-2.0
"""Lines of the ledger: what they hold, what they cost, what a reader makes of strange ones."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_kling.batch.entry import LOST, Entry, State, read_line

TEXT = st.none() | st.text(min_size=1)
ITEMS = st.lists(st.dictionaries(st.text(), st.text()))
ENTRIES = st.builds(
    Entry,
    key=st.text(min_size=1),
    state=st.sampled_from(State),
    number=st.integers(0, 10_000),
    attempt=st.integers(0, 5),
    generation=st.integers(0, 5),
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
@settings(max_examples=50)
def test_a_line_says_all_that_is_known_and_is_one_line(entry: Entry) -> None:
    line = entry.to_line()
    assert "\n" not in line
    assert read_line(line) == entry


def test_a_line_leaves_out_what_is_not_known() -> None:
    line = Entry("a", State.SUBMITTED, 3, task_id="8").to_line()
    assert json.loads(line) == {"key": "a", "state": "submitted", "number": 3, "task_id": "8"}


@given(ENTRIES, st.integers(0, 400))
@settings(max_examples=30)
def test_a_cut_line_is_no_line(entry: Entry, length: int) -> None:
    line = entry.to_line()
    assert read_line(line[: min(length, len(line) - 1)]) is None


@pytest.mark.parametrize("line", ["", "[]", "null", "7", '{"key": "a"}', '{"state": "done"}'])
def test_what_is_no_entry_is_no_line(line: str) -> None:
    assert read_line(line) is None


def test_what_a_newer_version_has_added_is_passed_over() -> None:
    entry = Entry("a", State.DONE, 1, units="3")
    assert read_line(json.dumps({**json.loads(entry.to_line()), "colour": "green"})) == entry


@pytest.mark.parametrize("state", State)
def test_the_cost_is_the_charge_if_known_else_the_estimate(state: State) -> None:
    free = state in (State.OPEN, State.INVALID)
    expected = Entry("a", state, 1, estimate="4")
    charged = Entry("a", state, 1, estimate="4", units="3")
    assert charged.cost == (0 if free else 3)
    assert expected.cost == (0 if free or state in (State.FAILED, State.REFUSED) else 4)
    assert Entry("a", state, 1).cost == Decimal(0)


def test_a_charge_of_nothing_is_a_charge() -> None:
    assert Entry("a", State.DONE, 1, estimate="4", units="0").cost == 0


def test_no_lost_row_counts_as_done_or_under_way() -> None:
    assert set(State) - set(LOST) == {State.OPEN, State.PLANNED, State.SUBMITTED, State.DONE}

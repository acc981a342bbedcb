# SPDX-License-Identifier: Apache-2.0
"""A ledger in the API server's memory: the same rows and numbers as from all parsed lines, in less memory."""

from __future__ import annotations

import random
import tracemalloc
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_kling.batch.ledger_entry import LedgerEntry, RowState
from airflow_provider_kling.plugins.batch_ledger import GROUPS, batch_numbers
from airflow_provider_kling.plugins.batch_lines import BLOCK_LINES, LineFile, StoredRows
from airflow_provider_kling.plugins.serializers import BatchOverview

pytestmark = pytest.mark.airflow

OVERVIEW = BatchOverview(endpoint="images/generations", clear_count=0, rows=500)
CASH = [{"type": "cash", "amount": "0.4", "currency": "USD"}]


def line(number: int, state: RowState = RowState.DONE, **more: Any) -> LedgerEntry:
    values = {"task_id": str(number), "units": "8", "prompt": f"product {number}", "model_name": "kling-v2-1"}
    file = {"index": 0, "path": f"/data/out/8{number:017d}/0-image.png", "bytes": 123456, "sha256": "ab" * 32}
    result = {"images": [file]} if state is RowState.DONE else None
    return LedgerEntry(f"{number:024x}-0", state, number, **{**values, "result": result, **more})


def file_of(*entries: LedgerEntry) -> LineFile:
    content = "".join(f"{entry.to_line()}\n" for entry in entries).encode(errors="backslashreplace")
    return LineFile("1-a.jsonl", content, lambda entry: entry.error != "hidden")


def odd_rows(choose: random.Random, count: int) -> list[LedgerEntry]:
    """Lines of all states in any order, several of one row."""
    more: list[dict[str, Any]] = [
        {"charges": CASH, "units": "2"},
        {"units": None, "task_id": None, "model_name": None},
        {"rejected": [{"task_id": "1", "units": "5", "charges": CASH}]},
        {"labels": {"Team": "Shop"}, "error": "no face \ud800"},
        {"error": "hidden"},
        {},
    ]
    states = list(RowState)
    return [line(choose.randrange(40), choose.choice(states), **choose.choice(more)) for _ in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_rows_and_numbers_are_those_of_all_parsed_lines(seed: int) -> None:
    choose = random.Random(seed)
    parts = [odd_rows(choose, choose.choice([1, BLOCK_LINES - 1, BLOCK_LINES, 150])) for _ in range(3)]
    plain: dict[str, LedgerEntry] = {}
    for entry in (entry for part in parts for entry in part if entry.error != "hidden"):
        if entry.key not in plain or plain[entry.key].state is not RowState.DONE:
            plain[entry.key] = entry
    rows = StoredRows([file_of(*part) for part in parts])
    found = rows.find(set(RowState), [])
    assert StoredRows.entries_of(found) == sorted(plain.values(), key=lambda entry: entry.number)
    assert all(rows.get(key) == entry for key, entry in plain.items())
    assert rows.get("another") is None
    assert {key for key in plain if rows.is_done(key)} == {
        key for key, entry in plain.items() if entry.state is RowState.DONE
    }
    numbers = batch_numbers(OVERVIEW, rows)
    units = sum((entry.charged_units or Decimal(0) for entry in plain.values()), Decimal(0))
    cash = sum((amount for entry in plain.values() for _, amount in entry.cash), Decimal(0))
    assert Decimal(numbers["units"]) == units
    assert Decimal(numbers["cash"].get("USD", 0)) == cash
    assert numbers["counts"]["failed"] == sum(GROUPS[entry.state] == "failed" for entry in plain.values())
    assert sum(numbers["counts"].values()) == 500
    assert sum(model["jobs"] for model in numbers["models"]) == sum(map(bool, map(_job, plain.values())))


def _job(entry: LedgerEntry) -> str | None:
    return entry.task_id


def test_words_are_found_in_all_texts_of_the_latest_line() -> None:
    earlier = file_of(line(1, RowState.FAILED, error="no face"), *(line(number) for number in range(2, 90)))
    later = file_of(line(1, error=None, labels={"Team": "Shop"}), line(90, RowState.REFUSED, error="A Word"))
    rows, all_states = StoredRows([earlier, later]), set(RowState)
    for words, numbers in (
        ("face", []),
        ("team: shop", [1]),
        ("product #7", [7, *range(70, 80)]),
        ("word", [90]),
        ("no\0thing", []),
    ):
        assert [row.number for row in rows.find(all_states, words.split(" "))] == numbers
    assert [row.number for row in rows.find({RowState.REFUSED}, ["product"])] == [90]


def test_a_large_ledger_takes_little_memory() -> None:
    """A parsed line takes 2,000 bytes and more."""
    peaks = []
    for count in (500, 2500):
        parts = [
            "".join(f"{line(number).to_line()}\n" for number in range(at, at + 100)).encode()
            for at in range(0, count, 100)
        ]
        tracemalloc.start()
        rows = StoredRows([LineFile("1-a.jsonl", part, lambda _: True) for part in parts])
        assert len(StoredRows.entries_of(rows.find({RowState.DONE}, ["product"])[-100:])) == 100
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (peaks[1] - peaks[0]) / 2000 < 700

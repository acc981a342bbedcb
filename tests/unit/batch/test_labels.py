# SPDX-License-Identifier: Apache-2.0
"""For whom the rows of a batch are made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_kling.batch.input import row_reader
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingRequestInvalid

from .conftest import Batch, rows


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_labels_of_batch_and_row_are_stored_with_the_cost(kling_emulator: Emulator, tmp_path: Path) -> None:
    batch = Batch(str(tmp_path), labels={"team": "shop", "campaign": "spring"})
    first, second = rows(2)
    batch.run([{**first, "labels": {"campaign": "summer", "sku": 7}}, second])
    expected = [
        {"team": "shop", "campaign": "summer", "sku": "7"},
        {"team": "shop", "campaign": "spring"},
    ]
    results = lines(tmp_path / "results.jsonl")
    assert [line["labels"] for line in results] == expected
    assert {line["airflow"]["dag_id"] for line in results} == {"shop"}  # type: ignore[index]
    (ledger,) = (tmp_path / "_ledger").iterdir()
    written = [line for file in ledger.iterdir() for line in lines(file)]
    assert all(line["labels"] in expected and line["airflow"]["task_id"] == "batch" for line in written)  # type: ignore[index]
    manifests = [json.loads(file.read_text()) for file in tmp_path.glob("*/manifest.json")]
    assert sorted(map(str, (one["labels"] for one in manifests))) == sorted(map(str, expected))
    assert all("labels" not in job.body for job in kling_emulator.jobs)


def test_changed_labels_cause_no_second_charge(kling_emulator: Emulator, tmp_path: Path) -> None:
    batch = Batch(str(tmp_path))
    batch.run([{**row, "labels": {"team": "shop"}} for row in rows(2)])
    again = batch.clear().run([{**row, "labels": {"team": "press"}} for row in rows(2)])
    assert (again["done"], again["made"], len(kling_emulator.jobs)) == (2, 0, 2)
    assert [row.key for row in row_reader(rows(2))()] == [
        row.key for row in row_reader([{**row, "labels": {"a": "b"}} for row in rows(2)])()
    ]


def test_a_row_with_invalid_labels_is_not_submitted(kling_emulator: Emulator, tmp_path: Path) -> None:
    good, bad = rows(2)
    with pytest.raises(KlingRequestInvalid):
        Batch(str(tmp_path)).run([good, {**bad, "labels": ["a"]}])
    (failed,) = lines(tmp_path / "failures.jsonl")
    assert "'labels': ['a']; expected " in str(failed["error"])
    assert len(kling_emulator.jobs) == 1

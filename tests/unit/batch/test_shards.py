# SPDX-License-Identifier: Apache-2.0
"""One input over several instances: each row in one of them, the account's slots in equal shares."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.batch.config import Shard, parse_shard
from airflow_provider_kling.batch.input import row_reader
from airflow_provider_kling.budget import KlingBudget
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingBudgetSpent, KlingRequestInvalid
from tests.support.dag_runs import run as run_dag
from tests.unit.batch.conftest import Batch, rows
from tests.unit.operators.conftest import context_of

__all__ = ["run_dag"]


@pytest.mark.parametrize(
    ("shard", "shards", "expected"),
    [
        (None, None, None),
        (0, 4, Shard(0, 4)),
        ("3", "4", Shard(3, 4)),
        ("1/4", None, Shard(1, 4)),
        (" 1 / 4 ", None, Shard(1, 4)),
        ("0/1", 1, Shard(0, 1)),
    ],
)
def test_a_shard_is_parsed_from_several_forms(shard: Any, shards: Any, expected: Shard | None) -> None:
    assert parse_shard(shard, shards) == expected


@pytest.mark.parametrize(
    ("shard", "shards"),
    [(4, 4), (-1, 4), (0, None), (None, 4), ("0/0", None), ("a/b", None), ("1/4", 5), ("", 4)],
)
def test_an_invalid_shard_is_refused_when_the_dag_is_parsed(batch: Batch, shard: Any, shards: Any) -> None:
    with pytest.raises(KlingRequestInvalid, match="shard"):
        batch.operator(rows(1), shard=shard, shards=shards)


def test_each_row_is_always_in_the_same_shard() -> None:
    all_rows = row_reader([*rows(1000), *rows(1)])
    parts = [list(Shard(index, 4).reader(all_rows)()) for index in range(4)]
    assert sorted(row.number for part in parts for row in part) == list(range(1, 1002))
    assert all(200 < len(part) < 300 for part in parts)
    fewer = {row.key for row in Shard(0, 4).reader(row_reader(rows(500)))()}
    assert fewer <= {row.key for row in parts[0]}


@pytest.mark.parametrize(("concurrency", "shares"), [(20, [7, 7, 6]), (2, [1, 1, 1])])
def test_slots_are_shared_equally_between_shards(concurrency: int, shares: list[int]) -> None:
    assert [Shard(index, 3).slots(concurrency) for index in range(3)] == shares


def part(batch: Batch, index: int, count: int, requests: Any = None, **more: Any) -> dict[str, Any]:
    """Run one part as the mapped instance of its number."""
    ti = replace(batch.ti, map_index=index)
    operator = batch.operator(requests or rows(12), shard=index, shards=count, **more)
    return operator.execute(context_of(ti))


def test_shards_submit_every_row_once_and_have_separate_reports(kling: Emulator, batch: Batch) -> None:
    summaries = [part(batch, index, 3) for index in range(3)]
    assert sum(summary["rows"] for summary in summaries) == 12
    assert len(kling.jobs) == len({job.external_task_id for job in kling.jobs}) == 12
    lines = [line for index in range(3) for line in batch.lines(f"part-{index:04d}/results.jsonl")]
    assert sorted(line["row"] for line in lines) == list(range(1, 13))


def test_another_number_of_shards_causes_no_second_charge(kling: Emulator, batch: Batch) -> None:
    for index in range(2):
        part(batch, index, 2)
    batch.clear()
    done = sum(part(batch, index, 3)["done"] for index in range(3))
    assert done == 12
    assert len(kling.jobs) == 12


def test_shards_share_one_budget(kling: Emulator, batch: Batch, tmp_path: Path) -> None:
    budget = KlingBudget("shop", 5 * 8, path=str(tmp_path / "budget"))
    made = 0
    for index in range(3):
        try:
            made += part(batch, index, 3, budget=budget)["done"]
        except KlingBudgetSpent:
            continue
    assert len(kling.jobs) == 5


def test_the_shard_may_be_a_template(start: Callable[..., Emulator], batch: Batch) -> None:
    operator = batch.operator(rows(3), shard="{{ params.part }}", shards="{{ params.parts }}")
    operator.shard, operator.shards = "5", "2"
    with pytest.raises(
        KlingRequestInvalid, match="Invalid value for 'shard': '5'; expected a number from 0 to 1"
    ):
        operator.execute(context_of(batch.ti))


@pytest.mark.airflow
def test_airflow_maps_over_shards(run_dag: Any, tmp_path: Path, kling_emulator: Emulator) -> None:
    states, _ = run_dag(
        f"""
        from airflow_provider_kling.operators.batch import KlingBatchOperator

        KlingBatchOperator.partial(
            task_id="batch", endpoint="images/generations", output_path="{tmp_path}/out", poll_interval=0.2,
            requests=[{{"prompt": f"product {{number}}"}} for number in range(9)], shards=3,
        ).expand(shard=[0, 1, 2])
        """
    )
    assert set(states.values()) == {"success"}
    assert len(kling_emulator.jobs) == 9
    done = [json.loads(path.read_text())["done"] for path in (tmp_path / "out").glob("part-*/summary.json")]
    assert (len(done), sum(done)) == (3, 9)

# SPDX-License-Identifier: Apache-2.0
"""The two ways of ``docs/batch.md`` for the same rows every night, run for more than a month."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import time_machine

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingBudgetSpent, KlingRequestInvalid
from airflow_provider_kling.operators.batch import KlingBatchOperator
from scripts.local_airflow import ROOT
from tests.unit.batch.conftest import Batch


def named(row: dict[str, Any]) -> dict[str, Any]:
    """Add an own external id: a hash of the row and of its image's content."""
    image = hashlib.sha256(Path(row["image"].removeprefix("file://")).read_bytes()).hexdigest()
    content = json.dumps({**row, "image": image}, sort_keys=True)
    return {**row, "external_task_id": f"shop-{hashlib.sha256(content.encode()).hexdigest()[:32]}"}


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    """The settings of the batch in the page's DAG."""
    page = (ROOT / "docs" / "batch.md").read_text("utf-8")
    (source,) = [
        text
        for text in re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
        if 'DAG("product_videos"' in text
    ]
    names: dict[str, Any] = {}
    exec(f"{source.replace('KlingBatchOperator(', 'batch = KlingBatchOperator(')}", names)
    batch: KlingBatchOperator = names["batch"]
    assert batch.dag.catchup is False
    return {"idempotency_scope": batch.idempotency_scope, "max_usd": batch.max_usd}


@pytest.fixture
def catalogue(tmp_path: Path, images: list[bytes]) -> list[dict[str, Any]]:
    """Three rows with an image each."""
    for number, content in enumerate(images):
        (tmp_path / f"{number}.jpg").write_bytes(content)
    return [
        {
            "prompt": f"product {number}",
            "image": f"file://{tmp_path}/{number}.jpg",
            "model_name": "kling-v2-1",
        }
        for number in range(len(images))
    ]


@pytest.fixture
def nights(tmp_path: Path) -> Callable[..., Batch]:
    """Run the batch in a DAG run of its own, with named rows; return it."""

    def run(run_id: str, rows: list[dict[str, Any]], folder: str = "videos", **more: Any) -> Batch:
        batch = Batch(str(tmp_path / folder))
        batch.ti = replace(batch.ti, run_id=run_id)
        batch.run([named(row) for row in rows], **more)
        return batch

    return run


def counts(batch: Batch) -> tuple[int, int]:
    """How many rows were made, and how many cost nothing new."""
    summary = batch.summary()
    return summary["made"], summary["attached"]


def test_only_changed_rows_are_submitted(
    kling: Emulator, nights: Callable[..., Batch], catalogue: list[dict[str, Any]], tmp_path: Path
) -> None:
    assert counts(nights("monday", catalogue)) == (3, 0)
    assert counts(nights("tuesday", catalogue)) == (0, 3)
    catalogue[0]["prompt"] = "another angle"
    (tmp_path / "1.jpg").write_bytes((tmp_path / "2.jpg").read_bytes())
    wednesday = nights("wednesday", catalogue)
    assert counts(wednesday) == (2, 1)
    assert wednesday.states() == ["done"] * 3
    assert len(kling.jobs) == 5


def test_rows_without_own_ids_are_charged_again_in_the_next_run(
    kling: Emulator, catalogue: list[dict[str, Any]], tmp_path: Path
) -> None:
    for run_id in ("monday", "tuesday"):
        batch = Batch(str(tmp_path / "videos"))
        batch.ti = replace(batch.ti, run_id=run_id)
        batch.run(catalogue)
    assert len(kling.jobs) == 6


def test_jobs_of_other_runs_count_for_the_budget(
    kling: Emulator, nights: Callable[..., Batch], catalogue: list[dict[str, Any]]
) -> None:
    assert nights("monday", catalogue).summary()["units_charged"] == "24"
    with pytest.raises(KlingBudgetSpent):
        nights("tuesday", catalogue, max_units=8)
    assert nights("wednesday", catalogue, max_units=24).summary()["units_charged"] == "24"
    assert len(kling.jobs) == 3


@pytest.mark.parametrize("same_output", [True, False])
def test_rows_of_more_than_thirty_days_ago_are_done_or_reported(
    kling: Emulator, nights: Callable[..., Batch], catalogue: list[dict[str, Any]], same_output: bool
) -> None:
    nights("monday", catalogue)
    days = datetime.timedelta(days=31)
    kling.advance(days.total_seconds())
    with time_machine.travel(datetime.datetime.now(datetime.UTC) + days, tick=True):
        if same_output:
            assert nights("a month later", catalogue).states() == ["done"] * 3
            assert len(kling.jobs) == 3
            return
        with pytest.raises(KlingRequestInvalid, match="3 rows failed"):
            nights("a month later", catalogue, "elsewhere")
        assert len(kling.jobs) == 3


def test_a_clear_submits_expired_rows_again(
    kling: Emulator,
    nights: Callable[..., Batch],
    catalogue: list[dict[str, Any]],
    tmp_path: Path,
) -> None:
    nights("monday", catalogue)
    days = datetime.timedelta(days=31)
    kling.advance(days.total_seconds())
    rows = [named(row) for row in catalogue]
    with time_machine.travel(datetime.datetime.now(datetime.UTC) + days, tick=True):
        batch = Batch(str(tmp_path / "elsewhere"))
        with pytest.raises(KlingRequestInvalid):
            batch.run(rows)
        assert batch.states() == ["expired"] * 3
        batch.clear().run(rows)
    assert batch.states() == ["done"] * 3
    assert len(kling.jobs) == 6


def test_equal_rows_with_one_id_are_refused(
    kling: Emulator, nights: Callable[..., Batch], catalogue: list[dict[str, Any]], tmp_path: Path
) -> None:
    with pytest.raises(KlingRequestInvalid, match="1 rows failed"):
        nights("monday", [catalogue[0], catalogue[0]])
    assert len(kling.jobs) == 1


def test_another_prefix_of_the_ids_submits_all_rows_again(
    kling: Emulator,
    nights: Callable[..., Batch],
    catalogue: list[dict[str, Any]],
    tmp_path: Path,
) -> None:
    nights("monday", catalogue)
    rows = [named(row) for row in catalogue]
    names = [row["external_task_id"].replace("shop-", "shop2-") for row in rows]
    batch = Batch(str(tmp_path / "videos"))
    batch.ti = replace(batch.ti, run_id="tuesday")
    batch.run([{**row, "external_task_id": name} for row, name in zip(rows, names, strict=True)])
    assert len(kling.jobs) == 6
    batch.clear().run(rows, regenerate=True)
    assert len(kling.jobs) == 6


def test_the_documented_dag_pays_only_for_new_rows(
    kling: Emulator, settings: dict[str, Any], catalogue: list[dict[str, Any]], tmp_path: Path
) -> None:
    def night(run_id: str, **more: Any) -> dict[str, Any]:
        batch = Batch(str(tmp_path / "videos"), **{**settings, **more})
        batch.ti = replace(batch.ti, run_id=run_id)
        return batch.run(catalogue)

    # An image costs 8 units of 0.0035 US dollars: the limit of this night is two of the three.
    with pytest.raises(KlingBudgetSpent):
        night("monday", max_usd=0.06)
    assert len(kling.jobs) == 2
    tuesday = night("tuesday", max_usd=0.06)
    assert (tuesday["made"], tuesday["reused"], tuesday["units_charged"]) == (1, 2, "8")
    assert len(kling.jobs) == 3
    catalogue[0]["prompt"] = "another angle"
    wednesday = night("wednesday")
    assert (wednesday["made"], wednesday["reused"], wednesday["units_charged"]) == (1, 2, "8")
    assert len(kling.jobs) == 4

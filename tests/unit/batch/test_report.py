# SPDX-License-Identifier: Apache-2.0
"""No batch writes its reports over those of another task or of a run that overlaps with it."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import time_machine

from airflow_provider_kling.batch.report import CLAIMS_FOLDER, REMOVE_CLAIM_SECONDS, STALE_SECONDS
from airflow_provider_kling.batch.report import ReportFolder as Folder
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingRequestInvalid
from airflow_provider_kling.submission.context import IdempotencyKey
from airflow_provider_kling.utils.storage import StorageTransientError, resolve_path
from tests.unit.batch.conftest import Batch, rows


def folder(place: Path, run: str = "monday", task: str = "batch", map_index: int = -1) -> Folder:
    key = IdempotencyKey("shop", task, run, map_index, 0, "")
    return Folder(resolve_path(str(place)), key, f"{task}-{run}")


@pytest.mark.parametrize(
    ("earlier", "usual"),
    [
        pytest.param([], True, id="nobody"),
        pytest.param([("batch", "monday", "ended")], True, id="earlier run that ended"),
        pytest.param([("batch", "monday", "runs")], False, id="earlier run that goes on"),
        pytest.param([("batch", "monday", "dead")], True, id="earlier run that died"),
        pytest.param([("other", "monday", "ended")], False, id="other task that ended"),
        pytest.param([("other", "monday", "runs")], False, id="other task that runs"),
        pytest.param([("other", "monday", "dead")], False, id="other task that died"),
        pytest.param([("batch", "tuesday", "ended")], True, id="an earlier try of itself"),
        pytest.param([("batch", "tuesday", "runs")], True, id="an earlier try of itself that was killed"),
        pytest.param(
            [("batch", "tuesday", "ended"), ("batch", "wednesday", "ended")], False, id="overtaken"
        ),
        pytest.param(
            [("batch", "monday", "ended"), ("batch", "wednesday", "runs")], False, id="overtaken, running"
        ),
        pytest.param(
            [("batch", "monday", "runs"), ("other", "monday", "ended")], False, id="two others"
        ),
    ],
)  # fmt: skip
def test_the_folder_of_reports_depends_on_earlier_claims(
    tmp_path: Path, earlier: list[tuple[str, str, str]], usual: bool
) -> None:
    with time_machine.travel(1_790_000_000, tick=False) as clock:
        for task, run, state in earlier:
            clock.shift(60)
            other = folder(tmp_path, run, task)
            other.claim()
            if state == "ended":
                other.release()
            if state == "dead":
                clock.shift(STALE_SECONDS + 1)
        mine = folder(tmp_path, "tuesday")
        assert mine.claim() is usual
    name = "" if usual else "/batch-tuesday"
    assert mine.location.uri.endswith(f"{tmp_path}{name}")


def test_a_run_with_a_stale_claim_loses_the_folder(tmp_path: Path) -> None:
    with time_machine.travel(1_790_000_000, tick=False) as clock:
        slow, next_one = folder(tmp_path, "monday"), folder(tmp_path, "tuesday")
        assert slow.claim()
        clock.shift(STALE_SECONDS + 1)
        assert next_one.claim()
        assert not slow.confirm()
        assert next_one.confirm()
        assert slow.location.uri.endswith("batch-monday")
        assert not folder(tmp_path, "monday").claim()


def test_a_renewed_claim_is_not_stale(tmp_path: Path) -> None:
    with time_machine.travel(1_790_000_000, tick=False) as clock:
        slow = folder(tmp_path, "monday")
        assert slow.claim()
        for _ in range(5):
            clock.shift(STALE_SECONDS / 2)
            slow.renew()
        assert not folder(tmp_path, "tuesday").claim()
        assert slow.confirm()


@pytest.mark.parametrize("turn", range(5))
def test_instances_that_start_together_never_share_a_folder(tmp_path: Path, turn: int) -> None:
    start = threading.Barrier(6)

    def claim(number: int) -> str:
        mine = folder(tmp_path, f"run-{number}", f"task-{number % 3}")
        start.wait()
        mine.claim()
        return mine.location.uri

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(claim, range(6)))) == 6


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"owner": "a"}'])
def test_an_unreadable_claim_counts_as_that_of_another_instance(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CLAIMS_FOLDER).mkdir()
    (tmp_path / CLAIMS_FOLDER / "a.json").write_bytes(content)
    assert not folder(tmp_path).claim()


def test_old_claims_are_removed(tmp_path: Path) -> None:
    with time_machine.travel(1_790_000_000, tick=False) as clock:
        for night in range(3):
            mine = folder(tmp_path, f"night-{night}")
            assert mine.claim()
            mine.release()
            clock.shift(REMOVE_CLAIM_SECONDS + 1)
    assert len(list((tmp_path / CLAIMS_FOLDER).iterdir())) == 1


def summary_of(result: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(Path(result["summary_path"].removeprefix("file://")).read_text()))


@pytest.mark.parametrize(
    "change",
    [{"task_id": "other"}, {"run_id": "another"}, {"dag_id": "other", "run_id": "another"}],
    ids=["two tasks", "two runs", "two dags"],
)
@pytest.mark.parametrize("map_index", [-1, 0])
def test_two_concurrent_batches_have_separate_reports(
    kling: Emulator, batch: Batch, change: dict[str, Any], map_index: int
) -> None:
    results: dict[int, dict[str, Any]] = {}
    start = threading.Barrier(2)
    first, second = batch, Batch(batch.output)
    first.ti = replace(first.ti, map_index=map_index)
    second.ti = replace(first.ti, **change)

    def run(each: Batch, count: int) -> None:
        start.wait()
        results[count] = each.run(rows(count, negative_prompt=str(count)))

    threads = [threading.Thread(target=run, args=each) for each in ((first, 1), (second, 2))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {count: summary_of(result)["rows"] for count, result in results.items()} == {1: 1, 2: 2}
    for name in ("summary_path", "results_path", "ledger_path"):
        assert results[1][name] != results[2][name]
    for count, result in results.items():
        lines = Path(result["results_path"].removeprefix("file://")).read_text().splitlines()
        assert len(lines) == count
    assert len(kling.jobs) == 3


def test_the_next_run_and_its_retry_write_to_the_usual_folder(kling: Emulator, batch: Batch) -> None:
    first = batch.run(rows(1))
    batch.ti = replace(batch.ti, run_id="next")
    second = batch.run(rows(2))
    third = batch.retry().run(rows(2))
    assert first["summary_path"] == second["summary_path"] == third["summary_path"]
    assert batch.summary()["rows"] == 2


def test_a_retry_of_an_older_run_does_not_replace_newer_reports(kling: Emulator, batch: Batch) -> None:
    batch.run(rows(1))
    newer = Batch(batch.output)
    newer.ti = replace(newer.ti, run_id="next")
    newer.run(rows(2))
    again = batch.retry().run(rows(1))
    assert newer.summary()["rows"] == 2
    assert summary_of(again)["rows"] == 1


def test_a_claim_that_cannot_be_renewed_does_not_stop_the_batch(
    kling: Emulator, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Any) -> None:
        raise StorageTransientError("gone")

    monkeypatch.setattr(Folder, "release", fail)
    monkeypatch.setattr(Folder, "renew", fail)
    monkeypatch.setattr("airflow_provider_kling.operators.batch.PROGRESS_SECONDS", 0.05)
    assert batch.run(rows(1))["done"] == 1


@pytest.mark.parametrize("row", [{"prompt": "a boat \ud83d"}, {"prompt": "a boat", "\ud83d": "a"}])
def test_half_of_a_surrogate_pair_in_a_row_does_not_stop_the_reports(
    kling_emulator: Emulator, tmp_path: Path, row: dict[str, str]
) -> None:
    batch, file = Batch(str(tmp_path / "out")), tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, [*rows(2), row])))
    with pytest.raises(KlingRequestInvalid, match="1 rows failed"):
        batch.run(str(file))
    assert [line["row"] for line in batch.lines("results.jsonl")] == [1, 2]
    (failure,) = batch.lines("failures.jsonl")
    assert (failure["row"], failure["request"]) == (3, row)
    assert (batch.summary()["done"], batch.summary()["invalid"]) == (2, 1)

# SPDX-License-Identifier: Apache-2.0
"""A file of requests is written to, replaced or removed while the batch that it is for runs."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.api.requests.field_types import MediaConstraints
from airflow_provider_kling.batch.input_file import iter_file
from airflow_provider_kling.batch.report import ReportWriter
from airflow_provider_kling.batch.runner import BatchRunner
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingError, KlingServerError
from airflow_provider_kling.inputs import sources
from airflow_provider_kling.inputs.sources import read
from airflow_provider_kling.utils.storage import StorageTransientError
from tests.unit.batch.conftest import Batch

LONG = "x" * 2000


def requests(count: int, word: str) -> list[dict[str, str]]:
    return [{"prompt": f"{word} {number} {LONG}"} for number in range(count)]


def write(path: Path, rows: list[dict[str, str]], mode: str = "w") -> None:
    with path.open(mode, newline="") as file:
        if path.suffix == ".csv":
            writer = csv.DictWriter(file, ["prompt"])
            if mode == "w":
                writer.writeheader()
            writer.writerows(rows)
        else:
            file.writelines(f"{json.dumps(row)}\n" for row in rows)


def replace(path: Path, rows: list[dict[str, str]]) -> None:
    new = path.with_name(f"new{path.suffix}")
    write(new, rows)
    new.replace(path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "appended": lambda path: write(path, requests(3, "another"), "a"),
    "overwritten": lambda path: write(path, requests(60, "another")),
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
}


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_no_row_is_read_of_a_file_that_was_written_to(
    tmp_path: Path, suffix: str, change: Callable[[Path], object]
) -> None:
    path = tmp_path / f"rows{suffix}"
    write(path, requests(50, "row"))
    rows = iter_file(str(path))
    assert next(rows)[1] == requests(1, "row")[0]
    change(path)
    with pytest.raises(KlingServerError, match="Retry to read requests: it has changed while it was read"):
        list(rows)


def test_a_file_that_is_replaced_while_it_is_read_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    write(path, requests(50, "row"))
    rows = iter_file(str(path))
    next(rows)
    replace(path, requests(60, "another"))
    assert [row for _, row in rows] == requests(50, "row")[1:]


@pytest.mark.parametrize("change", ["overwritten", "replaced", "a row more"])
def test_rows_that_were_not_checked_are_not_paid(
    kling: Emulator, batch: Batch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    path, later = tmp_path / "rows.jsonl", requests(5, "another")
    write(path, requests(4, "row"))
    real = BatchRunner.run

    def after_the_check(runner: BatchRunner, *arguments: Any) -> None:
        monkeypatch.setattr(BatchRunner, "run", real)
        rows = [*requests(4, "row"), *later[:1]] if change == "a row more" else later
        (replace if change == "replaced" else write)(path, rows)
        real(runner, *arguments)

    monkeypatch.setattr(BatchRunner, "run", after_the_check)
    with pytest.raises(KlingError, match="Retry to read the rows again: they have changed") as failed:
        batch.run(str(path))
    done = 4 if change == "a row more" else 0
    assert f"{done} of 4 rows are done and stored, {4 - done} were not submitted" in str(failed.value)
    assert [job.body["prompt"] for job in kling.jobs if "another" in job.body["prompt"]] == []
    assert batch.retry().run(str(path))["done"] == 5
    assert len(kling.jobs) == 5


def test_failed_rows_are_reported_without_the_file_that_had_them(
    kling: Emulator, batch: Batch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.jsonl"
    write(path, [{"prompt": "one"}, {"prompt": "broken"}])
    kling.faults.set({"failed_word": "broken"})
    real = ReportWriter.write_results

    def without_the_file(report: ReportWriter) -> dict[str, str]:
        path.unlink()
        return real(report)

    monkeypatch.setattr(ReportWriter, "write_results", without_the_file)
    summary = batch.run(str(path), max_failed=1)
    assert (summary["done"], summary["refused"]) == (1, 1)
    (line,) = batch.lines("refused.jsonl")
    assert (line["row"], line["status"], line["prompt"]) == (2, "refused", None)
    assert line["task_id"] in {job.task_id for job in kling.jobs}


def test_a_media_file_that_is_written_to_is_read_again_by_a_retry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"one")
    real = sources.file_version

    def written_to(file: Any) -> Any:
        version = real(file)
        with path.open("ab") as more:
            more.write(b"two")
        return version

    rules = MediaConstraints("image")
    assert read(str(path), rules) == b"one"
    monkeypatch.setattr(sources, "file_version", written_to)
    with pytest.raises(StorageTransientError, match="it has changed while it was read"):
        read(str(path), rules)

# SPDX-License-Identifier: Apache-2.0
"""A batch that starts again has the lines of few done rows in memory, however its ledger stores them."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.batch import ledger as ledger_module
from airflow_provider_kling.batch import ledger_lines
from airflow_provider_kling.batch.ledger import Ledger
from airflow_provider_kling.batch.ledger_archive import write_archive
from airflow_provider_kling.batch.ledger_entry import LedgerEntry, RowState
from airflow_provider_kling.usage.known_jobs import KnownJobs
from airflow_provider_kling.utils.atomic_file import AtomicFile
from airflow_provider_kling.utils.storage import StoragePath, resolve_path

FEW, MANY = 500, 2500
PART = 100
ABOUT = {"dag_id": "shop", "task_id": "batch", "run_id": "once", "map_index": -1, "owner": "airflow"}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows are in memory at once in comparison with the batch."""
    monkeypatch.setattr(ledger_module, "ARCHIVE_ROWS", 250)
    monkeypatch.setattr(ledger_module, "MIN_ARCHIVED_ROWS", 50)
    monkeypatch.setattr(ledger_module, "MAX_OWN_DONE_ROWS", 250)
    monkeypatch.setattr(ledger_module, "MAX_ARCHIVES", 5)
    monkeypatch.setattr(ledger_lines, "_SPOOL_BYTES", 100_000)


def done_row(number: int) -> LedgerEntry:
    """A line as long as that of an image."""
    file = {"index": 0, "path": f"/data/out/8{number:017d}/0-image.png", "bytes": 123456, "sha256": "ab" * 32}
    return LedgerEntry(
        *(f"{number:024x}-0", RowState.DONE, number),
        external_task_id=f"af-{number:032x}",
        task_id=f"8{number:017d}",
        submitted_at=1_795_000_000_000 + number,
        estimate="8",
        units="8",
        charges=[{"type": "units", "amount": "8", "currency": None, "list_price": "8", "package": "p"}],
        result={"images": [file]},
        airflow={**ABOUT, "try_number": 1},
        prompt=f"product {number}",
        model_name="kling-v2-1",
    )


def parts_of(rows: int) -> list[list[tuple[LedgerEntry, bytes]]]:
    entries = [(entry := done_row(number), entry.to_line().encode()) for number in range(rows)]
    return [entries[at : at + PART] for at in range(0, rows, PART)]


def write_segment(folder: StoragePath, number: int, part: list[tuple[LedgerEntry, bytes]]) -> None:
    with AtomicFile(folder.child(f"{number:08d}-abcdef.jsonl")) as file:
        file.write(b"".join(line + b"\n" for _, line in part))


def small_archives(folder: StoragePath, rows: int) -> None:
    """What a worker leaves that has submitted all jobs: archives, and the last lines in a segment."""
    *parts, last = parts_of(rows)
    for number, part in enumerate(parts):
        write_archive(folder, f"{number:08d}-abcdef{number:04x}", part)
    write_segment(folder, len(parts), last)


def archives_without_index(folder: StoragePath, rows: int) -> None:
    small_archives(folder, rows)
    for path in Path(folder.path).glob("*.done.json"):
        path.unlink()


def segments(folder: StoragePath, rows: int) -> None:
    """What a worker leaves that wrote many rows at once and was killed before it archived them."""
    for number, part in enumerate(parts_of(rows), 1):
        write_segment(folder, number, part)


def start_and_report(folder: StoragePath) -> Any:
    """Do with the ledger what a start of the batch does, and then its end."""
    ledger = Ledger(folder)
    ledger.load()
    ledger.compact()
    with ledger.archived() as lines:
        assert all(lines.whole(entry).result for entry in ledger.entries.values())
    return ledger


def record_all(folder: StoragePath, rows: int) -> Any:
    """Run a batch whose rows all have a stored result: few writes with many lines each."""
    ledger = Ledger(folder)
    ledger.load()
    for number in range(rows):
        ledger.record(done_row(number))
        if number % PART == 0:
            ledger.flush()
    ledger.flush()
    return ledger


def bytes_per_row(do: Callable[[int], Any]) -> float:
    """Return by how much the peak of a function's memory grows with each row."""
    peaks = []
    do(PART)  # loads what the first call loads
    for rows in (FEW, MANY):
        tracemalloc.start()
        kept = do(rows)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        del kept
    return (peaks[1] - peaks[0]) / (MANY - FEW)


@pytest.mark.parametrize("prepare", [small_archives, archives_without_index, segments])
def test_a_start_has_few_lines_in_memory(tmp_path: Path, prepare: Callable[[StoragePath, int], None]) -> None:
    """A parsed line takes 2,000 bytes and more; a row without its line 500."""
    for rows in (PART, FEW, MANY):
        prepare(resolve_path(str(tmp_path / str(rows))), rows)
    assert bytes_per_row(lambda rows: start_and_report(resolve_path(str(tmp_path / str(rows))))) < 800


def test_a_run_has_few_lines_in_memory(tmp_path: Path) -> None:
    assert bytes_per_row(lambda rows: record_all(resolve_path(str(tmp_path / str(rows))), rows)) < 800


@pytest.mark.parametrize("prepare", [small_archives, segments])
def test_a_usage_report_has_few_lines_in_memory(
    tmp_path: Path, prepare: Callable[[StoragePath, int], None]
) -> None:
    """Its jobs are in memory, without their files."""
    for rows in (PART, FEW, MANY):
        prepare(resolve_path(str(tmp_path / str(rows) / "_ledger" / "batch")), rows)

    def read(rows: int) -> KnownJobs:
        known = KnownJobs([str(tmp_path / str(rows))])
        assert len(known.jobs) == rows
        return known

    assert bytes_per_row(read) < 1300

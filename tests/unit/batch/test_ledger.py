# SPDX-License-Identifier: Apache-2.0
"""The ledger on every kind of storage: no written line is lost, whatever other workers write."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_kling.batch import ledger as ledger_module
from airflow_provider_kling.batch.ledger import MAX_SEGMENTS, Ledger
from airflow_provider_kling.batch.ledger_entry import LedgerEntry, RowState
from airflow_provider_kling.utils.storage import StoragePermanentError, StorageTransientError, resolve_path
from tests.unit.results.conftest import Shelf


def ledger_in(where: str) -> Ledger:
    ledger = Ledger(resolve_path(where))
    ledger.load()
    return ledger


def entry(key: str, state: RowState = RowState.SUBMITTED, **more: Any) -> LedgerEntry:
    return LedgerEntry(key, state, 1, **more)


def test_the_next_worker_reads_written_lines(shelf: Shelf) -> None:
    first = ledger_in(shelf.uri)
    assert first.entries == {}
    first.record(entry("a", RowState.INTENT))
    first.record(entry("b", error="refused:\n\u2028 line breaks of all kinds\x85"))
    first.flush()
    first.record(entry("a", RowState.DONE, units="3"))
    first.flush()
    assert ledger_in(shelf.uri).entries == first.entries
    assert ledger_in(shelf.uri).entries["a"] == entry("a", RowState.DONE, units="3")


def test_unwritten_lines_are_not_read(shelf: Shelf) -> None:
    first = ledger_in(shelf.uri)
    first.record(entry("a"))
    assert first.pending == 1
    assert ledger_in(shelf.uri).entries == {}
    first.flush()
    assert first.pending == 0


def test_a_flush_without_new_lines_writes_no_file(shelf: Shelf) -> None:
    ledger = ledger_in(shelf.uri)
    ledger.flush()
    assert shelf.files() == {}


def test_many_segments_are_merged_into_one(shelf: Shelf) -> None:
    ledger = ledger_in(shelf.uri)
    for number in range(MAX_SEGMENTS + 1):
        ledger.record(entry(f"row {number % 7}", units=str(number)))
        ledger.flush()
    assert len(shelf.files()) == 1
    assert ledger_in(shelf.uri).entries == ledger.entries
    ledger.record(entry("more"))
    ledger.flush()
    assert len(shelf.files()) == 2
    assert ledger_in(shelf.uri).entries == ledger.entries


def test_merged_segments_that_cannot_be_removed_change_no_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = ledger_in(str(tmp_path))
    monkeypatch.setattr(ledger_module, "MAX_SEGMENTS", 2)

    def refuse(path: str) -> None:
        raise OSError(path)

    monkeypatch.setattr(type(ledger.folder.fs), "rm_file", lambda _, path: refuse(path))
    for number in range(6):
        ledger.record(entry("a", units=str(number)))
        ledger.flush()
    assert ledger.pending == 0
    assert ledger_in(str(tmp_path)).entries == {"a": entry("a", units="5")}


def test_two_concurrent_workers_lose_no_line_of_each_other(shelf: Shelf) -> None:
    believed_dead, successor = ledger_in(shelf.uri), ledger_in(shelf.uri)
    for number in range(3):
        believed_dead.record(entry(f"old {number}"))
        successor.record(entry(f"new {number}"))
        believed_dead.flush()
        successor.flush()
    assert ledger_in(shelf.uri).entries == {**believed_dead.entries, **successor.entries}


def test_done_rows_stay_done_although_an_old_worker_still_writes(shelf: Shelf) -> None:
    believed_dead = ledger_in(shelf.uri)
    believed_dead.record(entry("a"))
    believed_dead.flush()
    successor = ledger_in(shelf.uri)
    successor.record(entry("a", RowState.DONE, units="8"))
    successor.flush()
    for _ in range(3):
        believed_dead.record(entry("a", error="cannot be read"))
        believed_dead.flush()
    assert ledger_in(shelf.uri).entries["a"].state is RowState.DONE


def test_a_merge_removes_no_line_of_another_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "MAX_SEGMENTS", 3)
    believed_dead, successor = ledger_in(str(tmp_path)), ledger_in(str(tmp_path))
    successor.record(entry("new"))
    successor.flush()
    for number in range(8):
        believed_dead.record(entry(f"old {number}"))
        believed_dead.flush()
    assert set(ledger_in(str(tmp_path)).entries) == {"new", *(f"old {number}" for number in range(8))}


def test_a_merge_does_not_replace_later_lines_of_another_worker(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the worker believed dead knows of the row is older, however late it puts it into another file."""
    monkeypatch.setattr(ledger_module, "MAX_SEGMENTS", 3)
    believed_dead = ledger_in(shelf.uri)
    believed_dead.record(entry("a", RowState.INTENT, external_task_id="af-1"))
    believed_dead.flush()
    successor = ledger_in(shelf.uri)
    made = entry("a", task_id="8", external_task_id="af-2", attempt=1)
    successor.record(made)
    successor.flush()
    for number in range(8):
        believed_dead.record(entry(f"old {number}"))
        believed_dead.flush()
    assert ledger_in(shelf.uri).entries["a"] == made


def test_lines_of_earlier_workers_come_before_a_merge(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "MAX_SEGMENTS", 2)
    for clear_count in range(4):
        worker = ledger_in(shelf.uri)
        for number in range(5):
            worker.record(entry(f"row {number}", clear_count=clear_count, units=str(number)))
            worker.flush()
        assert ledger_in(shelf.uri).entries == worker.entries


@pytest.mark.parametrize("remaining", range(6))
def test_an_interrupted_merge_restores_no_outdated_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, remaining: int
) -> None:
    """Killed while it removes: any of the old segments may still be there."""
    monkeypatch.setattr(ledger_module, "MAX_SEGMENTS", 5)
    ledger = ledger_in(str(tmp_path))
    monkeypatch.setattr(type(ledger.folder.fs), "rm_file", lambda _, path: None)
    for number in range(6):
        ledger.record(entry("a", units=str(number)))
        ledger.flush()
    old = sorted(path for path in tmp_path.iterdir() if path.name.count("-") == 1)
    assert len(old) == 6
    for number, path in enumerate(old):
        if number != remaining:
            path.unlink()
    assert ledger_in(str(tmp_path)).entries["a"].units == "5"


def test_a_line_written_after_a_merge_is_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "MAX_SEGMENTS", 2)
    first = ledger_in(str(tmp_path))
    for number in range(7):
        first.record(entry("a", units=str(number)))
        first.flush()
    second = ledger_in(str(tmp_path))
    second.record(entry("a", RowState.FAILED, attempt=1))
    second.flush()
    assert ledger_in(str(tmp_path)).entries["a"].state is RowState.FAILED
    # The first one still had something to write when the second had begun.
    first.record(entry("b"))
    first.flush()
    assert ledger_in(str(tmp_path)).entries["a"].state is RowState.FAILED


def test_a_new_segment_comes_after_existing_ones(tmp_path: Path) -> None:
    (tmp_path / "00000061-abc123.jsonl").write_text(entry("a").to_line() + "\n")
    ledger = ledger_in(str(tmp_path))
    ledger.record(entry("a", RowState.DONE))
    ledger.flush()
    assert ledger_in(str(tmp_path)).entries["a"].state is RowState.DONE


def test_a_segment_merged_during_the_read_is_read_from_its_successor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ledger_in(str(tmp_path))
    first.record(entry("a"))
    first.flush()
    read, misses = type(first.folder.fs).cat_file, iter([True])

    def cat_file(fs: Any, path: str, *rest: Any, **more: Any) -> Any:
        if next(misses, False):
            raise FileNotFoundError(path)
        return read(fs, path, *rest, **more)

    monkeypatch.setattr(type(first.folder.fs), "cat_file", cat_file)
    assert ledger_in(str(tmp_path)).entries == first.entries


def test_segments_that_always_disappear_raise_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ledger_in(str(tmp_path))
    first.record(entry("a"))
    first.flush()

    def gone(fs: Any, path: str) -> bytes:
        raise FileNotFoundError(path)

    monkeypatch.setattr(type(first.folder.fs), "cat_file", gone)
    monkeypatch.setattr(ledger_module, "RETRY_SECONDS", (0.0, 0.0))
    with pytest.raises(StorageTransientError, match="disappear"):
        ledger_in(str(tmp_path))


def test_temporary_files_of_a_killed_writer_are_removed(tmp_path: Path) -> None:
    first = ledger_in(str(tmp_path))
    first.record(entry("a"))
    first.flush()
    part = tmp_path / ".00000002-abc.jsonl.12345678.part"
    part.write_text('{"key": "b", "sta')
    os.utime(part, (1, 1))
    assert set(ledger_in(str(tmp_path)).entries) == {"a"}
    assert [path.suffix for path in tmp_path.iterdir()] == [".jsonl"]


def test_lines_stay_pending_while_the_storage_is_down(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    ledger = ledger_in(str(folder))
    folder.write_text("a file stands where the folder should be")
    ledger.record(entry("a"))
    for _ in range(2):
        with pytest.raises((StoragePermanentError, StorageTransientError)):
            ledger.flush()
        ledger.record(entry("b"))
    assert ledger.pending == 3
    folder.unlink()
    ledger.flush()
    assert ledger.pending == 0
    assert ledger_in(str(folder)).entries == ledger.entries


def test_an_unreachable_s3_raises_an_error(s3: Any) -> None:
    with pytest.raises(StorageTransientError):
        Ledger(resolve_path(s3.uri("ledger", "kling_test_s3_down"))).load()


def test_recording_a_line_does_not_wait_for_the_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = ledger_in(str(tmp_path))
    writing, go_on = threading.Event(), threading.Event()
    write = ledger_module.Ledger._write

    def slow(self: Ledger, entries: Any) -> None:
        writing.set()
        assert go_on.wait(60)
        write(self, entries)

    monkeypatch.setattr(ledger_module.Ledger, "_write", slow)
    ledger.record(entry("a"))
    writer = threading.Thread(target=ledger.flush)
    writer.start()
    assert writing.wait(60)
    began = time.monotonic()
    ledger.record(entry("b"))
    assert time.monotonic() - began < 30
    go_on.set()
    writer.join()
    assert ledger.pending == 1
    ledger.flush()
    assert ledger_in(str(tmp_path)).entries == ledger.entries


def test_five_thousand_rows_are_read_quickly(tmp_path: Path) -> None:
    ledger = ledger_in(str(tmp_path))
    for number in range(5000):
        done = {"videos": [{"id": f"v{number}", "path": f"s3://bucket/out/{number}/0-video.mp4"}]}
        ledger.record(LedgerEntry(f"{number:024d}-0", RowState.DONE, number, units="3", result=done))
        if number % 100 == 0:
            ledger.flush()
    ledger.flush()
    began = time.monotonic()
    assert len(ledger_in(str(tmp_path)).entries) == 5000
    assert time.monotonic() - began < 30


@given(steps=st.lists(st.sampled_from(["note a", "note b", "write", "crash"]), max_size=60))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_crash_loses_only_unwritten_lines(steps: list[str], tmp_path: Path) -> None:
    folder = tmp_path / str(time.monotonic_ns())
    ledger, written, count = ledger_in(str(folder)), {}, 0
    for step in steps:
        if step.startswith("note"):
            count += 1
            ledger.record(entry(step[-1], units=str(count)))
        elif step == "write":
            ledger.flush()
            written = dict(ledger.entries)
        else:
            ledger = ledger_in(str(folder))
            assert ledger.entries == written


def test_a_worker_detects_that_another_one_owns_the_batch(tmp_path: Path) -> None:
    first, second = Ledger(resolve_path(str(tmp_path / "l"))), Ledger(resolve_path(str(tmp_path / "l")))
    assert not first.is_superseded(), "a worker without a claim does not check"
    first.claim()
    first.load()
    assert not first.is_superseded()
    second.claim()
    second.load()
    assert (first.is_superseded(), second.is_superseded()) == (True, False)
    assert not second.damaged

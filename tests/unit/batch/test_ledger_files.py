# SPDX-License-Identifier: Apache-2.0
"""Rows that are done leave the segments that each start reads, and no crash or other worker loses one."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.batch import ledger as ledger_module
from airflow_provider_kling.batch.ledger import Ledger
from airflow_provider_kling.batch.ledger_archive import read_index
from airflow_provider_kling.batch.ledger_entry import LedgerEntry, RowState, parse_line
from airflow_provider_kling.batch.ledger_files import LedgerFiles, segments_to_read
from airflow_provider_kling.batch.progress import Progress
from airflow_provider_kling.utils.storage import resolve_path
from tests.unit.results.conftest import Shelf

CASH = [{"type": "cash", "amount": "0.4", "currency": "USD"}]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "MIN_ARCHIVED_ROWS", 3)
    monkeypatch.setattr(ledger_module, "MAX_SEGMENTS", 4)
    monkeypatch.setattr(ledger_module, "MAX_ARCHIVES", 2)


def row(number: int, state: RowState = RowState.DONE, **more: Any) -> LedgerEntry:
    facts = (
        {"units": "3", "estimate": "4", "task_id": str(number), **more} if state is RowState.DONE else more
    )
    result = {"videos": [{"path": f"/out/{number}.mp4"}]} if state is RowState.DONE else None
    return LedgerEntry(f"row-{number}", state, number, **{"result": result, **facts})


def opened(where: Any, *, compact: bool = True) -> Ledger:
    """A ledger as a new worker has it."""
    ledger = Ledger(resolve_path(str(where)))
    ledger.load()
    if compact:
        ledger.compact()
    return ledger


def written(where: Any, *rows: LedgerEntry, each: bool = False) -> Ledger:
    """Write rows as one worker, in one segment or in one for each."""
    ledger = opened(where, compact=False)
    for entry in rows:
        ledger.record(entry)
        if each:
            ledger.flush()
    ledger.flush()
    return ledger


def whole(where: Any) -> dict[str, LedgerEntry]:
    ledger = Ledger(resolve_path(str(where)))
    ledger.load()
    with ledger.archived() as lines:
        assert not [*ledger.damaged, *lines.damaged]
        return {key: lines.whole(entry) for key, entry in ledger.entries.items()}


def test_archived_rows_are_complete(shelf: Shelf) -> None:
    first = written(shelf.uri, *(row(number) for number in range(5)), row(9, RowState.SUBMITTED, task_id="8"))
    before = dict(first.entries)
    opened(shelf.uri)
    assert whole(shelf.uri) == before
    again = opened(shelf.uri)
    assert again.entries["row-9"] == before["row-9"]
    assert {key: entry.state for key, entry in again.entries.items()} == {
        key: entry.state for key, entry in before.items()
    }
    assert again.entries["row-1"].result is None, "a start needs its key, number and cost alone"
    with again.archived() as lines:
        assert {key: lines.whole(entry) for key, entry in again.entries.items()} == before


def test_a_start_reads_no_more_when_more_rows_are_done(tmp_path: Path) -> None:
    written(tmp_path, *(row(number) for number in range(50)), row(99, RowState.SUBMITTED))
    opened(tmp_path)
    files = LedgerFiles.of(str(path) for path in tmp_path.iterdir())
    lines = [line for each in files.active for line in Path(each.path).read_text().splitlines()]
    assert [parse_line(line).number for line in lines] == [99]  # type: ignore[union-attr]


def test_counts_are_the_same_with_archived_rows(tmp_path: Path) -> None:
    rows = [row(1), row(2, units=None), row(3, units=None, estimate=None), row(4, charges=CASH)]
    rows += [row(5, result={"reused_from": {"task_id": "7"}}), row(6, RowState.FAILED)]
    rows += [row(8, units="2", estimate="3", charges=CASH, total="9")]
    rows += [row(7, rejected=[{"task_id": "1", "units": "5", "charges": CASH}])]
    written(tmp_path, *rows)
    opened(tmp_path)

    def numbers(entries: Any) -> Progress:
        made = Progress(7, {entry.key for entry in rows[1:]})
        made.load(entries)
        return made

    archived, plain = numbers(opened(tmp_path).entries.values()), numbers(rows)
    assert archived.to_json() == plain.to_json()
    assert (
        (archived.committed_units, archived.unknown_costs)
        == (plain.committed_units, plain.unknown_costs)
        != (Decimal(0), 0)
    )


def test_a_ledger_without_archives_is_read_and_archived(tmp_path: Path) -> None:
    lines = "".join(f"{row(number).to_line()}\n" for number in range(4))
    (tmp_path / "00000001-abc123.jsonl").write_text(lines)
    (tmp_path / "00000002-def456-00000007.jsonl").write_text(f"{row(8, RowState.FAILED).to_line()}\n")
    assert len(opened(tmp_path).entries) == 5
    assert len(opened(tmp_path).entries) == 5


def test_an_archive_has_the_same_lines_as_segments(tmp_path: Path) -> None:
    """The preview and other readers take all files of lines alike."""
    written(tmp_path, *(row(number) for number in range(4)))
    opened(tmp_path)
    paths = segments_to_read(map(str, tmp_path.iterdir()))
    lines = [parse_line(line) for path in paths for line in Path(path).read_text().splitlines()]
    assert lines == [row(number) for number in range(4)]


def test_a_worker_archives_its_own_done_rows(tmp_path: Path) -> None:
    ledger = written(tmp_path, *(row(number) for number in range(6)), row(7, RowState.SUBMITTED), each=True)
    assert list(tmp_path.glob("*.done.jsonl"))
    assert whole(tmp_path) == {
        entry.key: entry for entry in (*map(row, range(6)), row(7, RowState.SUBMITTED))
    }
    assert set(ledger.entries) == set(whole(tmp_path))


def test_many_archives_are_merged_into_one(shelf: Shelf) -> None:
    for start in range(0, 40, 4):
        written(shelf.uri, *(row(number) for number in range(start, start + 4)))
        opened(shelf.uri)
    assert len([name for name in shelf.files() if name.endswith(".done.jsonl")]) <= 3
    assert len(whole(shelf.uri)) == len(opened(shelf.uri).entries) == 40


def test_segment_numbers_continue_after_archived_ones(tmp_path: Path) -> None:
    """Else what a worker that was believed dead still writes would come after what its successor writes."""
    believed_dead = written(tmp_path, *(row(number) for number in range(4)), each=True)
    successor = opened(tmp_path)
    believed_dead.record(row(8, RowState.INTENT, external_task_id="old"))
    believed_dead.flush()
    later = opened(tmp_path)
    later.record(row(8, RowState.SUBMITTED, task_id="8"))
    later.flush()
    assert successor._next_number >= 5
    assert opened(tmp_path).entries["row-8"].task_id == "8"


def test_an_old_worker_may_still_write_after_an_archive(tmp_path: Path) -> None:
    believed_dead = written(
        tmp_path, *(row(number) for number in range(3)), row(8, RowState.INTENT), each=True
    )
    successor = opened(tmp_path)
    successor.record(row(8, RowState.SUBMITTED, task_id="8"))
    successor.flush()
    for number in range(20, 30):
        believed_dead.record(row(number, RowState.FAILED))
        believed_dead.record(row(0, RowState.SUBMITTED, error="cannot be read"))
        believed_dead.flush()
    found = opened(tmp_path).entries
    assert found["row-8"].task_id == "8", "what it knows of the row is older"
    assert all(found[f"row-{number}"].state is RowState.DONE for number in range(3))
    assert all(found[f"row-{number}"].state is RowState.FAILED for number in range(20, 30))


def test_two_workers_may_archive_concurrently(tmp_path: Path) -> None:
    written(tmp_path, *(row(number) for number in range(8)), row(9, RowState.SUBMITTED))
    one, other = opened(tmp_path, compact=False), opened(tmp_path, compact=False)
    one.compact()
    other.compact()
    assert len(whole(tmp_path)) == 9
    progress = Progress(9, {f"row-{number}" for number in range(10)})
    progress.load(opened(tmp_path).entries.values())
    assert (progress.done, progress.charged_units) == (8, 24)


def test_a_reader_reads_again_when_lines_are_archived_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has listed the files before the archive was written, and reads them when they are gone."""
    written(tmp_path, *(row(number) for number in range(5)))
    worker, reader = opened(tmp_path, compact=False), Ledger(resolve_path(str(tmp_path)))
    listing, overtaken = reader._list_files, iter([True])

    def late() -> LedgerFiles:
        files = listing()
        if next(overtaken, False):
            worker.compact()
        return files

    monkeypatch.setattr(reader, "_list_files", late)
    reader.load()
    assert len(reader.entries) == 5


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"keys":["a"],"numbers":[],"estimates":[],"units":[],"charges":{},"reused":[]}'],
)
def test_an_unreadable_index_is_ignored(tmp_path: Path, content: bytes) -> None:
    written(tmp_path, *(row(number) for number in range(5)))
    opened(tmp_path)
    (index,) = tmp_path.glob("*.done.json")
    assert read_index(index.read_bytes()) is not None
    index.write_bytes(content)
    assert read_index(content) is None
    assert set(opened(tmp_path).entries) == {f"row-{number}" for number in range(5)}
    assert whole(tmp_path) == {entry.key: entry for entry in map(row, range(5))}


def test_files_with_damaged_lines_are_not_removed(tmp_path: Path) -> None:
    written(tmp_path, *(row(number) for number in range(5)))
    (segment,) = tmp_path.glob("*.jsonl")
    segment.write_text(segment.read_text() + '{"key": "row-9", "sta\n')
    for _ in range(2):
        assert opened(tmp_path).damaged == [f"{segment.name} line 6"]
    assert len(list(tmp_path.glob("*.done.jsonl"))) == 1


@pytest.mark.parametrize("seed", range(6))
def test_any_sequence_of_worker_actions_gives_the_same_ledger(tmp_path: Path, seed: int) -> None:
    """Three workers write, merge and archive; a row that is done once stays done."""
    choose = random.Random(seed)
    workers = [opened(tmp_path) for _ in range(3)]
    done: set[str] = set()
    for step in range(80):
        at = choose.randrange(3)
        number = choose.randrange(25)
        state = choose.choice([RowState.SUBMITTED, RowState.DONE, RowState.FAILED])
        workers[at].record(row(number, state))
        workers[at].flush()
        done |= {f"row-{number}"} if state is RowState.DONE else set()
        if step % 9 == 0:
            workers[choose.randrange(3)] = opened(tmp_path)
    for _ in range(2):
        found = opened(tmp_path).entries
        assert {key for key, entry in found.items() if entry.state is RowState.DONE} == done
    lines = whole(tmp_path)
    assert all(json.loads(lines[key].to_line())["state"] == "done" for key in done)

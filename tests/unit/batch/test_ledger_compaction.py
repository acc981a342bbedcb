# SPDX-License-Identifier: Apache-2.0
"""Done rows move to archives in several steps: whatever step is the last one, no reader loses a line."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_kling.batch import ledger as ledger_module
from airflow_provider_kling.batch.ledger import Ledger
from airflow_provider_kling.batch.ledger_entry import LedgerEntry, RowState, parse_line
from airflow_provider_kling.batch.ledger_files import LedgerFiles, segments_to_read
from airflow_provider_kling.utils import atomic_file
from airflow_provider_kling.utils.storage import StorageTransientError, resolve_path

MAX_STEPS = 200


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "MIN_ARCHIVED_ROWS", 3)
    monkeypatch.setattr(ledger_module, "MAX_SEGMENTS", 4)
    monkeypatch.setattr(ledger_module, "MAX_ARCHIVES", 2)
    monkeypatch.setattr(ledger_module, "ARCHIVE_ROWS", 10)


def row(number: int, state: RowState = RowState.DONE, **more: Any) -> LedgerEntry:
    result = {"videos": [{"path": f"/out/{number}.mp4"}]} if state is RowState.DONE else None
    return LedgerEntry(f"row-{number}", state, number, result=result, task_id=str(number), **more)


def opened(where: Path) -> Ledger:
    ledger = Ledger(resolve_path(str(where)))
    ledger.load()
    return ledger


def whole(where: Path) -> dict[str, LedgerEntry]:
    ledger = opened(where)
    with ledger.archived() as lines:
        return {key: lines.whole(entry) for key, entry in ledger.entries.items()}


def all_at_once(where: Path) -> dict[str, LedgerEntry]:
    """All lines of all files in memory, and nothing but the rule: what is done first stays."""
    entries: dict[str, LedgerEntry] = {}
    for path in segments_to_read(str(each) for each in where.iterdir()):
        for line in Path(path).read_bytes().split(b"\n"):
            entry = parse_line(line)
            if entry and (entry.key not in entries or entries[entry.key].state is not RowState.DONE):
                entries[entry.key] = entry
    return entries


def two_workers(where: Path) -> None:
    """Done rows in the segments of two workers, with rows of other states and outdated lines between them."""
    for part in range(2):
        worker = opened(where)
        for number in range(10):
            worker.record(row(10 * part + number, RowState.SUBMITTED))
            worker.record(row(50 + part, RowState.SUBMITTED, error=str(number)))
        worker.flush()
        for number in range(9):
            worker.record(row(10 * part + number))
        worker.record(row(9, RowState.FAILED, error=str(part)))
        worker.flush()


def small_archives(where: Path) -> None:
    """What a long run leaves: one archive for each few rows, here with a row that is in two of them."""
    for part in range(6):
        worker = opened(where)
        for number in range(part * 3, part * 3 + 4):
            worker.record(row(number))
        worker.record(row(50, RowState.SUBMITTED, error=str(part)))
        worker.flush()
        worker._archive(
            (entry, entry.to_line().encode()) for entry in map(row, range(part * 3, part * 3 + 4))
        )


class Killed(BaseException):
    """The process ends here."""


class Steps:
    """Each change of a file by a compaction.

    :param monkeypatch: replaces the functions that change files.
    :param on_step: called before and after each change.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, on_step: Callable[[], None]) -> None:
        self._on_step = on_step
        strategy, fs = atomic_file._LocalRename, type(resolve_path("/").fs)
        for owner, name in ((strategy, "begin"), (strategy, "commit"), (fs, "rm_file")):
            monkeypatch.setattr(owner, name, self._watched(getattr(owner, name)))
        # A killed process removes no temporary file.
        monkeypatch.setattr(strategy, "discard", lambda _: None)

    def _watched(self, do: Any) -> Any:
        def step(*arguments: Any, **more: Any) -> Any:
            self._on_step()
            done = do(*arguments, **more)
            self._on_step()
            return done

        return step


def kill_at(steps: int) -> Callable[[], None]:
    left = iter(range(steps))

    def on_step() -> None:
        if next(left, None) is None:
            raise Killed

    return on_step


def compacts(ledger: Ledger) -> None:
    ledger.compact()


def merges_own(ledger: Ledger) -> None:
    """A worker archives its own rows while it runs."""
    for number in range(20, 27):
        ledger.record(row(number))
        ledger.flush()


def one_at_a_time(patch: pytest.MonkeyPatch) -> None:
    """Threads that remove files go on after a step; here the process ends at one place."""

    def parallel(do: Callable[[str], Any], names: list[str]) -> None:
        for name in names:
            do(name)

    patch.setattr(ledger_module, "parallel", parallel)


@pytest.mark.parametrize("work", [compacts, merges_own])
@pytest.mark.parametrize("prepare", [two_workers, small_archives])
def test_a_kill_at_any_step_loses_no_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    prepare: Callable[[Path], None],
    work: Callable[[Ledger], None],
) -> None:
    prepare(tmp_path / "before")
    expected = all_at_once(tmp_path / "before")
    states = {key: entry.state for key, entry in expected.items()}
    for steps in range(MAX_STEPS):
        folder = tmp_path / str(steps)
        shutil.copytree(tmp_path / "before", folder)
        worker, killed = opened(folder), True
        with monkeypatch.context() as patch:
            Steps(patch, kill_at(steps))
            one_at_a_time(patch)
            with suppress(Killed):
                work(worker)
                killed = False
        # Lines that this worker has written since.
        flushed = {key: entry for key, entry in whole(folder).items() if entry.number in range(20, 30)}
        assert whole(folder) == expected | flushed, f"after {steps} steps"
        for _ in range(2):
            successor = opened(folder)
            found = {key: entry.state for key, entry in successor.entries.items()}
            assert found == states | dict.fromkeys(flushed, RowState.DONE), f"after {steps} steps"
            successor.compact()
        assert whole(folder) == expected | flushed, f"after {steps} steps and the next start"
        if not killed:
            break
    assert not killed
    assert steps > 20


@pytest.mark.parametrize("prepare", [two_workers, small_archives])
def test_a_listing_that_is_not_atomic_loses_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[Path], None]
) -> None:
    """Object stores list in pages: the first names are from before a step, the last ones from after it."""
    live, states = tmp_path / "live", list[Path]()
    prepare(live)
    expected = all_at_once(live)

    def on_step() -> None:
        names = sorted(path.name for path in live.iterdir() if not path.name.endswith(".part"))
        if not states or names != sorted(path.name for path in states[-1].iterdir()):
            states.append(tmp_path / str(len(states)))
            states[-1].mkdir()
            for name in names:
                (states[-1] / name).hardlink_to(live / name)

    worker = opened(live)
    with monkeypatch.context() as patch:
        Steps(patch, on_step)
        one_at_a_time(patch)
        worker.compact()
    assert len(states) > 8
    for late, folder in enumerate(states):
        now = {path.name for path in folder.iterdir()}
        for early in states[max(0, late - 3) : late]:
            before = {path.name for path in early.iterdir()}
            mixed = {
                frozenset({name for name in before if name < split} | {name for name in now if name >= split})
                for split in before | now
            }
            for listed in mixed - {frozenset(before), frozenset(now)}:
                assert set(read_after(folder, listed)) == set(expected)


def read_after(folder: Path, listed: Iterable[str]) -> dict[str, LedgerEntry]:
    """Read a ledger whose first listing was another one."""
    reader = Ledger(resolve_path(str(folder)))
    listing, first = reader._list_files, iter([True])

    def late() -> LedgerFiles:
        mixed = LedgerFiles.of(str(folder / name) for name in listed)
        return mixed if next(first, False) else listing()

    reader._list_files = late  # type: ignore[method-assign]
    reader.load()
    return reader.entries


@pytest.mark.parametrize("prepare", [two_workers, small_archives])
def test_readers_read_all_rows_while_another_worker_merges_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[Path], None]
) -> None:
    prepare(tmp_path)
    expected, worker = all_at_once(tmp_path), opened(tmp_path)
    with monkeypatch.context() as patch:
        Steps(patch, lambda: time.sleep(0.001))
        one_at_a_time(patch)
        compaction = threading.Thread(target=worker.compact)
        compaction.start()
        reads = 0
        while compaction.is_alive():
            reader = opened(tmp_path)
            assert set(reader.entries) == set(expected)
            with reader.archived() as lines:
                assert {key: lines.whole(entry) for key, entry in reader.entries.items()} == expected
            reads += 1
        compaction.join()
    assert reads
    assert whole(tmp_path) == expected


def test_a_reader_waits_for_a_merge_of_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_archives(tmp_path)
    fs, ends = type(resolve_path(str(tmp_path)).fs), time.monotonic() + 1.0
    read = fs.cat_file

    def late(*arguments: Any, **more: Any) -> Any:
        if time.monotonic() < ends:
            raise FileNotFoundError("merged")
        return read(*arguments, **more)

    monkeypatch.setattr(fs, "cat_file", late)
    assert whole(tmp_path) == all_at_once(tmp_path)


def test_a_write_that_fails_between_two_archives_is_repeated_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_workers(tmp_path)
    expected, worker = all_at_once(tmp_path), opened(tmp_path)
    write, left = ledger_module.write_archive, iter(range(1))

    def fail(*arguments: Any) -> Any:
        if next(left, None) is None:
            raise StorageTransientError("full")
        return write(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(ledger_module, "write_archive", fail)
        worker.compact()
    assert len(list(tmp_path.glob("*.done.jsonl"))) == 1
    with worker.archived() as lines:
        assert {key: lines.whole(entry) for key, entry in worker.entries.items()} == expected
    opened(tmp_path).compact()
    assert whole(tmp_path) == expected
    assert len(list(tmp_path.glob("*.done.jsonl"))) > 1


def test_a_damaged_archive_is_neither_merged_nor_removed(tmp_path: Path) -> None:
    small_archives(tmp_path)
    damaged = sorted(tmp_path.glob("*.done.jsonl"))[1]
    damaged.write_bytes(damaged.read_bytes()[:-20])
    before = damaged.read_bytes()
    opened(tmp_path).compact()
    assert damaged.read_bytes() == before
    ledger = opened(tmp_path)
    assert len(list(tmp_path.glob("*.done.jsonl"))) < 6
    assert {key for key, entry in ledger.entries.items() if entry.state is RowState.DONE} == {
        f"row-{number}" for number in range(19)
    }
    with ledger.archived() as lines:
        assert lines.damaged == [f"{damaged.name} line 4"]


def test_archives_have_a_limited_number_of_rows(tmp_path: Path) -> None:
    two_workers(tmp_path)
    small_archives(tmp_path)
    opened(tmp_path).compact()
    sizes = [len(path.read_bytes().splitlines()) for path in tmp_path.glob("*.done.jsonl")]
    assert max(sizes) <= 10
    assert len(whole(tmp_path)) == 22


def test_archives_of_another_worker_are_not_merged_while_it_writes_them(tmp_path: Path) -> None:
    worker = opened(tmp_path)
    small_archives(tmp_path)
    names = {path.name for path in tmp_path.glob("*.done.jsonl")}
    worker._files = worker._list_files()
    worker.compact()
    assert {path.name for path in tmp_path.glob("*.done.jsonl")} == names


def test_a_worker_archives_many_done_rows_of_few_segments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a batch whose rows have stored results: thousands of lines in each write."""
    monkeypatch.setattr(ledger_module, "MAX_OWN_DONE_ROWS", 5)
    worker = opened(tmp_path)
    for number in range(6):
        worker.record(row(number))
    worker.flush()
    assert len(list(tmp_path.glob("*.done.jsonl"))) == 1
    assert worker.entries["row-1"].result is None
    assert whole(tmp_path) == {f"row-{number}": row(number) for number in range(6)}


lines = st.builds(
    lambda number, state, text: row(number, state, error=text),
    st.integers(0, 11),
    st.sampled_from([RowState.DONE, RowState.DONE, RowState.SUBMITTED, RowState.FAILED, RowState.INTENT]),
    st.text("ab", max_size=2),
)
damaged_lines = st.sampled_from([b"{", b"", b'{"key":"row-1","state":"do', b"[]"])
actions = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 2), st.lists(lines, min_size=1, max_size=6)),
    st.tuples(st.just("damage"), damaged_lines),
    st.tuples(st.just("start"), st.integers(0, 2), st.booleans()),
)


@given(
    steps=st.lists(actions, max_size=25), few=st.sampled_from([1, 3, 1000]), rows=st.sampled_from([1, 2, 7])
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_load_in_parts_gives_the_same_state_as_all_lines_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[Any], few: int, rows: int
) -> None:
    """Whatever workers write in turn, replaced workers included, with or without archives and damage."""
    monkeypatch.setattr(ledger_module, "MIN_ARCHIVED_ROWS", few)
    monkeypatch.setattr(ledger_module, "ARCHIVE_ROWS", rows)
    folder = tmp_path / str(next(_folders))
    folder.mkdir()
    for compacted in apply(folder, steps):
        expected = all_at_once(folder)
        assert whole(folder) == expected
        compacted.compact()
        assert all_at_once(folder) == whole(folder) == expected


_folders = count()


def apply(folder: Path, steps: list[Any]) -> Iterator[Ledger]:
    """Write what three workers write, and yield each start that may archive rows."""
    workers = [opened(folder) for _ in range(3)]
    for kind, *what in steps:
        if kind == "write":
            for entry in what[1]:
                workers[what[0]].record(entry)
            workers[what[0]].flush()
        elif kind == "damage":
            for path in islice(folder.glob("*[0-9a-f].jsonl"), 1):
                path.write_bytes(path.read_bytes() + what[0] + b"\n")
        else:
            workers[what[0]] = opened(folder)
            if what[1]:
                yield workers[what[0]]
    yield opened(folder)

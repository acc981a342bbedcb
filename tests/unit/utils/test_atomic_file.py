# SPDX-License-Identifier: Apache-2.0
"""A file that was written is still there after a loss of power."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from airflow_provider_kling.budget import KlingBudget
from airflow_provider_kling.utils.atomic_file import AtomicFile
from airflow_provider_kling.utils.storage import StorageTransientError, resolve_path


def write(folder: Path) -> None:
    with AtomicFile(resolve_path(str(folder / "a.json"))) as file:
        file.write(b"{}")


def reserve(folder: Path) -> None:
    budget = KlingBudget("a", max_units=5, path=str(folder))
    budget.reserve("job", Decimal(1), dag_id="d", run_id="r")


@pytest.mark.parametrize("act", [write, reserve])
def test_the_folder_is_written_to_disk_after_the_file_has_its_name(
    act: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[int, list[str]]] = []

    def fsync(descriptor: int) -> None:
        about = os.fstat(descriptor)
        if stat.S_ISDIR(about.st_mode):
            synced.append((about.st_ino, [file.name for file in tmp_path.rglob("*.json")]))

    monkeypatch.setattr(os, "fsync", fsync)
    act(tmp_path)
    ((folder, names),) = synced
    (file,) = tmp_path.rglob("*.json")
    assert (folder, names) == (file.parent.stat().st_ino, [file.name])


def test_a_folder_that_cannot_be_synced_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(22, "Invalid argument")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write(tmp_path)
    assert (tmp_path / "a.json").read_bytes() == b"{}"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux")
def test_no_temporary_file_remains_on_a_full_disk(tmp_path: Path) -> None:
    """The file's last bytes are buffered, and closing it writes them."""

    def fill() -> None:
        with AtomicFile(resolve_path(str(tmp_path / "a.json"))) as file:
            file.write(b"{}")
            full = os.open("/dev/full", os.O_WRONLY)
            os.dup2(full, file._file.fileno())
            os.close(full)

    with pytest.raises(StorageTransientError, match="No space left on device"):
        fill()
    assert os.listdir(tmp_path) == []

# SPDX-License-Identifier: Apache-2.0
"""A limit over many tasks, stored in a storage that can create a file only if it does not exist.

A budget is a log: files named by consecutive numbers, each created exclusively and never changed. To reserve,
a task reads the log, adds up, and creates the next number; if another task was faster, it reads on and
decides again. So each decision is based on all earlier entries.
"""

from __future__ import annotations

import inspect
import json
import logging
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from .api.pricing import amount_of
from .exceptions import JobState, KlingBudgetSpent, KlingRequestInvalid, KlingServerError
from .inputs.prepared_request import parse_units
from .utils.atomic_file import sync_folder
from .utils.json_input import read_json
from .utils.storage import (
    StoragePath,
    StoragePermanentError,
    StorageTransientError,
    resolve_path,
    safe_file_name,
    translate_storage_errors,
)

_log = logging.getLogger(__name__)

_PROBE = "probe-"
_checked: set[str] = set()
MAX_CONTENTION_SECONDS = 120.0
"""Seconds for which a reservation tries again while others are faster."""

_PRECISION = Decimal("0.0001")
_PERIODS = ("run", "day", "month")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_EXCLUSIVE_SCHEMES = frozenset(("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"))
_EXISTS_ERRORS = (
    "PreconditionFailed",
    "At least one of the pre-conditions",
    "ConditionalRequestConflict",
    "BlobAlreadyExists",
)


@dataclass(frozen=True)
class KlingBudget:
    """A limit in units that any number of tasks and batches share.

    The estimate of a job is reserved before it is submitted, and replaced by its charge when it has ended. An
    existing job is never blocked. A job whose cost cannot be estimated is not submitted.

    :param name: name of the budget; the same name, path and period is the same budget.
    :param max_units: maximum units per period.
    :param per: ``run`` (the DAG run), ``day`` or ``month`` (in UTC).
    :param path: folder for the log: files of one machine (or a shared disk with hard links), S3, Google Cloud
        Storage or Azure. ``[kling] budget_path`` of Airflow's configuration when unset.
    :raises KlingRequestInvalid: a value is invalid.
    """

    name: str
    max_units: Any
    per: Literal["run", "day", "month"] = "run"
    path: Any = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise _invalid_value("name", self.name, "letters, digits, '.', '_' and '-'")
        if self.per not in _PERIODS:
            raise _invalid_value("per", self.per, "run, day or month")
        if parse_units("max_units", self.max_units) is None:
            raise _invalid_value("max_units", self.max_units, "a number of units")

    def reserve(self, key: str, units: Decimal | None, *, dag_id: str, run_id: str) -> None:
        """Reserve units for a job that is about to be submitted.

        :param key: external id of the job; a job has one reservation, however often this is called.
        :param units: estimated cost.
        :param dag_id: the DAG.
        :param run_id: its run.
        :raises KlingBudgetSpent: too little is left.
        :raises KlingRequestInvalid: the cost cannot be known, or the storage has no exclusive creation.
        :raises KlingServerError: the storage does not respond.
        """
        if units is None or amount_of(units) is None:
            raise KlingRequestInvalid(
                f"Set expected_seconds, or remove budget {self.name!r}: the cost is not known in advance.",
                job=JobState.NOT_CREATED,
            )
        log = self._log(self._period(dag_id, run_id))
        limit = parse_units("max_units", self.max_units) or Decimal(0)

        def decide(state: _State) -> dict[str, Any] | None:
            if key in state.open or state.settled.get(key):
                return None
            if state.total + units > limit:
                remaining = _format_units(max(limit - state.total, Decimal(0)))
                raise KlingBudgetSpent(
                    f"Raise max_units of budget {self.name!r}, or wait for the next {self.per}: it has "
                    f"{remaining} of {_format_units(limit)} units left for this {self.per}, and this job "
                    f"costs about {_format_units(units)}.",
                    job=JobState.NOT_CREATED,
                )
            return {"kind": "reserve", "key": key, "units": str(units)}

        with _budget_errors(self.name):
            log.add(decide)

    def settle(self, key: str, units: Decimal | None, *, dag_id: str, run_id: str) -> None:
        """Replace a job's reservation by its charge.

        :param key: external id of the job.
        :param units: its charge; 0 for a job that was not made or is free; ``None`` where it is unknown:
            then the reservation stays.
        :param dag_id: the DAG.
        :param run_id: its run.
        """
        # What no entry can hold is no plausible charge.
        if units is None or amount_of(units) is None:
            return

        def decide(state: _State) -> dict[str, Any] | None:
            return {"kind": "settle", "key": key, "units": str(units)} if key in state.open else None

        with _budget_errors(self.name):
            for period in self._periods(dag_id, run_id):
                if self._log(period).add(decide):
                    return

    def spent(self, *, dag_id: str = "", run_id: str = "") -> Decimal:
        """Return what is reserved and charged in the current period.

        :param dag_id: the DAG, for ``per="run"``.
        :param run_id: its run.
        :return: units.
        """
        with _budget_errors(self.name):
            return self._log(self._period(dag_id, run_id)).read().total

    def _period(self, dag_id: str, run_id: str, now: datetime | None = None) -> str:
        now = now or datetime.now(UTC)
        if self.per == "run":
            return safe_file_name(f"run-{dag_id}~{run_id}")
        return now.strftime("day-%Y-%m-%d" if self.per == "day" else "month-%Y-%m")

    def _periods(self, dag_id: str, run_id: str) -> list[str]:
        """The current period, and the one before: a job may end in another one than it was made in."""
        now = datetime.now(UTC)
        before = now - timedelta(days=1 if self.per == "day" else now.day)
        return list(dict.fromkeys(self._period(dag_id, run_id, moment) for moment in (now, before)))

    def _log(self, period: str) -> _Log:
        if not (path := self.path or _configured_path()):
            expected = "a folder; or set [kling] budget_path in Airflow's configuration"
            raise _invalid_value("path", path, expected)
        with _budget_errors(self.name):
            return _Log(resolve_path(path).child(f"{self.name}/{period}"))


@dataclass(slots=True)
class _State:
    """Content of a log: open reservations, settled jobs, and their sum."""

    open: dict[str, Decimal] = field(default_factory=dict)
    settled: dict[str, Decimal] = field(default_factory=dict)

    def apply(self, record: Any) -> None:
        """Add a record.

        :param record: the record.
        :raises ValueError: it is none.
        """
        fields = record if isinstance(record, Mapping) else {}
        key, units = fields.get("key"), amount_of(fields.get("units"))
        if not isinstance(key, str) or units is None or fields.get("kind") not in ("reserve", "settle"):
            raise ValueError("no record of a budget")
        if fields["kind"] == "reserve":
            self.settled.pop(key, None)
            self.open[key] = units
        else:
            self.open.pop(key, None)
            self.settled[key] = units

    @property
    def total(self) -> Decimal:
        return sum([*self.open.values(), *self.settled.values()], Decimal(0))


class _Log:
    """The log of one period.

    :param folder: its folder.
    """

    def __init__(self, folder: StoragePath) -> None:
        names = folder.fs.protocol
        names = {names} if isinstance(names, str) else set(names)
        self._local = "file" in names
        conditional = (
            "mode" in inspect.signature(getattr(folder.fs, "_pipe_file", folder.fs.pipe_file)).parameters
        )
        if not self._local and not (names & _EXCLUSIVE_SCHEMES and conditional):
            raise StoragePermanentError(
                "a budget needs a storage that creates a file only if it is not there, and "
                f"{min(names)} (or its installed version) does not"
            )
        self._folder = folder
        self._state = _State()
        self._next_number = 1

    def read(self) -> _State:
        """Read on to the end of the log."""
        fs = self._folder.fs
        if self._next_number == 1:
            self._read_existing()
        while True:
            path = self._folder.child(f"{self._next_number:08d}.json")
            with translate_storage_errors():
                fs.invalidate_cache()
                try:
                    self._state.apply(read_json(fs.cat_file(path.path)))
                except FileNotFoundError:
                    return self._state
                except ValueError:
                    # It is being written, or its writer was killed: nothing is decided.
                    raise StorageTransientError(f"its entry {self._next_number} is not whole") from None
            self._next_number += 1

    def _read_existing(self) -> None:
        """Read the existing entries; the end of the log is found by reading the next number."""
        fs = self._folder.fs
        with translate_storage_errors():
            fs.invalidate_cache()
            try:
                found = {str(name).rsplit("/", 1)[-1]: str(name) for name in fs.find(self._folder.path)}
                numbers: list[str] = []
                while (name := f"{len(numbers) + 1:08d}.json") in found:
                    numbers.append(found[name])
                contents = fs.cat(numbers) if numbers else {}
            except FileNotFoundError:
                return  # No folder yet, or a listing ahead of its files: they are read one by one.
        for name in numbers:
            try:
                self._state.apply(read_json(contents[name]))
            except ValueError:
                return
            self._next_number += 1

    def add(self, decide: Callable[[_State], dict[str, Any] | None]) -> bool:
        """Add a record that depends on all earlier ones.

        :param decide: returns the record, or ``None`` to add nothing.
        """
        until = time.monotonic() + MAX_CONTENTION_SECONDS
        while time.monotonic() < until:
            try:
                record = decide(self.read())
            except StorageTransientError:
                if time.monotonic() + 1 > until:
                    raise
                time.sleep(0.2)
                continue
            if record is None:
                return False
            self._check_exclusive()
            if self._create(self._folder.child(f"{self._next_number:08d}.json"), json.dumps(record).encode()):
                return True
            time.sleep(secrets.randbelow(50) / 1000)
        raise StorageTransientError("others wrote to the budget for too long")

    def _check_exclusive(self) -> None:
        """Reject a storage that overwrites: some that imitate S3 ignore the condition silently."""
        root = f"{type(self._folder.fs).__name__} {self._folder.uri.rsplit('/', 2)[0]}"
        if self._local or root in _checked:
            return
        probe = self._folder.child(f"{_PROBE}{secrets.token_hex(8)}")
        try:
            exclusive = self._create(probe, b"{}") and not self._create(probe, b"{}")
        finally:
            with suppress(Exception):
                self._folder.fs.rm_file(probe.path)
        if not exclusive:
            raise StoragePermanentError(
                "this storage overwrites a file that must be created only if it is not there"
            )
        _checked.add(root)

    def _create(self, path: StoragePath, content: bytes) -> bool:
        """Create a complete file; false if it exists."""
        if self._local:
            return _link(path.path, content)
        with translate_storage_errors():
            try:
                path.fs.pipe_file(path.path, content, mode="create")
            except FileExistsError:
                return False
            except Exception as error:
                if any(text in f"{type(error).__name__}: {error}" for text in _EXISTS_ERRORS):
                    return False
                raise
        return True


def _link(path: str, content: bytes) -> bool:
    """Create a complete local file if it does not exist; false if it does."""
    part = f"{path}.{secrets.token_hex(8)}.part"
    with translate_storage_errors():
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(part, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(part, path)
            sync_folder(path)
        except FileExistsError:
            return False
        finally:
            with suppress(OSError):
                os.unlink(part)
    return True


@dataclass(frozen=True, slots=True)
class RunBudget:
    """A budget, as the rows of a batch in one DAG run share it.

    :param budget: the budget.
    :param dag_id: the DAG.
    :param run_id: its run.
    """

    budget: KlingBudget
    dag_id: str
    run_id: str

    def reserve(self, name: str, units: Decimal | None) -> None:
        """Reserve units for a job, see :meth:`KlingBudget.reserve`.

        :param name: name of the reservation.
        :param units: the units; ``None`` if unknown.
        """
        self.budget.reserve(name, units, dag_id=self.dag_id, run_id=self.run_id)

    def settle(self, name: str | None, units: Decimal | None) -> None:
        """Replace a reservation by a charge; the job is paid, so no error here fails its row.

        :param name: name of the reservation; ``None`` if there is none.
        :param units: what was charged; ``None`` if unknown.
        """
        try:
            if name:
                self.budget.settle(name, units, dag_id=self.dag_id, run_id=self.run_id)
        except Exception as error:
            _log.warning("The budget could not be settled, so the reservation stays: %s", error)


@contextmanager
def _budget_errors(name: str) -> Iterator[None]:
    try:
        yield
    except StoragePermanentError as error:
        raise KlingRequestInvalid(
            f"Correct the path of budget {name!r}: {error}.", job=JobState.NOT_CREATED
        ) from None
    except StorageTransientError as error:
        raise KlingServerError(
            f"Retry once the storage of budget {name!r} answers: it cannot be read or written now: {error}.",
            job=JobState.NOT_CREATED,
        ) from None


def _format_units(units: Decimal) -> str:
    # Cash at list price may be any fraction of a unit.
    return f"{units.quantize(_PRECISION).normalize():f}"


def _configured_path() -> str | None:
    from .version_compat import conf

    path: str | None = conf.get("kling", "budget_path", fallback=None)
    return path


def _invalid_value(name: str, value: Any, expected: str) -> KlingRequestInvalid:
    return KlingRequestInvalid(
        f"Invalid value for {name!r} of a budget: {value!r}; expected {expected}.", job=JobState.NOT_CREATED
    )

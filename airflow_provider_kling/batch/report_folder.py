# SPDX-License-Identifier: Apache-2.0
"""The folder of a batch's reports, if several batches write to one output path.

Each task instance claims its folder when it starts, in a file of its own, and then reads the claims of all
others. Object storage is not required to support exclusive creation, but a read shows earlier writes: of two
instances that start at the same moment at least one sees the other and uses a folder of its own.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ..utils.atomic_file import AtomicFile
from ..utils.json_input import read_json
from ..utils.storage import translate_storage_errors

if TYPE_CHECKING:
    from ..submission.context import IdempotencyKey
    from ..utils.storage import StoragePath

CLAIMS_FOLDER = "_reports"

RENEW_SECONDS = 300.0
"""Seconds between two renewals of the claim of a batch that runs."""

STALE_SECONDS = 1800.0
"""Seconds after which a claim that was not renewed counts as that of a worker that died."""

FORGET_SECONDS = 90 * 86_400.0
"""Seconds after which the claim of a run that has ended is removed."""

_SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class Claim:
    """The claim of one task instance to a folder.

    :param owner: the task instance.
    :param task: ``dag_id.task_id`` of the task.
    :param folder: the folder below the usual one; empty for the usual one.
    :param since: when the folder was claimed; Unix time in seconds.
    :param renewed: when that was last confirmed.
    :param ended: whether the try has ended.
    """

    owner: str
    task: str
    folder: str
    since: float
    renewed: float
    ended: bool = False

    def leaves(self, task: str, now: float) -> bool:
        """Whether another run of a task may write to this claim's folder.

        :param task: ``dag_id.task_id`` of that task.
        :param now: Unix time in seconds.
        :return: the claim is of the same task, and its run has ended or died.
        """
        return self.task == task and (self.ended or now - self.renewed > STALE_SECONDS)


class ReportFolder:
    """The folder for the reports of one task instance, which no other one writes to.

    :param usual: folder of the reports, unless another task's are there.
    :param key: identifies the task instance.
    :param user_named: name of a folder for this instance alone.
    """

    def __init__(self, usual: StoragePath, key: IdempotencyKey, user_named: str) -> None:
        self._usual = usual
        self._user_external_task_id = user_named
        self.task = f"{key.dag_id}.{key.task_id}"
        parts = (key.dag_id, key.task_id, key.run_id, str(key.map_index))
        self._owner = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]
        self._claim: Claim | None = None

    @property
    def location(self) -> StoragePath:
        """The folder that was claimed."""
        folder = self._claim.folder if self._claim else ""
        return self._usual.child(folder) if folder else self._usual

    def claim(self) -> bool:
        """Choose a folder and record it, before anything is paid.

        :return: whether it is the usual one.
        :raises StoragePermanentError: the storage may not be read or written.
        :raises StorageTransientError: the storage does not answer.
        """
        now = time.time()
        mine, others = self._read()
        if mine and mine.folder:
            self._write(replace(mine, renewed=now, ended=False))
            return False
        since = mine.since if mine else _after(others, now)
        self._write(Claim(self._owner, self.task, "", since, now))
        # Read after writing: of two that start together, the later one sees the earlier one's claim.
        _, others = self._read()
        if self._is_taken(others, resumed=mine is not None, now=now):
            self._take_own(now)
        elif not mine:
            self._forget(others, now)
        return not self._held.folder

    def renew(self) -> None:
        """Confirm that the batch still runs, if a renewal is due.

        :raises StoragePermanentError: the storage may not be written.
        :raises StorageTransientError: the storage does not answer.
        """
        now = time.time()
        if self._claim and now - self._claim.renewed > RENEW_SECONDS:
            self._write(replace(self._claim, renewed=now))

    def confirm(self) -> bool:
        """Check before reports are written whether a later run uses the folder now.

        :return: whether the folder is the one that was claimed.
        :raises StoragePermanentError: the storage may not be read or written.
        :raises StorageTransientError: the storage does not answer.
        """
        now = time.time()
        if self._held.folder:
            return True
        _, others = self._read()
        if self._is_taken(others, resumed=True, now=now):
            self._take_own(now)
            return False
        return True

    def release(self) -> None:
        """Record that this try has ended: later runs of the task may use the folder.

        :raises StoragePermanentError: the storage may not be written.
        :raises StorageTransientError: the storage does not answer.
        """
        self._write(replace(self._held, renewed=time.time(), ended=True))

    @property
    def _held(self) -> Claim:
        if self._claim is None:
            raise RuntimeError("no folder is claimed yet")
        return self._claim

    def _is_taken(self, others: list[Claim], *, resumed: bool, now: float) -> bool:
        """Whether the usual folder has or will have the reports of another instance.

        :param resumed: this instance had the usual folder before: only a later one can use it now.
        """
        usual = [other for other in others if not other.folder]
        if resumed:
            return any(other.since > self._held.since for other in usual)
        return any(not other.leaves(self.task, now) for other in usual)

    def _take_own(self, now: float) -> None:
        self._write(replace(self._held, folder=self._user_external_task_id, renewed=now))

    def _read(self) -> tuple[Claim | None, list[Claim]]:
        """Return this instance's claim and those of all others."""
        folder = self._usual.child(CLAIMS_FOLDER)
        with translate_storage_errors():
            folder.fs.invalidate_cache()
            names = [str(name) for name in folder.fs.find(folder.path)] if self._exists(folder) else []
            claims = [
                claim
                for name in names
                if name.endswith(_SUFFIX) and (claim := self._read_one(folder, name)) is not None
            ]
        mine = next((claim for claim in claims if claim.owner == self._owner), None)
        return mine, [claim for claim in claims if claim.owner != self._owner]

    @staticmethod
    def _exists(folder: StoragePath) -> bool:
        return bool(folder.fs.exists(folder.path))

    @staticmethod
    def _read_one(folder: StoragePath, name: str) -> Claim | None:
        try:
            values: Any = read_json(folder.fs.cat_file(name))
            return Claim(
                owner=str(values["owner"]),
                task=str(values["task"]),
                folder=str(values["folder"]),
                since=float(values["since"]),
                renewed=float(values["renewed"]),
                ended=values["ended"] is True,
            )
        except FileNotFoundError:
            return None  # an old claim that another run has just removed
        except (ValueError, KeyError, TypeError):
            # A claim that cannot be read may be of any task: the folder is not used.
            return Claim(owner=name, task="", folder="", since=float("inf"), renewed=float("inf"))

    def _write(self, claim: Claim) -> None:
        with AtomicFile(self._place(claim.owner)) as file:
            file.write(json.dumps(asdict(claim)).encode())
        self._claim = claim

    def _place(self, owner: str) -> StoragePath:
        return self._usual.child(f"{CLAIMS_FOLDER}/{owner}{_SUFFIX}")

    def _forget(self, others: list[Claim], now: float) -> None:
        """Remove claims of runs that ended long ago, so that the folder stays fast to read."""
        for other in others:
            if other.leaves(self.task, now) and now - other.renewed > FORGET_SECONDS:
                place = self._place(other.owner)
                with translate_storage_errors():
                    if place.fs.exists(place.path):
                        place.fs.rm_file(place.path)


def _after(others: list[Claim], now: float) -> float:
    """Return a time after all claims of the usual folder, even if clocks of workers differ."""
    known = [other.since for other in others if not other.folder and math.isfinite(other.since)]
    return max([now, *(since + 0.001 for since in known)])

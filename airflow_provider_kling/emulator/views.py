# SPDX-License-Identifier: Apache-2.0
"""Task objects as the API writes them, prebuilt as JSON because lists hold hundreds of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .clock import Clock, milliseconds
from .faults import Faults
from .lifecycle import Job, Status
from .media_kinds import Clip
from .recipes import File, with_addresses
from .signing import Signer
from .views_api2 import created_view, task_view


@dataclass(slots=True)
class _Cached:
    status: Status
    base_url: str
    fresh_until: float
    text: bytes

    def holds(self, status: Status, base_url: str, now: float) -> bool:
        return self.status is status and self.base_url == base_url and now < self.fresh_until


class Views:
    """Writes task objects.

    :param clock: the emulator's time.
    :param signer: signs addresses of results.
    :param faults: faults that change what a task says.
    """

    def __init__(self, clock: Clock, signer: Signer, faults: Faults) -> None:
        self._clock = clock
        self._signer = signer
        self._faults = faults
        self._cache: dict[str, _Cached] = {}

    def reset(self) -> None:
        """Forget what was built."""
        self._cache.clear()

    def forget(self, job: Job) -> None:
        """Build a job's task object anew: the job was changed."""
        self._cache.pop(job.task_id, None)

    def task(self, job: Job, base_url: str) -> bytes:
        """Return the task object of a query as JSON.

        :param job: the job.
        :param base_url: scheme and host by which the emulator was reached; results have addresses there.
        """
        now = self._clock.now()
        status = job.status(now)
        if status is Status.PROCESSING and self._faults.fire("unknown_status"):
            word = self._faults.setting("unknown_status")
            return _json(self._as_asked(job, {**self._task(job, base_url), "task_status": word}))
        cached = self._cache.get(job.task_id)
        if cached is not None and cached.holds(status, base_url, now):
            return cached.text
        text = _json(self.task_object(job, base_url))
        self._cache[job.task_id] = _Cached(status, base_url, now + self._signer.seconds / 2, text)
        return text

    def task_object(self, job: Job, base_url: str) -> dict[str, Any]:
        """Return the task object of a query or a callback."""
        return self._as_asked(job, self._task(job, base_url))

    def _as_asked(self, job: Job, task: dict[str, Any]) -> dict[str, Any]:
        return task_view(task, job.tasks, job.slug) if job.tasks else task

    def _task(self, job: Job, base_url: str) -> dict[str, Any]:
        now = self._clock.now()
        status = job.status(now)
        task = self._created(job, base_url)
        task["task_status"] = status
        task["task_status_msg"] = job.failure or "" if status is Status.FAILED else ""
        task["updated_at"] = milliseconds(job.changed_at(now))
        if status is Status.SUCCEED:
            task["final_unit_deduction"] = _units(job)
            task["task_result"] = self.result(job, base_url)
        return task

    def created_object(self, job: Job, base_url: str) -> dict[str, Any]:
        """Return the task object that answers the create call."""
        task = self._created(job, base_url)
        return created_view(task, job.tasks) if job.tasks else task

    def _created(self, job: Job, base_url: str) -> dict[str, Any]:
        info: dict[str, Any] = {}
        if job.parent:
            info["parent_video"] = self._parent(job.parent, base_url)
        if job.external_task_id:
            info["external_task_id"] = job.external_task_id
        made = milliseconds(job.made_at)
        return {
            "task_id": job.task_id,
            "task_status": Status.SUBMITTED,
            "task_info": info,
            "created_at": made,
            "updated_at": made,
        }

    def result(self, job: Job, base_url: str) -> dict[str, Any]:
        """Return what the job made, by array, with addresses that can be downloaded now."""
        result: dict[str, list[dict[str, Any]]] = {}
        for item in job.items:
            entry = self.addressed(item.values, job.task_id, job.ended_at, base_url)
            result.setdefault(item.array, []).append(entry)
        return result

    def faces(self, job: Job, base_url: str) -> dict[str, Any]:
        """Return what answers the call that finds faces: no task object, but a session."""
        charged = {"session_id": job.session_id, "final_unit_deduction": _units(job)}
        return {**charged, **self.result(job, base_url)}

    def addressed(self, values: Any, owner: str, made_at: float, base_url: str) -> Any:
        """Return values with their files, at any depth, replaced by addresses.

        :param values: the values.
        :param owner: what stands for the task id in the addresses.
        :param made_at: when the files were made, in seconds since the epoch.
        :param base_url: scheme and host of the addresses.
        """

        def address(file: File) -> str:
            return base_url + self._signer.signed(f"/results/{owner}/{file.name}", made_at)

        return with_addresses(values, address)

    def _parent(self, clip: Clip, base_url: str) -> dict[str, Any]:
        url = clip.url or base_url + self._signer.signed(clip.path, clip.made_at)
        return {"id": clip.video_id, "url": url, "duration": f"{clip.seconds:.3f}"}


def _units(job: Job) -> str:
    return f"{job.price.normalize():f}"


def _json(task: dict[str, Any]) -> bytes:
    return json.dumps(task, separators=(",", ":")).encode()

# SPDX-License-Identifier: Apache-2.0
"""Task objects as the API writes them, prebuilt as JSON because lists hold hundreds of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .clock import Clock, milliseconds
from .faults import Faults
from .lifecycle import Job, Status
from .signing import Signer


@dataclass(slots=True)
class _Cached:
    status: Status
    base_url: str
    fresh_until: float
    text: bytes


class Views:
    """Writes task objects.

    :param clock: the emulator's time.
    :param signer: signs addresses of results.
    """

    def __init__(self, clock: Clock, signer: Signer, faults: Faults) -> None:
        self._clock = clock
        self._signer = signer
        self._faults = faults
        self._cache: dict[str, _Cached] = {}

    def reset(self) -> None:
        """Forget what was built."""
        self._cache.clear()

    def task(self, job: Job, base_url: str) -> bytes:
        """Return the task object of a query as JSON.

        :param job: the job.
        :param base_url: scheme and host by which the emulator was reached; results have addresses there.
        """
        now = self._clock.now()
        status = job.status(now)
        cached = self._cache.get(job.task_id)
        if status is Status.PROCESSING and self._faults.fire("unknown_status"):
            return _json(
                {**self.task_object(job, base_url), "task_status": self._faults.setting("unknown_status")}
            )
        if (
            cached is not None
            and cached.status is status
            and cached.base_url == base_url
            and now < cached.fresh_until
        ):
            return cached.text
        text = _json(self.task_object(job, base_url))
        self._cache[job.task_id] = _Cached(status, base_url, now + self._signer.seconds / 2, text)
        return text

    def task_object(self, job: Job, base_url: str) -> dict[str, Any]:
        """Return the task object of a query or a callback."""
        now = self._clock.now()
        status = job.status(now)
        task = self.created_object(job)
        task["task_status"] = status
        task["task_status_msg"] = job.failure or "" if status is Status.FAILED else ""
        task["updated_at"] = milliseconds(job.changed_at(now))
        if status is Status.SUCCEED:
            task["final_unit_deduction"] = format(job.price.normalize(), "f")
            task["task_result"] = self.result(job, base_url)
        return task

    def created_object(self, job: Job) -> dict[str, Any]:
        """Return the task object that answers the create call."""
        info = dict(job.info)
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
            entry = dict(item.values)
            for name, file in item.files.items():
                entry[name] = base_url + self._signer.signed(
                    f"/results/{job.task_id}/{file.name}", job.ended_at
                )
            result.setdefault(item.array, []).append(entry)
        return result


def _json(task: dict[str, Any]) -> bytes:
    return json.dumps(task, separators=(",", ":")).encode()

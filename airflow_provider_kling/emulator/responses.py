# SPDX-License-Identifier: Apache-2.0
"""Task objects of v1 and of API 2.0."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .clock import Clock, milliseconds
from .faults import Faults
from .media.specs import OutputFile, VideoInfo, replace_files_with_urls
from .signing import UrlSigner
from .spec import prices
from .task import EmulatedTask, Status

V2_STATUSES = {"succeed": "succeeded"}
"""The statuses of API 2.0 that differ from those of v1."""
CURRENCY = "USD"
"""Currency of an account that pays in cash."""

_WITH_V1_STATUSES = "solutions/virtual_try_on"
_ENTRY_TYPES = {"model_images": "model_images", "ass": "ass"}
"""Arrays whose entries have a type that is no singular of the array's name."""


def created_v2(task: Mapping[str, Any], slug: str) -> dict[str, Any]:
    """Return the task object that answers a create call.

    :param task: the task object of v1.
    :param slug: slug of its endpoint.
    :return: the task object of API 2.0.
    """
    view = task_v2(task, slug)
    return {**view, "task_id": view.pop("id")} if slug == _WITH_V1_STATUSES else view


def task_v2(task: Mapping[str, Any], slug: str) -> dict[str, Any]:
    """Return the task object of a query or a callback.

    :param task: the task object of v1.
    :param slug: slug of its endpoint.
    :return: the task object of API 2.0.
    """
    status_word = task["task_status"]
    view: dict[str, Any] = {
        "id": task["task_id"],
        "status": status_word if slug == _WITH_V1_STATUSES else V2_STATUSES.get(status_word, status_word),
        "message": task.get("task_status_msg", ""),
        "create_time": task["created_at"],
        "update_time": task["updated_at"],
    }
    if name := task["task_info"].get("external_task_id"):
        view["external_id"] = name
    if "task_result" in task:
        view["outputs"] = [
            {"type": _ENTRY_TYPES.get(array, array.removesuffix("s")), **_without_index(item)}
            for array, items in task["task_result"].items()
            if isinstance(items, list)
            for item in items
        ]
        view["billing"] = [_billing_row(task, slug)]
    return view


def _billing_row(task: Mapping[str, Any], slug: str) -> dict[str, Any]:
    if cash := task.get("final_balance_deduction"):
        paid = {"amount": cash["quota"], "currency": CURRENCY, "list_price": cash["list_price"]}
        return {"charge_type": "cash", "cash_type": "balance", **paid}
    units = task["final_unit_deduction"]
    return {"charge_type": "unit", "amount": units, "package_type": prices.unit_type(slug)}


def _without_index(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name != "index"}


@dataclass(slots=True)
class _Cached:
    status: Status
    base_url: str
    fresh_until: float
    text: bytes

    def is_valid(self, status: Status, base_url: str, now: float) -> bool:
        return self.status is status and self.base_url == base_url and now < self.fresh_until


class TaskSerializer:
    """Writes task objects.

    :param clock: the emulator's time.
    :param signer: signs URLs of results.
    :param faults: faults that change task objects.
    """

    def __init__(self, clock: Clock, signer: UrlSigner, faults: Faults) -> None:
        self._clock = clock
        self._signer = signer
        self._faults = faults
        self._cache: dict[str, _Cached] = {}

    def reset(self) -> None:
        """Discard all cached task objects."""
        self._cache.clear()

    def discard(self, job: EmulatedTask) -> None:
        """Discard the cached task object of a job that was changed.

        :param job: the job.
        """
        self._cache.pop(job.task_id, None)

    def serialize_for_tasks_path(self, job: EmulatedTask, base_url: str) -> bytes:
        """Return the task object of a query at ``/tasks``, where jobs of v1 look like those of API 2.0.

        :param job: the job.
        :param base_url: scheme and host of the emulator in the client's request.
        :return: JSON.
        """
        if job.tasks_path:
            return self.task(job, base_url)
        return _json(task_v2(self._task(job, base_url), job.slug))

    def task(self, job: EmulatedTask, base_url: str) -> bytes:
        """Return the task object of a query as JSON.

        :param job: the job.
        :param base_url: scheme and host of the emulator in the client's request; results have URLs there.
        :return: JSON.
        """
        now = self._clock.now()
        status = job.status(now)
        if status is Status.PROCESSING and self._faults.strikes("unknown_status"):
            status_word = self._faults.setting("unknown_status")
            return _json(self._for_version(job, {**self._task(job, base_url), "task_status": status_word}))
        cached = self._cache.get(job.task_id)
        if cached is not None and cached.is_valid(status, base_url, now):
            return cached.text
        text = _json(self.task_object(job, base_url))
        self._cache[job.task_id] = _Cached(status, base_url, now + self._signer.seconds / 2, text)
        return text

    def task_object(self, job: EmulatedTask, base_url: str) -> dict[str, Any]:
        """Return the task object of a query or a callback.

        :param job: the job.
        :param base_url: scheme and host of the URLs.
        :return: the task object.
        """
        return self._for_version(job, self._task(job, base_url))

    def _for_version(self, job: EmulatedTask, task: dict[str, Any]) -> dict[str, Any]:
        return task_v2(task, job.slug) if job.tasks_path else task

    def _task(self, job: EmulatedTask, base_url: str) -> dict[str, Any]:
        now = self._clock.now()
        status = job.status(now)
        task = self._created(job, base_url)
        task["task_status"] = status
        task["task_status_msg"] = job.failure or "" if status is Status.FAILED else ""
        task["updated_at"] = milliseconds(job.changed_at(now))
        if status is Status.SUCCEED:
            task |= _charge(job)
            task["task_result"] = {**_result_type(job), **self.result(job, base_url)}
        return task

    def created_object(self, job: EmulatedTask, base_url: str) -> dict[str, Any]:
        """Return the task object that answers the create call.

        :param job: the job.
        :param base_url: scheme and host of the URLs.
        :return: the task object.
        """
        task = self._created(job, base_url)
        return created_v2(task, job.slug) if job.tasks_path else task

    def _created(self, job: EmulatedTask, base_url: str) -> dict[str, Any]:
        info: dict[str, Any] = {}
        if job.parent:
            info["parent_video"] = self._parent(job.parent, base_url)
        if job.external_task_id:
            info["external_task_id"] = job.external_task_id
        created_at = milliseconds(job.created_at)
        return {
            "task_id": job.task_id,
            "task_status": Status.SUBMITTED,
            "task_info": info,
            "created_at": created_at,
            "updated_at": created_at,
        }

    def result(self, job: EmulatedTask, base_url: str) -> dict[str, Any]:
        """Return the result of a job, by array, with URLs that can be downloaded now.

        :param job: the job.
        :param base_url: scheme and host of the URLs.
        :return: the arrays by name.
        """
        result: dict[str, list[dict[str, Any]]] = {}
        for item in job.items:
            entry = self.with_signed_urls(item.values, job.task_id, job.ended_at, base_url)
            result.setdefault(item.array, []).append(entry)
        return result

    def faces(self, job: EmulatedTask, base_url: str) -> dict[str, Any]:
        """Return the answer of the call that finds faces: no task object, but a session.

        :param job: the job.
        :param base_url: scheme and host of the URLs.
        :return: the JSON object.
        """
        return {"session_id": job.session_id, **_charge(job), **self.result(job, base_url)}

    def with_signed_urls(self, values: Any, owner: str, created_at: float, base_url: str) -> Any:
        """Replace the files in a value by signed URLs, at any depth.

        :param values: the value.
        :param owner: stands for the task id in the URLs.
        :param created_at: when the files were created, in seconds since the epoch.
        :param base_url: scheme and host of the URLs.
        :return: the JSON value.
        """

        def url_of(file: OutputFile) -> str:
            return base_url + self._signer.sign(f"/results/{owner}/{file.name}", created_at)

        return replace_files_with_urls(values, url_of)

    def _parent(self, video: VideoInfo, base_url: str) -> dict[str, Any]:
        url = video.url or base_url + self._signer.sign(video.path, video.created_at)
        return {"id": video.video_id, "url": url, "duration": f"{video.seconds:.3f}"}


def _result_type(job: EmulatedTask) -> dict[str, str]:
    if job.slug != "images/omni-image":
        return {}
    return {"result_type": str(job.body.get("result_type", "single"))}


def _charge(job: EmulatedTask) -> dict[str, Any]:
    if job.cash is None:
        return {"final_unit_deduction": f"{job.price.normalize():f}"}
    dollars = f"{job.cash.normalize():f}"
    return {"final_balance_deduction": {"quota": dollars, "list_price": dollars}}


def _json(task: dict[str, Any]) -> bytes:
    return json.dumps(task, separators=(",", ":")).encode()

# SPDX-License-Identifier: Apache-2.0
"""What Airflow knows of a job: who asks for it, how often it was tried, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..submission import JobKey

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from ..order import Order

FACTS_KEY = "request"
"""XCom that says what was asked for: model, prompt, parameters, inputs, estimate."""

_STORE_KEY = "kling_jobs"


def job_key(context: Context, retries: int, order: Order) -> JobKey:
    """Name the job of a task instance.

    ``max_tries - retries`` stays the same over retries and crashes and changes with a clear: a retry
    attaches to the job, a clear makes a new one.

    :param retries: the task's ``retries``.
    """
    return replace(_task_key(context, retries), fingerprint=order.fingerprint, given=order.given_name)


def batch_key(context: Context, retries: int, *, regenerate: bool) -> tuple[JobKey, int]:
    """Name a batch, and tell which clear of the task this is (0 before the first).

    A clear goes on with the same batch, unless every row is to be made anew.

    :param retries: the task's ``retries``.
    :param regenerate: let a clear change the name.
    """
    key = _task_key(context, retries)
    return (key if regenerate else replace(key, generation=0)), key.generation


def _task_key(context: Context, retries: int) -> JobKey:
    ti = context["ti"]
    return JobKey(
        dag_id=str(ti.dag_id),
        task_id=str(ti.task_id),
        run_id=str(ti.run_id),
        map_index=_whole(ti.map_index, -1),
        generation=_whole(ti.max_tries, retries) - retries,
        fingerprint="",
    )


def tried_before(context: Context, generation: int, can_look_up: bool) -> bool:
    """Whether an earlier try may have submitted the job.

    Where asking is possible it is asked on every try but the first. Where it is not, the first try after
    a clear must count as a first one, for the clear is how the user says "make a new one".
    """
    try_number = _whole(context["ti"].try_number, 1)
    return try_number > (1 if can_look_up else generation + 1)


def recall_facts(context: Context) -> dict[str, Any]:
    """Return what was asked for, as the worker that submitted the job has left it."""
    ti = context["ti"]
    facts = ti.xcom_pull(task_ids=ti.task_id, key=FACTS_KEY, map_indexes=ti.map_index)
    return facts if isinstance(facts, dict) else {}


class StateStoreMemory:
    """Memory in Airflow's task state store (Airflow 3.3 and newer)."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._jobs: dict[str, Any] | None = None

    def recall(self, external_task_id: str) -> Mapping[str, Any] | None:
        """Return what is remembered under this name."""
        return self._read().get(external_task_id)

    def remember(self, external_task_id: str, task_id: str | None) -> None:
        """Note that a job of this name is being asked for, or (with its id) was made."""
        self._write({**self._read(), external_task_id: {"task_id": task_id}})

    def forget(self, external_task_id: str) -> None:
        """Note that no job of this name was made."""
        self._write({name: job for name, job in self._read().items() if name != external_task_id})

    def _read(self) -> dict[str, Any]:
        if self._jobs is None:
            stored = self._store.get(_STORE_KEY)
            self._jobs = dict(stored) if isinstance(stored, dict) else {}
        return self._jobs

    def _write(self, jobs: dict[str, Any]) -> None:
        self._jobs = jobs
        self._store.set(_STORE_KEY, jobs)


def memory_of(context: Context) -> StateStoreMemory | None:
    """Return the task's memory; ``None`` where Airflow has none."""
    store = context.get("task_state_store")
    return StateStoreMemory(store) if store is not None else None


def _whole(value: Any, default: int) -> int:
    return value if isinstance(value, int) else default

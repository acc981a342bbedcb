# SPDX-License-Identifier: Apache-2.0
"""What Airflow knows of a job: who asks for it, how often it was tried, and what is remembered of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..submission import JobKey

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from ..order import Order

FACTS_KEY = "request"
"""XCom that says what was asked for: model, prompt, parameters, inputs, estimate."""

_STORE_KEY = "kling_jobs"
_ORDER_KEY = "kling_order"

_log = logging.getLogger(__name__)


def job_key(context: Context, retries: int, order: Order) -> JobKey:
    """Name the job of a task instance.

    ``max_tries - retries`` stays the same over retries and crashes and changes with a clear: a retry
    attaches to the job, a clear makes a new one.

    :param retries: the task's ``retries``.
    """
    return replace(task_key(context, retries), fingerprint=order.fingerprint, given=order.given_name)


def batch_key(context: Context, retries: int, *, regenerate: bool) -> tuple[JobKey, int]:
    """Name a batch, and tell which clear of the task this is (0 before the first).

    A clear goes on with the same batch, unless every row is to be made anew.

    :param retries: the task's ``retries``.
    :param regenerate: let a clear change the name.
    """
    key = task_key(context, retries)
    return (key if regenerate else replace(key, generation=0)), key.generation


def task_key(context: Context, retries: int) -> JobKey:
    """Name what a task instance makes, but for its inputs.

    :param retries: the task's ``retries``.
    """
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


def retry_comes(context: Context) -> bool:
    """Whether Airflow will try again should this try fail."""
    ti = context["ti"]
    return _whole(ti.try_number, 1) <= _whole(ti.max_tries, 0)


@dataclass(frozen=True, slots=True)
class OrderNote:
    """What a retry needs to know of a job whose request it cannot make again: an input file may be gone.

    :param key: names the job.
    :param asked: hash of the parameters as they were given, their files unread.
    :param facts: what the manifest says of the inputs.
    """

    key: JobKey
    asked: str
    facts: Mapping[str, Any]


def note_order(context: Context, note: OrderNote) -> None:
    """Remember what is about to be asked for, where Airflow can (3.3 and newer)."""
    store: Any = context.get("task_state_store")
    if store is None:
        return
    key = note.key
    values = {"asked": note.asked, "facts": dict(note.facts), "generation": key.generation}
    try:
        store.set(_ORDER_KEY, {**values, "fingerprint": key.fingerprint, "given": key.given})
    except Exception as error:
        # Few retries need it, and no job should fail for want of it.
        _log.warning("The order could not be noted: %s", type(error).__name__)


def recall_order(context: Context, key: JobKey) -> OrderNote | None:
    """Return what an earlier try has noted since the last clear.

    :param key: names what the task instance makes; the inputs are added to it.
    """
    store: Any = context.get("task_state_store")
    note = store.get(_ORDER_KEY) if store is not None else None
    if not isinstance(note, dict) or note.get("generation") != key.generation:
        return None
    named = replace(key, fingerprint=str(note.get("fingerprint")), given=note.get("given"))
    return OrderNote(named, str(note.get("asked")), note.get("facts") or {})


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

# SPDX-License-Identifier: Apache-2.0
"""The idempotency key of a task instance, its tries, and the state of its job in Airflow."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..exceptions import JobState, KlingRequestInvalid
from .context import IdempotencyKey

if TYPE_CHECKING:
    from ..inputs.prepared_request import PreparedRequest
    from ..version_compat import Context

REQUEST_XCOM_KEY = "request"
"""XCom with the metadata of the request: model, prompt, parameters, inputs, estimate."""

_STORE_KEY = "kling_jobs"
_REQUEST_KEY = "kling_order"

_log = logging.getLogger(__name__)


def task_instance(context: Any) -> Any:
    """Return the task instance that runs: the ids of its jobs are made of it, and XComs need it.

    :param context: Airflow's context of the running task.
    :return: the task instance.
    :raises KlingRequestInvalid: the context has none, as in a unit test that calls ``execute({})``.
    """
    ti = task_instance_or_none(context)
    if ti is None:
        raise KlingRequestInvalid(
            "No task instance in the context: run the task with dag.test(), or execute({'ti': ...}). A job's "
            "external id is made of dag_id, task_id, run_id, map_index, max_tries and try_number of 'ti', so "
            "that a retry finds the job instead of paying for another one.",
            job=JobState.NOT_CREATED,
        )
    return ti


def task_instance_or_none(context: Any) -> Any:
    """Return the task instance that runs, for what can do without it.

    :param context: Airflow's context of the running task.
    :return: the task instance; ``None`` if the context has none.
    """
    return context.get("ti") if context else None


def push_xcom(context: Any, key: str, value: Any) -> None:
    """Push an XCom, unless the context has no task instance to push it for, as in a unit test.

    :param context: Airflow's context of the running task.
    :param key: key of the XCom.
    :param value: its value.
    """
    if (ti := task_instance_or_none(context)) is not None:
        ti.xcom_push(key=key, value=value)


def idempotency_key(context: Context, retries: int, request: PreparedRequest) -> IdempotencyKey:
    """Return the key of a task instance's job.

    ``max_tries - retries`` stays the same over retries and crashes and changes with a clear: a retry
    attaches to the job, a clear submits a new one.

    :param context: Airflow's context of the running task.
    :param retries: the task's ``retries``.
    :param request: the request.
    :return: the key.
    """
    return replace(
        task_instance_key(context, retries),
        fingerprint=request.fingerprint,
        user_external_task_id=request.user_external_task_id,
    )


def batch_key(context: Context, retries: int, *, regenerate: bool) -> tuple[IdempotencyKey, int]:
    """Return the key of a batch.

    A clear continues the same batch, unless every row is submitted again.

    :param context: Airflow's context of the running task.
    :param retries: the task's ``retries``.
    :param regenerate: let a clear change the key.
    :return: the key, and how often the task was cleared.
    """
    key = task_instance_key(context, retries)
    return (key if regenerate else replace(key, clear_count=0)), key.clear_count


def task_instance_key(context: Context, retries: int) -> IdempotencyKey:
    """Return the key of a task instance, without its inputs.

    :param context: Airflow's context of the running task.
    :param retries: the task's ``retries``.
    :return: the key.
    """
    ti = task_instance(context)
    return IdempotencyKey(
        dag_id=str(ti.dag_id),
        task_id=str(ti.task_id),
        run_id=str(ti.run_id),
        map_index=_int_or(ti.map_index, -1),
        clear_count=_int_or(ti.max_tries, retries) - retries,
        fingerprint="",
    )


def key_in(context: Any, retries: int | None) -> IdempotencyKey | None:
    """Return the key of a task instance for ``dry_run()``, which Airflow calls without context.

    :param context: what templates are rendered with; it need not hold a task instance.
    :param retries: the task's ``retries``.
    :return: the key without the inputs; ``None`` without a task instance.
    """
    try:
        return task_instance_key(context, retries or 0) if task_instance_or_none(context) else None
    except (AttributeError, TypeError):
        return None


def is_retry(context: Context, clear_count: int, can_look_up: bool) -> bool:
    """Return whether an earlier try may have submitted the job.

    If jobs can be looked up, every try but the first does so. If not, the first try after a clear counts as a
    first one, because users clear a task to get a new job.

    :param context: Airflow's context of the running task.
    :param clear_count: how often the task was cleared, as the key counts it.
    :param can_look_up: the job can be looked up by its external task id.
    :return: whether to look the job up before submitting.
    """
    try_number = _int_or(task_instance(context).try_number, 1)
    return try_number > (1 if can_look_up else clear_count + 1)


def earlier_tries(context: Context, clear_count: int) -> int:
    """Return how many tries of the task came before this one since the last clear.

    :param context: Airflow's context of the running task.
    :param clear_count: how often the task was cleared, as the key counts it.
    :return: the number of tries.
    """
    return max(_int_or(task_instance(context).try_number, 1) - 1 - clear_count, 0)


def will_retry(context: Context) -> bool:
    """Return whether Airflow will try again if this try fails.

    :param context: Airflow's context of the running task.
    :return: whether retries are left.
    """
    ti = task_instance(context)
    return _int_or(ti.try_number, 1) <= _int_or(ti.max_tries, 0)


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """Facts about a job for a retry that cannot rebuild its request: an input file may be missing.

    :param key: key of the job.
    :param params_fingerprint: hash of the parameters as they were given, their files unread.
    :param metadata: metadata of the request, as the manifest holds it.
    """

    key: IdempotencyKey
    params_fingerprint: str
    metadata: Mapping[str, Any]


def save_request(context: Context, record: RequestRecord) -> None:
    """Store the request that is about to be sent, in Airflow 3.3 and newer.

    :param context: Airflow's context of the running task.
    :param record: the request.
    """
    store: Any = context.get("task_state_store")
    if store is None:
        return
    key = record.key
    values = {
        "asked": record.params_fingerprint,
        "facts": dict(record.metadata),
        "generation": key.clear_count,
    }
    try:
        store.set(
            _REQUEST_KEY, {**values, "fingerprint": key.fingerprint, "given": key.user_external_task_id}
        )
    except Exception as error:
        # Few retries need it, so a failure must not fail the job.
        _log.warning("The request could not be stored for retries: %s", type(error).__name__)


def load_request(context: Context, key: IdempotencyKey) -> RequestRecord | None:
    """Return the request that an earlier try has stored since the last clear.

    :param context: Airflow's context of the running task.
    :param key: key of the task instance; the stored inputs are added to it.
    :return: the request; ``None`` if none is stored.
    """
    store: Any = context.get("task_state_store")
    try:
        record = store.get(_REQUEST_KEY) if store is not None else None
    except Exception as error:
        _log.warning("The request of the earlier try cannot be read: %s", type(error).__name__)
        record = None
    if not isinstance(record, dict) or record.get("generation") != key.clear_count:
        return None
    full_key = replace(
        key, fingerprint=str(record.get("fingerprint")), user_external_task_id=record.get("given")
    )
    return RequestRecord(full_key, str(record.get("asked")), record.get("facts") or {})


def load_request_metadata(context: Context) -> dict[str, Any]:
    """Return the metadata of the request, as the worker that submitted the job has pushed it.

    :param context: Airflow's context of the running task.
    :return: the metadata; empty where none was pushed.
    """
    ti = task_instance(context)
    facts = ti.xcom_pull(task_ids=ti.task_id, key=REQUEST_XCOM_KEY, map_indexes=ti.map_index)
    if not isinstance(facts, dict):
        return {}
    # The endpoint is there for people who look for the job; a manifest has it elsewhere.
    return {name: value for name, value in facts.items() if name != "endpoint"}


def load_external_task_id(context: Context) -> str | None:
    """Return the external task id of the job, as the worker that submitted it has pushed it.

    :param context: Airflow's context of the running task.
    :return: the external task id; ``None`` where none was pushed.
    """
    ti = task_instance(context)
    name = ti.xcom_pull(task_ids=ti.task_id, key="external_task_id", map_indexes=ti.map_index)
    return name if isinstance(name, str) and name else None


class TaskStateStore:
    """The jobs of a task in Airflow's task state store (Airflow 3.3 and newer).

    :param store: Airflow's store.
    :param account: id of the connection of a fallback account; empty for the first one.
    """

    def __init__(self, store: Any, account: str = "") -> None:
        self._store = store
        self._key = f"{_STORE_KEY}@{account}" if account else _STORE_KEY
        self._jobs: dict[str, Any] | None = None

    def get(self, external_task_id: str) -> Mapping[str, Any] | None:
        """Return what is stored of a job.

        :param external_task_id: its external task id.
        :return: a dict with ``task_id``, which is ``None`` before the answer came; ``None`` if nothing is
            stored.
        """
        return self._read().get(external_task_id)

    def put(self, external_task_id: str, task_id: str | None) -> None:
        """Store that a job is about to be created, or that it was.

        :param external_task_id: its external task id.
        :param task_id: Kling's id; ``None`` before the create call.
        """
        self._write({**self._read(), external_task_id: {"task_id": task_id}})

    def delete(self, external_task_id: str) -> None:
        """Delete what is stored of a job that was not created.

        :param external_task_id: its external task id.
        """
        self._write({name: job for name, job in self._read().items() if name != external_task_id})

    def _read(self) -> dict[str, Any]:
        if self._jobs is None:
            stored = self._store.get(self._key)
            self._jobs = dict(stored) if isinstance(stored, dict) else {}
        return self._jobs

    def _write(self, jobs: dict[str, Any]) -> None:
        self._jobs = jobs
        self._store.set(self._key, jobs)


def state_of(context: Context, account: str = "") -> TaskStateStore | None:
    """Return the stored state of a task.

    :param context: Airflow's context of the running task.
    :param account: id of the connection of a fallback account; empty for the first one.
    :return: the state; ``None`` where Airflow stores none.
    """
    store = context.get("task_state_store")
    return TaskStateStore(store, account) if store is not None else None


def _int_or(value: Any, default: int) -> int:
    return value if isinstance(value, int) else default

# SPDX-License-Identifier: Apache-2.0
"""Task instances, their XComs and rendered fields, read from the api-server's database.

XCom values are read as the database holds them, as Airflow's own API does: a custom XCom backend, which may
run any code, is not called. A value that such a backend stores elsewhere is not shown.

The models are the api-server's own; what workers import from Airflow has no tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow.jobs.job import Job
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import func, or_, select, tuple_

from ..utils.json_input import read_json
from .serializers import TaskInstanceRow

_TI: Any = TaskInstance.__table__
_XCOM: Any = XComModel.__table__
_RENDERED: Any = RenderedTaskInstanceFields.__table__
_TRIGGER: Any = Trigger.__table__
_JOB: Any = Job.__table__

_SHOWN_KEYS = ("return_value", "task_id", "external_task_id", "request", "error", "kling_batch")

_COLUMNS = (
    *("task_id", "map_index", "rendered_map_index", "state", "try_number"),
    *("trigger_id", "last_heartbeat_at"),
)

_InstanceKey = tuple[str, int]
"""Task id and map index."""


def list_task_instances(
    dag_id: str, run_id: str, task_id: str | None, map_index: int | None, *, offset: int, limit: int
) -> tuple[list[TaskInstanceRow], int]:
    """Read a page of a DAG run's Kling task instances.

    :param dag_id: the DAG.
    :param run_id: the run.
    :param task_id: only this task's, whatever it is.
    :param map_index: only this one of a mapped task.
    :param offset: instances to leave out at the beginning.
    :param limit: most instances of the page.
    :return: the page in the order in which the tasks started, by map index; how many there are in all.
    """
    conditions = [_TI.c.dag_id == dag_id, _TI.c.run_id == run_id]
    conditions.append(_kling_filter() if task_id is None else _TI.c.task_id == task_id)
    if map_index is not None:
        conditions.append(_TI.c.map_index == map_index)
    columns = [_TI.c[name] for name in _COLUMNS]
    # In the order of the run; what has not started stands last.
    started = func.min(_TI.c.start_date).over(partition_by=_TI.c.task_id)
    order = (started.is_(None), started, _TI.c.task_id, _TI.c.map_index)
    page = select(*columns).where(*conditions).order_by(*order)
    # A session of our own, not the request's: that would be held while a video is watched.
    with create_session() as session:
        total = session.scalar(select(func.count()).select_from(_TI).where(*conditions)) or 0
        rows = session.execute(page.offset(offset).limit(limit)).all()
        keys = [(row.task_id, row.map_index) for row in rows]
        xcoms = _xcoms(session, dag_id, run_id, keys)
        fields = _rendered(session, dag_id, run_id, keys)
        triggerers = _triggerers(session, [row.trigger_id for row in rows if row.trigger_id is not None])
    instances = [
        TaskInstanceRow(
            dag_id=dag_id,
            run_id=run_id,
            task_id=row.task_id,
            map_index=row.map_index,
            label=row.rendered_map_index,
            state=row.state,
            try_number=row.try_number or 0,
            xcoms=xcoms.get((row.task_id, row.map_index), {}),
            fields=fields.get((row.task_id, row.map_index), {}),
            **_watch_state(row, triggerers),
        )
        for row in rows
    ]
    return instances, total


def _kling_filter() -> Any:
    # By name, or (for subclasses of other names) by what every task operator pushes.
    pushed = select(_XCOM.c.key).where(
        *(_XCOM.c[name] == _TI.c[name] for name in ("dag_id", "run_id", "task_id", "map_index")),
        _XCOM.c.key == "external_task_id",
    )
    return or_(_TI.c.operator.startswith("Kling"), pushed.exists())


def _key_filter(table: Any, dag_id: str, run_id: str, keys: Iterable[_InstanceKey]) -> list[Any]:
    among = tuple_(table.c.task_id, table.c.map_index).in_(list(keys))
    return [table.c.dag_id == dag_id, table.c.run_id == run_id, among]


def _xcoms(
    session: Any, dag_id: str, run_id: str, keys: list[_InstanceKey]
) -> dict[_InstanceKey, dict[str, Any]]:
    query = select(_XCOM.c.task_id, _XCOM.c.map_index, _XCOM.c.key, _XCOM.c.value).where(
        *_key_filter(_XCOM, dag_id, run_id, keys), _XCOM.c.key.in_(_SHOWN_KEYS)
    )
    found: dict[_InstanceKey, dict[str, Any]] = {}
    for row in session.execute(query):
        found.setdefault((row.task_id, row.map_index), {})[row.key] = _decode_xcom(row.value)
    return found


def _triggerers(session: Any, triggers: list[int]) -> dict[int, Any]:
    """Return when the triggerers of some triggers were last known to be alive, by the triggers' ids."""
    if not triggers:
        return {}
    query = (
        select(_TRIGGER.c.id, _JOB.c.latest_heartbeat)
        .join(_JOB, _JOB.c.id == _TRIGGER.c.triggerer_id)
        .where(_TRIGGER.c.id.in_(triggers))
    )
    return {row.id: row.latest_heartbeat for row in session.execute(query)}


def _watch_state(row: Any, triggerers: Mapping[int, Any]) -> dict[str, Any]:
    """Return whether a process waits for the task's job, and when it was last known to be alive."""
    deferred = row.state == "deferred"
    last_seen = triggerers.get(row.trigger_id) if deferred else row.last_heartbeat_at
    watched = row.state == "running" or (deferred and row.trigger_id in triggerers)
    return {"watched": watched, "seen_at": round(last_seen.timestamp() * 1000) if last_seen else None}


def _rendered(
    session: Any, dag_id: str, run_id: str, keys: list[_InstanceKey]
) -> dict[_InstanceKey, Mapping[str, Any]]:
    query = select(_RENDERED.c.task_id, _RENDERED.c.map_index, _RENDERED.c.rendered_fields).where(
        *_key_filter(_RENDERED, dag_id, run_id, keys)
    )
    return {(row.task_id, row.map_index): row.rendered_fields or {} for row in session.execute(query)}


def _decode_xcom(value: Any) -> Any:
    """Return a value as pushed; versions of Airflow differ in how often they encode it."""
    if not isinstance(value, str):
        return value
    try:
        decoded = read_json(value)
    except ValueError:
        return value
    # An id is text, and looks like a number.
    return decoded if decoded is None or isinstance(decoded, str | dict | list) else value

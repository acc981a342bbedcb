# SPDX-License-Identifier: Apache-2.0
"""Task instances, their XComs and rendered fields, read from the api-server's database.

XCom values are read as the database holds them, as Airflow's own API does: a custom XCom backend, which may
run any code, is not asked. A value that such a backend keeps elsewhere is not shown.

The models are the api-server's own: ``common.compat.sdk`` has what workers use, and no tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import func, or_, select, tuple_

from .cards import Instance

_TI: Any = TaskInstance.__table__
_XCOM: Any = XComModel.__table__
_RENDERED: Any = RenderedTaskInstanceFields.__table__

_SHOWN_KEYS = ("return_value", "task_id", "external_task_id")

_Place = tuple[str, int]
"""Task id and map index."""


def read_instances(
    dag_id: str, run_id: str, task_id: str | None, map_index: int | None, *, offset: int, limit: int
) -> tuple[list[Instance], int]:
    """Read a page of a DAG run's Kling task instances.

    :param task_id: only this task's, whatever it is.
    :param map_index: only this one of a mapped task.
    :return: the page, by task and map index; how many there are in all.
    """
    wanted = [_TI.c.dag_id == dag_id, _TI.c.run_id == run_id]
    wanted.append(_is_kling() if task_id is None else _TI.c.task_id == task_id)
    if map_index is not None:
        wanted.append(_TI.c.map_index == map_index)
    columns = [_TI.c[name] for name in ("task_id", "map_index", "rendered_map_index", "state", "try_number")]
    page = select(*columns).where(*wanted).order_by(_TI.c.task_id, _TI.c.map_index)
    # A session of our own, not the request's: that would be held while a video is watched.
    with create_session() as session:
        total = session.scalar(select(func.count()).select_from(_TI).where(*wanted)) or 0
        rows = session.execute(page.offset(offset).limit(limit)).all()
        places = [(row.task_id, row.map_index) for row in rows]
        xcoms = _xcoms(session, dag_id, run_id, places)
        fields = _rendered(session, dag_id, run_id, places)
    instances = [
        Instance(
            dag_id=dag_id,
            run_id=run_id,
            task_id=row.task_id,
            map_index=row.map_index,
            label=row.rendered_map_index,
            state=row.state,
            try_number=row.try_number or 0,
            xcoms=xcoms.get((row.task_id, row.map_index), {}),
            fields=fields.get((row.task_id, row.map_index), {}),
        )
        for row in rows
    ]
    return instances, total


def _is_kling() -> Any:
    # By name, or (for subclasses of other names) by what every task operator pushes.
    pushed = select(_XCOM.c.key).where(
        *(_XCOM.c[name] == _TI.c[name] for name in ("dag_id", "run_id", "task_id", "map_index")),
        _XCOM.c.key == "external_task_id",
    )
    return or_(_TI.c.operator.startswith("Kling"), pushed.exists())


def _at(table: Any, dag_id: str, run_id: str, places: Iterable[_Place]) -> list[Any]:
    among = tuple_(table.c.task_id, table.c.map_index).in_(list(places))
    return [table.c.dag_id == dag_id, table.c.run_id == run_id, among]


def _xcoms(session: Any, dag_id: str, run_id: str, places: list[_Place]) -> dict[_Place, dict[str, Any]]:
    query = select(_XCOM.c.task_id, _XCOM.c.map_index, _XCOM.c.key, _XCOM.c.value).where(
        *_at(_XCOM, dag_id, run_id, places), _XCOM.c.key.in_(_SHOWN_KEYS)
    )
    found: dict[_Place, dict[str, Any]] = {}
    for row in session.execute(query):
        found.setdefault((row.task_id, row.map_index), {})[row.key] = _plain(row.value)
    return found


def _rendered(
    session: Any, dag_id: str, run_id: str, places: list[_Place]
) -> dict[_Place, Mapping[str, Any]]:
    query = select(_RENDERED.c.task_id, _RENDERED.c.map_index, _RENDERED.c.rendered_fields).where(
        *_at(_RENDERED, dag_id, run_id, places)
    )
    return {(row.task_id, row.map_index): row.rendered_fields or {} for row in session.execute(query)}


def _plain(value: Any) -> Any:
    """Return a value as pushed; versions of Airflow differ in how often they encode it."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value

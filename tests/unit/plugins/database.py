# SPDX-License-Identifier: Apache-2.0
"""Task instances put into Airflow's database as its workers leave them there."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from airflow_provider_kling.plugins.serializers import TaskInstanceRow


def put(instances: Iterable[TaskInstanceRow], operator: str = "KlingTextToVideoOperator") -> None:
    """Write task instances, their runs, XComs and rendered fields.

    :param operator: name of the operators' class.
    """
    from airflow.utils.session import create_session

    with create_session() as session:
        for instance in instances:
            _put_instance(session, instance, _run_key(session, instance), operator)


def push(instance: TaskInstanceRow, key: str, value: Any) -> None:
    """Change what a task instance pushed."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    location = {name: getattr(instance, name) for name in ("dag_id", "run_id", "task_id", "map_index")}
    with create_session() as session:
        XComModel.set(key=key, value=value, session=session, **location)


def _run_key(session: Any, instance: TaskInstanceRow) -> int:
    from airflow.models.dagrun import DagRun
    from sqlalchemy import insert, select

    runs: Any = DagRun.__table__
    same = (runs.c.dag_id == instance.dag_id, runs.c.run_id == instance.run_id)
    key = session.scalar(select(runs.c.id).where(*same))
    if key is None:
        # A scheduler adds the DAG's own tasks to a run that has not ended.
        ended = {"state": "success", "run_type": "manual"}
        values = {"dag_id": instance.dag_id, "run_id": instance.run_id, **ended}
        session.execute(insert(runs).values(run_after=datetime.now(UTC), **values))
        key = session.scalar(select(runs.c.id).where(*same))
    return int(key)


def _put_instance(session: Any, instance: TaskInstanceRow, run_key: int, operator: str) -> None:
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel
    from sqlalchemy import insert

    location = {name: getattr(instance, name) for name in ("dag_id", "run_id", "task_id", "map_index")}
    facts = {"state": instance.state, "try_number": instance.try_number, "operator": operator}
    row = {"rendered_map_index": instance.label, "pool": "default_pool", "pool_slots": 1}
    tables: Any = [model.__table__ for model in (TaskInstance, XComModel, RenderedTaskInstanceFields)]
    # Airflow 3.1 stores these ids as text.
    key = uuid.uuid4() if tables[0].c.id.type.python_type is uuid.UUID else str(uuid.uuid4())
    session.execute(insert(tables[0]).values(id=key, **location, **facts, **row))
    for name, value in instance.xcoms.items():
        text = json.dumps(value)
        session.execute(insert(tables[1]).values(dag_run_id=run_key, key=name, value=text, **location))
    if instance.fields:
        session.execute(insert(tables[2]).values(rendered_fields=dict(instance.fields), **location))

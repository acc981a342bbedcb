# SPDX-License-Identifier: Apache-2.0
"""Mapped tasks that do nothing: what Airflow itself takes for each."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG, BaseOperator, task
from common import COMMON


class EmptyTask(BaseOperator):
    """Do nothing, in a worker: Airflow ends an EmptyOperator without one."""

    template_fields = ("text",)

    def __init__(self, text: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text = text

    def execute(self, context: Any) -> None:
        """Do nothing."""


@task
def texts(params: Any = None) -> list[str]:
    """Write one text for each task."""
    return [f"wave number {number}" for number in range(params["count"])]


with DAG(dag_id="bench_empty", **COMMON):
    EmptyTask.partial(task_id="make").expand(text=texts())

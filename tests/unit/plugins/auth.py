# SPDX-License-Identifier: Apache-2.0
"""An auth manager that knows who may read what: users named ``no-...`` lack what their name says."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

_LACKS = {
    "no-xcoms": DagAccessEntity.XCOM,
    "no-task-instances": DagAccessEntity.TASK_INSTANCE,
}


class PerDagAuthManager(SimpleAuthManager):
    """Airflow's simple one, but ``no-dag`` may read no DAG but the one called ``other``."""

    def is_authorized_dag(
        self, *, method: Any, user: Any, access_entity: Any = None, details: Any = None
    ) -> bool:
        """Decide."""
        if user.username == "no-dag" and (details is None or details.id != "other"):
            return False
        if access_entity is not None and _LACKS.get(user.username) == access_entity:
            return False
        return super().is_authorized_dag(
            method=method, user=user, access_entity=access_entity, details=details
        )

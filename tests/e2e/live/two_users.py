# SPDX-License-Identifier: Apache-2.0
"""A live Airflow that two people share: ``alice`` has rights on her DAG, ``bob`` on his, ``root`` on all."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.e2e.live.airflow_api import AirflowApi
from tests.e2e.live.airflow_processes import LiveAirflow

USERS = ("alice", "bob", "root")
PASSWORD = "correct horse"

_FAB_USERS = """
from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
from airflow.providers.fab.auth_manager.models.db import FABDBManager
from airflow.utils.session import create_session

with create_session() as session:
    FABDBManager(session).initdb()
with get_application_builder() as builder:
    security = builder.sm
    security.sync_roles()
    roles = {"root": security.find_role("Admin")}
    for name in ("alice", "bob"):
        roles[name] = security.add_role(name)
        wanted = [(action, f"DAG:live_preview_{name}") for action in ("can_read", "can_edit")]
        for resource in ("XComs", "Task Instances", "DAG Runs"):
            wanted += [(action, resource) for action in ("can_read", "can_create", "can_edit", "can_delete")]
        for action, resource in wanted:
            security.add_permission_to_role(roles[name], security.create_permission(action, resource))
    for name, role in roles.items():
        security.add_user(name, name, name, f"{name}@example.org", role, password=PASSWORD)
"""


class SharedAirflow(LiveAirflow):
    """An Airflow with users.

    :param auth: ``simple`` for Airflow's own auth manager, which knows no rights on single DAGs; ``fab`` for
        the one of Airflow 2, which does.
    """

    def __init__(
        self, folder: Path, dags: Path, *, auth: str, variables: Mapping[str, str], **more: Any
    ) -> None:
        self._fab = auth == "fab"
        settings: dict[str, Any] = {"core.simple_auth_manager_all_admins": False}
        if self._fab:
            manager = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
            settings["core.auth_manager"] = manager
        else:
            passwords = folder / "passwords.json"
            passwords.write_text(json.dumps(dict.fromkeys(USERS, PASSWORD)))
            settings["core.simple_auth_manager_passwords_file"] = passwords
            settings["core.simple_auth_manager_users"] = "alice:op,bob:op,root:admin"
        super().__init__(folder, dags, settings=settings, variables=variables, **more)
        self.api.login = ("root", PASSWORD)

    def prepare_database(self) -> None:
        """Create the database, and the users if they are stored in it.

        :raises RuntimeError: they could not be made; the text holds the program's last lines.
        """
        super().prepare_database()
        if not self._fab:
            return
        code = f"PASSWORD = {PASSWORD!r}\n{_FAB_USERS}"
        done = subprocess.run(
            [sys.executable, "-c", code], env=self.env, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{done.stdout[-2000:]}\n{done.stderr[-3000:]}")

    def as_user(self, name: str) -> AirflowApi:
        """Sign in.

        :param name: one of :data:`USERS`.
        :return: the api-server as this user sees it.
        """
        return AirflowApi(self.api.url, (name, PASSWORD))


def has_fab() -> bool:
    """Whether the auth manager of Airflow 2 is installed."""
    try:
        return importlib.util.find_spec("airflow.providers.fab.auth_manager") is not None
    except ModuleNotFoundError:
        return False

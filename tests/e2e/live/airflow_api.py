# SPDX-License-Identifier: Apache-2.0
"""Airflow's public REST API, as far as the live tests need it."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

import requests

from scripts.local_airflow import wait_until

TaskInstance = dict[str, Any]
"""One task instance as the API shows it: ``task_id``, ``map_index``, ``state``, ``try_number``, ..."""

_INTERNAL_ERROR = 500
_ENDED = ("success", "failed")


class ApiRefused(Exception):
    """Airflow answered with an error."""


class AirflowApi:
    """Talks to one api-server as one user.

    :param url: where it listens.
    :param login: name and password; without it, the administrator that the server lets everybody be.
    """

    def __init__(self, url: str, login: tuple[str, str] | None = None) -> None:
        self.url = url
        self.login = login
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy of the machine's

    def call(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """Call the API and return the answer's JSON.

        :param path: path after ``/api/v2``.
        :raises ApiRefused: for any other status than 2xx.
        """
        self._sign_in()
        for delay in (1.0, 2.0, 4.0, 8.0, None):
            answer = self._session.request(
                method, f"{self.url}/api/v2{path}", json=body, params=params, timeout=240
            )
            # SQLite lets one write at a time, and on a busy machine the api-server's turn may not come.
            if answer.status_code != _INTERNAL_ERROR or delay is None:
                break
            time.sleep(delay)
        if not answer.ok:
            raise ApiRefused(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    def get(self, path: str, **params: Any) -> requests.Response:
        """Ask for any page of the api-server, such as a plugin's.

        :param path: path after the host.
        :return: the answer, whatever its status.
        """
        self._sign_in()
        return self._session.get(self.url + path, params=params, timeout=180)

    def _sign_in(self) -> None:
        if "Authorization" in self._session.headers:
            return
        page = f"{self.url}/auth/token"
        if self.login:
            body = dict(zip(("username", "password"), self.login, strict=True))
            answer = self._session.post(page, json=body, timeout=180)
        else:
            answer = self._session.get(page, timeout=180)
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def healthy(self, *components: str) -> bool:
        """Whether the api-server answers and these components report a recent heartbeat."""
        try:
            health = self.call("GET", "/monitor/health")
        except (requests.RequestException, ApiRefused, KeyError):
            return False
        return all(health[name]["status"] == "healthy" for name in components)

    def import_errors(self) -> list[str]:
        """Texts of DAG files that could not be imported."""
        errors = self.call("GET", "/importErrors")["import_errors"]
        return [f"{error['filename']}: {error['stack_trace']}" for error in errors]

    def wait_for_dag(self, dag_id: str, timeout: float = 30.0) -> None:
        """Wait until a DAG can be triggered.

        :raises ApiRefused: its file has an error.
        """

        def known() -> bool:
            if errors := self.import_errors():
                raise ApiRefused("\n".join(errors))
            dags = self.call("GET", "/dags", dag_ids=[dag_id])["dags"]
            if not dags or dags[0]["is_paused"]:
                return False
            try:
                # A DAG is listed a moment before it can be run.
                return bool(self.call("GET", f"/dags/{dag_id}/details"))
            except ApiRefused:
                return False

        wait_until(known, timeout, f"DAG {dag_id} to be parsed")

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Start a run; return its id."""
        self.wait_for_dag(dag_id)
        run_id = f"live-{time.time_ns()}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf or {}}
        self.call("POST", f"/dags/{dag_id}/dagRuns", body)
        return run_id

    def run_state(self, dag_id: str, run_id: str) -> str:
        """State of a run."""
        return str(self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def wait_for_run(self, dag_id: str, run_id: str, timeout: float) -> str:
        """Wait until a run has ended; return ``success`` or ``failed``."""

        def ended() -> str | None:
            state = self.run_state(dag_id, run_id)
            return state if state in _ENDED else None

        return str(wait_until(ended, timeout, f"run {run_id} of {dag_id} to end", every=0.5))

    def task_instances(self, dag_id: str, run_id: str, task_id: str | None = None) -> list[TaskInstance]:
        """All task instances of a run, or those of one task, by map index."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        found: list[TaskInstance] = []
        while True:
            page = self.call("GET", path, limit=100, offset=len(found))
            found += page["task_instances"]
            if len(found) >= page["total_entries"]:
                break
        wanted = [each for each in found if task_id in (None, each["task_id"])]
        return sorted(wanted, key=lambda each: (each["task_id"], each["map_index"]))

    def states(self, dag_id: str, run_id: str, task_id: str) -> list[str | None]:
        """States of one task's instances, by map index."""
        return [each["state"] for each in self.task_instances(dag_id, run_id, task_id)]

    def wait_for_states(
        self, dag_id: str, run_id: str, task_id: str, states: Collection[str], *, count: int, timeout: float
    ) -> list[TaskInstance]:
        """Wait until at least ``count`` instances of a task are in one of these states; return those."""

        def reached() -> list[TaskInstance] | None:
            instances = self.task_instances(dag_id, run_id, task_id)
            found = [each for each in instances if each["state"] in states]
            return found if len(found) >= count else None

        what = f"{count} instances of {task_id} to be {' or '.join(states)}"
        return list(wait_until(reached, timeout, what, every=0.3))

    def xcom(
        self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", map_index: int = -1
    ) -> Any:
        """One XCom's value."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        return self.call("GET", path, map_index=map_index, deserialize=True)["value"]

    def mark(self, dag_id: str, run_id: str, task_id: str, state: str, map_index: int = -1) -> None:
        """Set the state of one task instance by hand, as a user does in the UI."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
        suffix = f"/{map_index}" if map_index >= 0 else ""
        self.call("PATCH", path + suffix, {"new_state": state})

    def clear(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> None:
        """Clear one task instance, so that it runs again."""
        task = [task_id, map_index] if map_index >= 0 else task_id
        body = {"dry_run": False, "only_failed": False, "dag_run_id": run_id, "task_ids": [task]}
        self.call("POST", f"/dags/{dag_id}/clearTaskInstances", body)

# SPDX-License-Identifier: Apache-2.0
"""A server that hangs, drips and refuses delays only the job that it does so to."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.live.airflow_processes import LiveAirflow
from tests.e2e.live.conftest import DAGS
from tests.unit.hooks.scripted_server import Received, Reply, ScriptedServer

pytestmark = pytest.mark.slow

PATH = "/v1/videos/text2video"
DAG = "live_hostile"
JOBS = 6
JOB_SECONDS = 45
"""Longer than the pause after a list that was refused."""

HANGING, BAD_ROW = "wave number 1", "wave number 2"


class Hostile(ScriptedServer):
    """Enough of Kling, with one trouble of each kind."""

    def __init__(self) -> None:
        super().__init__(route=self.answer)
        self.jobs: dict[str, dict[str, Any]] = {}
        self.seen: list[tuple[float, str]] = []
        """When a job was read, or the list, and which."""
        self._lock = threading.Lock()

    def answer(self, request: Received) -> Reply:
        """Answer one request."""
        place = urlsplit(request.target)
        if request.method == "POST":
            return self._create(request.json)
        ident = place.path.removeprefix(PATH).strip("/")
        with self._lock:
            asked = sum(seen == ident for _, seen in self.seen)
            self.seen.append((time.time(), ident))
        if not ident:
            return Reply(403, b"<html>Forbidden</html>") if not asked else _ok(self._rows())
        job = self.jobs.get(ident)
        if job is None:
            return Reply(404, {"code": 1203, "message": f"task not found: {ident}"})
        if job["prompt"] == HANGING and not asked:
            return Reply(action="stall")
        if job["prompt"] == "drip" and not asked:
            return Reply(action="drip_header")
        return _ok(self._row(ident))

    def _create(self, body: dict[str, Any]) -> Reply:
        if body["prompt"] == "no slot":
            return Reply(429, {"code": 1303, "message": "no slot"}, {"Retry-After": "86400"})
        with self._lock:
            ident = str(900_000_000_000_000_000 + len(self.jobs))
            self.jobs[ident] = {**body, "at": time.time()}
        return _ok(self._row(ident))

    def _rows(self) -> list[Any]:
        rows = [self._row(ident) for ident in reversed(list(self.jobs))]
        for row in rows:
            if self.jobs[row["task_id"]]["prompt"] == BAD_ROW:
                row["task_info"] = {"external_task_id": {"not": ["a", "text"]}}
                row["task_status"] = {"not": "a status"}
        return [None, 5, {"task_id": ["x"]}, *rows]

    def _row(self, ident: str) -> dict[str, Any]:
        job = self.jobs[ident]
        ended = time.time() - job["at"] > JOB_SECONDS
        video = {"id": "1", "url": f"{self.url}/{ident}.mp4", "duration": "5"}
        return {
            "task_id": ident,
            "task_status": "succeed" if ended else "processing",
            "task_info": {"external_task_id": job["external_task_id"]},
            "created_at": int(job["at"] * 1000),
            "updated_at": int(time.time() * 1000),
            **({"task_result": {"videos": [video]}} if ended else {}),
        }

    def reads(self, prompt: str) -> list[float]:
        """When the job of a prompt was read."""
        return [at for at, ident in self.seen if ident and self.jobs.get(ident, {}).get("prompt") == prompt]


def _ok(data: Any) -> Reply:
    return Reply(200, {"code": 0, "message": "SUCCEED", "request_id": "r", "data": data})


def test_trouble_of_one_job_is_its_own(tmp_path: Path) -> None:
    home = tmp_path / "airflow"
    home.mkdir()
    with Hostile() as kling:
        fields = {"conn_type": "kling", "host": kling.url, "password": "key-of-a-test"}
        connections = {
            "kling_default": json.dumps(fields),
            "kling_drip": json.dumps({**fields, "extra": {"timeout": 5}}),
        }
        with LiveAirflow(home, DAGS, connections) as airflow:
            run_id = airflow.api.trigger(DAG)

            ended, waiting = ("success", "failed"), ("deferred",)
            # It is asked again after five minutes.
            airflow.api.wait_for_states(DAG, run_id, "slot", waiting, count=1, timeout=240)
            found = airflow.api.wait_for_states(DAG, run_id, "triggerer", ended, count=JOBS, timeout=240)
            found += airflow.api.wait_for_states(DAG, run_id, "worker", ended, count=1, timeout=240)
    assert {each["state"] for each in found} == {"success"}, airflow.last_lines()
    assert {each["try_number"] for each in found} == {1}
    assert len(kling.jobs) == JOBS + 1, "each task made one job"

    lists = [at for at, ident in kling.seen if not ident]
    assert len(lists) > 1, "a list that was refused once is asked for again"
    hung, *_ = kling.reads(HANGING)
    others = [
        each for each in {job["prompt"] for job in kling.jobs.values()} if each not in (HANGING, "drip")
    ]
    meanwhile = [sum(hung < at < hung + 20 for at in kling.reads(prompt)) for prompt in others]
    assert min(meanwhile) > 1, f"while a read hung for up to 30 s, the others were read {meanwhile} times"
    dripped, again, *_ = kling.reads("drip")
    assert again - dripped < 60, "timeout=5 ends an answer whose header never ends"

    with closing(sqlite3.connect(home / "airflow.db")) as database:
        ((arguments,),) = database.execute(
            "SELECT kwargs FROM trigger WHERE classpath LIKE '%KlingSlotTrigger'"
        )
    assert json.loads(arguments)["retry_after"] <= 300, "a free slot must not stay unused for a day"

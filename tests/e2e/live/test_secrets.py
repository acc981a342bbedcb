# SPDX-License-Identifier: Apache-2.0
"""Everything that a live Airflow writes is searched for what must stay hidden."""

from __future__ import annotations

import base64
import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from PIL import Image

from airflow_provider_kling.emulator.server import Emulator
from tests.e2e.live.airflow_processes import LiveAirflow
from tests.e2e.live.conftest import DAGS

pytestmark = pytest.mark.slow

API_KEY = "canary-api-key-4f1d9a7be2"
SECRET_KEY = "canary-secret-key-9c3e5a1b7d2f4e6a"
PASSWORD = "canary-callback-password-31"
WRONG_KEY = "canary-wrong-key-77aa55cc33"


def picture(path: Path) -> str:
    """Create an image of noise; return a part of its base64 that occurs nowhere else."""
    noise = random.Random(1).randbytes(400 * 400 * 3)
    Image.frombytes("RGB", (400, 400), noise).save(path)
    return base64.b64encode(path.read_bytes()).decode()[4000:4060]


def places(folder: Path, needle: str) -> Iterator[Path]:
    for file in folder.rglob("*"):
        if file.is_file() and needle.encode() in file.read_bytes():
            yield file.relative_to(folder)


ECHO = "Incorrect API key provided: "


def echo(answer: bytes, key: str) -> bytes:
    """Add the caller's key to the texts of an answer, as servers do that quote what they refuse."""
    payload = json.loads(answer)
    payload["message"] += f" {ECHO}{key}"
    if isinstance(job := payload.get("data"), dict) and "task_status_msg" in job:
        job["task_status_msg"] += f" {ECHO}{key}"
    return json.dumps(payload).encode()


@contextmanager
def gateway(kling: Emulator) -> Iterator[str]:
    """A server in front of an emulator that echoes keys and names result URLs at a port without a server."""

    class Gateway(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {**self.headers, "Host": "127.0.0.1:9"}
            with requests.Session() as session:
                session.trust_env = False
                answer = session.request(
                    self.command, kling.url + self.path, headers=headers, data=body, timeout=60
                )
            content = echo(answer.content, self.headers["Authorization"].removeprefix("Bearer "))
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_no_secret_is_written_anywhere(tmp_path: Path) -> None:
    part = picture(tmp_path / "picture.png")
    home = tmp_path / "airflow"
    home.mkdir()
    with Emulator(job_seconds=2, api_key=API_KEY, secret_key=SECRET_KEY) as kling, gateway(kling) as url:
        kling.faults.set({"refused_word": "forbidden"})
        signed = {"login": kling.options.access_key, "password": SECRET_KEY}
        base = kling.connection()
        connections = {
            "kling_default": json.dumps(base),
            "kling_signed": json.dumps({**base, **signed}),
            "kling_wrong": json.dumps({**base, "host": url, "password": WRONG_KEY}),
            "kling_nowhere": json.dumps({**base, "host": url}),
            "kling_echo": json.dumps({**base, "host": url}),
        }
        variables = {
            "LIVE_PICTURE": str(tmp_path / "picture.png"),
            "LIVE_PASSWORD": PASSWORD,
            "AIRFLOW_VAR_KEPT": str(tmp_path / "kept"),
        }
        settings = {"logging.logging_level": "DEBUG"}
        with LiveAirflow(home, DAGS, connections, settings, variables) as airflow:
            run_id = airflow.api.trigger("live_secrets")
            airflow.api.wait_for_run("live_secrets", run_id, timeout=400)
            instances = airflow.api.task_instances("live_secrets", run_id)
            states = {each["task_id"]: each["state"] for each in instances}
            logs_of = {each["task_id"]: airflow.task_log(each) for each in instances}
            logs = "".join(logs_of.values())
        sent = json.dumps([job.body for job in kling.jobs])
    wanted = dict.fromkeys(("by_key", "by_token", "kept", "seen"), "success")
    failed = dict.fromkeys(("refused", "wrong_key", "echoed", "unreachable"), "failed")
    assert states == {**wanted, **failed}, logs[-5000:]

    # What is searched for would be found: it was handled, the log is there, and so are the tasks' own words.
    assert PASSWORD in sent
    assert "Submitted job" in logs
    assert "could not be downloaded" in logs
    for task_id in ("wrong_key", "echoed"):
        assert ECHO.strip() in logs_of[task_id], (
            f"what the server wrote is shown by {task_id}, without the key"
        )
    # SQLite writes to airflow.db-wal first.
    databases = [file.name for file in places(home, "af-") if file.name.startswith("airflow.db")]
    assert databases, "the database is searched, with events and trigger rows"
    for needle in (API_KEY, SECRET_KEY, WRONG_KEY, part, PASSWORD):
        assert not list(places(home, needle)), needle
        assert not list(places(tmp_path / "kept", needle)), needle
    assert "Signature=" not in logs
    assert not list(places(home / "logs", "Signature="))
    assert "Bearer eyJ" not in logs
    # The task's return value has the URLs; otherwise only the stored files remain.
    assert not list(places(tmp_path / "kept", "Signature="))

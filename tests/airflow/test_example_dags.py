# SPDX-License-Identifier: Apache-2.0
"""Every example DAG runs in a real Airflow, with its waits in the triggerer's way and in the worker's."""

from __future__ import annotations

import json
import re
import runpy
import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from importlib.metadata import version
from inspect import signature
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests
from packaging.version import Version

from airflow_provider_kling.emulator.options import Dialect
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.get_provider_info import get_provider_info
from airflow_provider_kling.operators.base import KlingTaskOperator
from scripts.local_airflow import EXAMPLES

pytestmark = pytest.mark.airflow

FILES = sorted(EXAMPLES.glob("example_*.py"))

RUN_ELSEWHERE = {
    "example_kling_batch_catalogue",  # one task makes many jobs: tests/unit/batch/test_in_airflow.py
    "example_kling_sweep_results",  # makes no jobs: tests/airflow/test_result_operators.py
    "example_kling_store_what_the_console_made",  # tests/airflow/test_events_example.py
    "example_kling_usage",  # makes no jobs: tests/airflow/test_usage_example.py
    # These need people or an S3, and run in a live Airflow: tests/e2e/browser/test_examples.py
    "example_kling_publish_after_approval",
    "example_kling_review_refusals",  # needs a person: tests/airflow/test_review_refusals.py
    "example_kling_make_check_review_publish",  # needs a person: tests/airflow/test_pipeline_example.py
    "example_kling_store_in_s3_and_react",
    "example_kling_notify_with_link",  # needs a chat: see below
    "example_kling_legacy_endpoints",  # needs a gateway: see below
}

ASKS_A_PERSON = {"apache-airflow": Version("3.1"), "apache-airflow-providers-standard": Version("1.13")}
NEEDS = {
    "example_kling_publish_after_approval": ASKS_A_PERSON,
    "example_kling_store_what_the_console_made": {"apache-airflow": Version("3.0")},
    "example_kling_review_refusals": ASKS_A_PERSON,
    "example_kling_make_check_review_publish": ASKS_A_PERSON,
}
"""Examples of what older versions of Airflow and its providers do not have."""

STARTED_BY_EVENTS = {"example_kling_store_what_the_console_made"}
"""It makes no jobs, so it may start without being asked."""


class Chat(ThreadingHTTPServer):
    """A server that accepts messages and responds with a status."""

    status = 204

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.posted: list[Any] = []


class Webhook(BaseHTTPRequestHandler):
    """Where messages are posted."""

    server: Chat

    def do_POST(self) -> None:
        self.server.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def load(file: Path) -> Any:
    """Return the DAG that is named like its file."""
    return load_all(file)[file.stem]


def load_all(file: Path) -> dict[str, Any]:
    """Return the DAGs of a file by their ids."""
    for package, needed in NEEDS.get(file.stem, {}).items():
        if Version(version(package)) < needed:
            pytest.skip(f"needs {package} {needed}")
    from airflow.providers.common.compat.sdk import DAG

    return {each.dag_id: each for each in runpy.run_path(str(file)).values() if isinstance(each, DAG)}


def set_everywhere(dag: Any, name: str, value: Any) -> int:
    """Set an argument of all tasks that have it, mapped ones too; return how many have it."""
    found = 0
    for task in dag.tasks:
        if is_mapped(task):
            if name in signature(task.operator_class).parameters:
                task.partial_kwargs[name] = value
                found += 1
        elif hasattr(task, name):
            setattr(task, name, value)
            found += 1
    return found


def is_mapped(task: Any) -> bool:
    # Only Airflow 3 has an attribute for it.
    return hasattr(task, "partial_kwargs")


def makes_jobs(task: Any) -> bool:
    return issubclass(task.operator_class if is_mapped(task) else type(task), KlingTaskOperator)


@pytest.mark.parametrize("deferrable", [True, False], ids=["deferred", "in_place"])
@pytest.mark.parametrize(
    "file", [file for file in FILES if file.stem not in RUN_ELSEWHERE], ids=lambda file: file.stem
)
def test_it_runs(file: Path, deferrable: bool, kling_emulator: Any, dags_folder: Path) -> None:
    run_example(file, deferrable, kling_emulator, dags_folder)


def test_legacy_endpoints_run_at_a_gateway(dags_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Emulator(speed=100, dialect=Dialect.COMETAPI) as gateway:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", gateway.connection_json())
        run_example(EXAMPLES / "example_kling_legacy_endpoints.py", True, gateway, dags_folder)


def test_every_operator_has_an_example() -> None:
    """The site's table of examples is made of the same names: see docs/conf.py."""
    shown = "\n".join(file.read_text("utf-8") for file in FILES)
    modules = get_provider_info()["operators"][0]["python-modules"]
    names = {name for module in modules for name in vars(import_module(module))}
    bases = {"KlingTaskOperator", "KlingCallOperator"}
    public = {name for name in names if name.startswith("Kling") and name.endswith("Operator")} - bases
    assert len(public) > 40
    assert {name for name in public if not re.search(rf"\b{name}(\.partial)?\(", shown)} == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_content_producer_can_run_it_from_the_trigger_form(file: Path) -> None:
    dags = load_all(file)
    titles = [dag.dag_display_name for dag in dags.values()]
    assert all(re.fullmatch(r"Kling: [a-z][^_]{5,40}", title, re.IGNORECASE) for title in titles), titles
    assert all(len({*dag.tags} - {"example", "kling"}) == 1 for dag in dags.values())
    dag = dags[file.stem]
    assert dag.params
    # What stands in the form is used: each parameter is named where the task's arguments are.
    text = file.read_text("utf-8")
    unused = [name for name in dag.params if f"params.{name}" not in text and f'["{name}"]' not in text]
    assert unused == []


def run_example(file: Path, deferrable: bool, kling_emulator: Any, dags_folder: Path) -> None:
    shutil.copy(file, dags_folder)
    dag = load(file)
    assert set_everywhere(dag, "deferrable", deferrable)
    assert set_everywhere(dag, "poll_interval", 0.2)

    run = dag.test()

    assert run.state == "success"
    instances = run.get_task_instances()
    states = {(ti.task_id, ti.map_index): ti.state for ti in instances}
    assert set(states.values()) == {"success"}, states
    paying = [ti for ti in instances if makes_jobs(dag.get_task(ti.task_id))]
    assert len(paying) == len(kling_emulator.jobs) > 0
    waiting = [ti for ti in instances if ti.task_id in ("animate", "wait")]
    for ti in waiting:
        (video,) = ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index)["videos"]
        assert float(video["duration"]) == 5
        assert requests.get(video["url"], timeout=60).content[4:8] == b"ftyp"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_is_fit_to_be_copied(file: Path) -> None:
    dag = load(file)
    assert dag.dag_id == file.stem
    assert dag.doc_md
    assert dag.doc_md.strip().startswith("### ")
    assert {"example", "kling"} <= set(dag.tags)
    assert dag.catchup is False
    assert dag.default_args["retries"] > 0
    if file.stem not in STARTED_BY_EVENTS:
        assert (dag.schedule_interval if hasattr(dag, "schedule_interval") else dag.schedule) is None


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Chat]:
    """A chat to post to, which the connection ``team_chat`` leads to."""
    server = Chat(("127.0.0.1", 0), Webhook)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    connection = {"conn_type": "http", "host": f"http://127.0.0.1:{server.server_port}"}
    monkeypatch.setenv("AIRFLOW_CONN_TEAM_CHAT", json.dumps(connection))
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(("status", "state"), [(204, "success"), (500, "failed")])
def test_a_team_that_was_not_notified_fails_the_run(
    chat: Chat, kling_emulator: Any, dags_folder: Path, status: int, state: str
) -> None:
    file = EXAMPLES / "example_kling_notify_with_link.py"
    shutil.copy(file, dags_folder)
    dag = load(file)
    dag.get_task("animate").poll_interval = 0.2
    dag.get_task("notify").retries = 0
    chat.status = status
    run = dag.test()
    assert run.state == state
    assert {ti.task_id: ti.state for ti in run.get_task_instances()} == {
        "animate": "success",
        "notify": state,
    }
    assert chat.posted[0]["text"].startswith("A new video: ")
    assert "None" not in chat.posted[0]["text"]
    assert len(kling_emulator.jobs) == 1

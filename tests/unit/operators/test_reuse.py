# SPDX-License-Identifier: Apache-2.0
"""``idempotency_scope="inputs"``: the same request re-uses its job or its stored result, in every task."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from airflow_provider_kling.budget import KlingBudget
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import (
    KlingRequestInvalid,
    KlingServerError,
    KlingTaskFailed,
    KlingTaskTimeout,
)
from airflow_provider_kling.results import reuse_index
from airflow_provider_kling.utils.storage import StorageTransientError
from tests.unit.operators.conftest import (
    PATH,
    LogLines,
    Store,
    TaskInstance,
    context_of,
    image_to_video,
    posts,
    run,
)

Make = Callable[..., Any]


def other(ti: TaskInstance, number: int = 2) -> TaskInstance:
    """A task instance of another DAG."""
    return TaskInstance(dag_id=f"dag-{number}", task_id="clip", run_id=f"run-{number}", map_index=number)


@pytest.fixture
def shared(make: Make) -> Make:
    """Make a task whose job others may have made; each test runs with both ways of waiting."""
    return lambda **arguments: make(**{"idempotency_scope": "inputs", **arguments})


def test_another_dag_attaches_to_the_job_and_pays_nothing(
    shared: Make, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    first = run(shared(), ti)
    second = run(shared(task_id="clip"), other(ti))
    assert len(kling_emulator.jobs) == 1
    assert (second["task_id"], second["external_task_id"]) == (first["task_id"], first["external_task_id"])
    assert first["units"] != "0"
    assert "reused_from" not in first
    assert (second["units"], second["charges"]) == ("0", [])
    assert second["reused_from"] == {"kling_task_id": first["task_id"]}
    assert second["videos"][0]["url"]


def test_a_job_that_is_found_after_a_lost_response_may_be_of_another_task(
    shared: Make, ti: TaskInstance, kling_emulator: Emulator, log_lines: LogLines
) -> None:
    kling_emulator.faults.set({"lost_response": 1})
    result = run(shared(), ti)
    assert len(kling_emulator.jobs) == 1
    assert result["units"] != "0", "it is most likely the task's own"
    (line,) = log_lines("another task may")
    assert result["task_id"] in line
    assert "then both report its charge. KlingUsageOperator counts it once" in line


def test_only_shared_jobs_may_be_of_another_task(
    make: Make, ti: TaskInstance, kling_emulator: Emulator, log_lines: LogLines
) -> None:
    kling_emulator.faults.set({"lost_response": 1})
    run(make(), ti)
    assert log_lines("Attached to job")
    assert not log_lines("another task may")


def test_a_stored_result_is_returned_without_a_job(
    shared: Make, ti: TaskInstance, kling_emulator: Emulator, tmp_path: Path
) -> None:
    first = run(shared(output_path=str(tmp_path)), ti)
    requests = posts(kling_emulator)
    second = other(ti)

    again = run(shared(output_path=str(tmp_path), task_id="clip"), second)

    assert posts(kling_emulator) == requests
    assert (again["units"], again["charges"]) == ("0", [])
    assert again["reused_from"] == {
        "kling_task_id": first["task_id"],
        "dag_id": "films",
        "run_id": "manual__2026-11-20",
        "task_id": "film",
        "map_index": -1,
    }
    item = again["videos"][0]
    assert (item["path"], item["sha256"]) == (first["videos"][0]["path"], first["videos"][0]["sha256"])
    assert item["url"].startswith("http"), "Kling still has the file, so a new URL is signed"
    assert {key: second.xcoms[key] for key in ("task_id", "external_task_id")} == {
        "task_id": first["task_id"],
        "external_task_id": first["external_task_id"],
    }
    assert second.xcoms["request"]["reused_from"] == again["reused_from"]
    json.dumps(again)


def test_a_stored_result_needs_no_kling(
    shared: Make, ti: TaskInstance, kling_emulator: Emulator, tmp_path: Path
) -> None:
    run(shared(output_path=str(tmp_path)), ti)
    kling_emulator.faults.set({"bad_credentials": 1000})
    second = run(shared(output_path=str(tmp_path), task_id="clip"), other(ti))
    assert second["videos"][0]["url"] is None
    assert Path(second["videos"][0]["path"]).is_file()


def test_a_file_that_is_missing_is_fetched_again_from_the_job(
    shared: Make, ti: TaskInstance, kling_emulator: Emulator, tmp_path: Path
) -> None:
    first = run(shared(output_path=str(tmp_path)), ti)
    Path(first["videos"][0]["path"]).unlink()
    second = run(shared(output_path=str(tmp_path), task_id="clip"), other(ti))
    assert len(kling_emulator.jobs) == 1
    assert (second["task_id"], second["units"]) == (first["task_id"], "0")
    assert Path(second["videos"][0]["path"]).is_file()


def test_a_retry_reports_the_charge_of_its_own_job(
    shared: Make, ti: TaskInstance, kling_emulator: Emulator, tmp_path: Path
) -> None:
    store = Store()
    paths = {"without": None, "with": str(tmp_path)}
    for path in paths.values():
        first = run(shared(output_path=path, take=str(path)), ti, task_state_store=store)
        second = run(shared(output_path=path, take=str(path)), ti.retried(), task_state_store=store)
        assert (second["units"], "reused_from" in second) == (first["units"], False)
        assert second["task_id"] == first["task_id"]
    assert len(kling_emulator.jobs) == 2


def test_a_retry_does_not_report_the_charge_of_another_task(
    shared: Make, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    run(shared(), other(ti))
    store = Store()
    for each in (ti, ti.retried()):
        assert run(shared(), each, task_state_store=store)["units"] == "0"
    assert len(kling_emulator.jobs) == 1


def test_a_clear_makes_no_new_job_and_reports_it(
    shared: Make, ti: TaskInstance, kling_emulator: Emulator, log_lines: LogLines
) -> None:
    run(shared(), ti)
    cleared = run(shared(), ti.cleared())
    assert len(kling_emulator.jobs) == 1
    assert cleared["units"] == "0"
    assert log_lines("a clear makes no new job; set take")


@pytest.mark.parametrize(
    "arguments", [{"take": "2"}, {"take": 2}, {"prompt": "other"}, {"duration": 10}], ids=str
)
def test_what_makes_another_job(
    arguments: dict[str, Any], shared: Make, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    run(shared(), ti)
    for each in (other(ti), other(ti, 3)):
        run(shared(**arguments), each)
    assert len(kling_emulator.jobs) == 2, "one more, and the third task has found it"


def test_the_content_of_a_file_counts_and_not_its_name(
    ti: TaskInstance, kling_emulator: Emulator, tmp_path: Path
) -> None:
    from PIL import Image

    for name, colour in (("a.png", "red"), ("copy-of-a.png", "red"), ("b.png", "blue")):
        Image.new("RGB", (400, 400), colour).save(tmp_path / name)
        run(image_to_video(idempotency_scope="inputs", image=str(tmp_path / name)), ti)
    assert len(kling_emulator.jobs) == 2


def test_a_failed_job_is_followed_by_another(
    shared: Make, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    kling_emulator.faults.set({"failed_job": 1, "fail_reason": "no face is found"})
    with pytest.raises(KlingTaskFailed):
        run(shared(), ti)
    kling_emulator.faults.clear()
    created = run(shared(), other(ti))
    assert created["units"] != "0", "the second job is its own"
    assert run(shared(), ti.retried())["task_id"] == created["task_id"]
    assert len(kling_emulator.jobs) == 2


def test_two_tasks_that_race_make_one_job(ti: TaskInstance, slow_emulator: Emulator) -> None:
    slow_emulator.faults.set({"stall_before": 0.3, "stall_times": 2})
    results: list[dict[str, Any]] = []
    threads = [
        threading.Thread(
            target=lambda number=number: results.append(
                run(
                    image_to_video(idempotency_scope="inputs", wait_for_completion=False),
                    other(ti, number),
                )
            )
        )
        for number in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(slow_emulator.jobs) == 1
    assert {result["task_id"] for result in results} == {slow_emulator.jobs[0].task_id}
    assert sorted("reused_from" in result for result in results) == [False, True]


def test_a_limit_counts_a_job_that_is_there_as_nothing(
    shared: Make, ti: TaskInstance, kling_emulator: Emulator, tmp_path: Path
) -> None:
    run(shared(output_path=str(tmp_path)), ti)
    assert run(shared(max_units=0), other(ti))["units"] == "0"
    assert run(shared(max_units=0, output_path=str(tmp_path)), other(ti, 3))["units"] == "0"
    with pytest.raises(KlingRequestInvalid, match="Raise max_units=0"):
        run(shared(max_units=0, take="2"), other(ti))
    assert len(kling_emulator.jobs) == 1


def test_a_budget_counts_a_job_that_is_there_as_nothing(
    shared: Make, ti: TaskInstance, kling_emulator: Emulator, tmp_path: Path
) -> None:
    paid = run(shared(), ti)
    budget = KlingBudget("films", 100, path=str(tmp_path))
    second = other(ti)
    run(shared(budget=budget), second)
    assert budget.spent(dag_id=second.dag_id, run_id=second.run_id) == 0
    run(shared(budget=budget, take="2"), second)
    assert str(budget.spent(dag_id=second.dag_id, run_id=second.run_id)) == paid["units"]


def test_a_deleted_result_is_made_again_with_a_warning(
    shared: Make, ti: TaskInstance, kling_emulator: Emulator, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    stored = run(shared(output_path=str(tmp_path)), ti)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=31)):
        stored_path = run(shared(output_path=str(tmp_path)), other(ti))
        assert (stored_path["task_id"], stored_path["units"]) == (stored["task_id"], "0"), (
            "a stored result has no end"
        )
        shutil.rmtree(tmp_path / str(stored["task_id"]))
        created = run(shared(output_path=str(tmp_path)), other(ti, 3))
    assert created["task_id"] != stored["task_id"]
    assert "Kling has deleted the result of job" in caplog.text


def test_hosts_without_a_look_up_are_a_warning(
    ti: TaskInstance, log_lines: LogLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_kling.emulator.pytest_plugin import SPEED

    for dialect, expected_text in (("cometapi", "may make two jobs"), ("gateway", "nothing is re-used")):
        with Emulator(speed=SPEED, dialect=dialect) as host:
            monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", host.connection_json())
            run(image_to_video(idempotency_scope="inputs"), ti)
        assert log_lines(expected_text)


def test_the_job_may_not_have_an_external_task_id_of_the_user(
    ti: TaskInstance, kling_emulator: Emulator
) -> None:
    with pytest.raises(KlingRequestInvalid, match="expected none with idempotency_scope='inputs'"):
        run(image_to_video(idempotency_scope="inputs", external_task_id="mine"), ti)
    assert not kling_emulator.jobs


@pytest.mark.parametrize(
    ("arguments", "expected_text"),
    [
        ({"idempotency_scope": "input"}, "'run' or 'inputs'"),
        ({"on_refused": "skip"}, "'fail' or 'return'"),
        ({"take": {"a": 1}}, "text or a number"),
        ({"take": "x" * 101}, "at most 100"),
    ],
)
def test_invalid_parameters_are_refused(arguments: dict[str, Any], expected_text: str) -> None:
    with pytest.raises(KlingRequestInvalid, match=expected_text):
        image_to_video(**arguments)


def test_a_storage_that_is_down_stops_the_task_before_it_pays(
    ti: TaskInstance, kling_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise StorageTransientError("no answer")

    monkeypatch.setattr(reuse_index.ResultIndex, "find", fail)
    with pytest.raises(KlingServerError, match="does not respond"):
        run(image_to_video(idempotency_scope="inputs", output_path=str(tmp_path)), ti)
    assert not kling_emulator.jobs


def test_a_retry_attaches_to_its_job_while_the_index_is_down(
    ti: TaskInstance, slow_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def task() -> Any:
        return image_to_video(idempotency_scope="inputs", output_path=str(tmp_path), timeout=0.3)

    def fail(*_: Any) -> None:
        raise StorageTransientError("no answer")

    with pytest.raises(KlingTaskTimeout):
        run(task(), ti)
    slow_emulator.advance(90)
    monkeypatch.setattr(reuse_index.ResultIndex, "find", fail)
    result = run(task(), ti.retried())
    (job,) = slow_emulator.jobs
    assert result["task_id"] == job.task_id


def test_the_triggerer_ends_only_what_the_task_has_paid_for(
    ti: TaskInstance, kling_emulator: Emulator
) -> None:
    arguments = {"idempotency_scope": "inputs", "deferrable": True, "end_from_trigger": True}
    run(image_to_video(idempotency_scope="inputs", wait_for_completion=False), other(ti))
    assert run(image_to_video(**arguments), ti)["units"] == "0"


def test_a_task_without_xcom_knows_that_it_has_not_paid(
    shared: Make, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    run(shared(), other(ti))
    assert run(shared(do_xcom_push=False), replace(ti))["units"] == "0"


def test_a_dry_run_names_the_shared_job(ti: TaskInstance, kling_emulator: Emulator) -> None:
    names = []
    for each in (ti, other(ti)):
        operator = image_to_video(idempotency_scope="inputs")
        operator.rendered_as = None
        report = operator.dry_run({**context_of(each), "task": operator})
        names.append(report["external_task_id"])
    assert names[0] == names[1]
    assert run(image_to_video(idempotency_scope="inputs"), ti)["external_task_id"] == names[0]
    assert kling_emulator.count("POST", PATH) == 1

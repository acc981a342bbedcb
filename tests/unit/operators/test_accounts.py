# SPDX-License-Identifier: Apache-2.0
"""``fallback_conn_ids``: which account makes a job, and which one is asked for it afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_kling.budget import KlingBudget
from airflow_provider_kling.emulator.pytest_plugin import SPEED
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import (
    JobState,
    KlingAccountError,
    KlingRequestInvalid,
    KlingTaskFailed,
    KlingWaitInterrupted,
)
from airflow_provider_kling.operators.audio import KlingTextToSpeechOperator
from airflow_provider_kling.operators.results import KlingFetchResultOperator
from airflow_provider_kling.operators.video import KlingImageToVideoOperator, KlingTextToVideoOperator
from airflow_provider_kling.results.job_origin import account_bound_fields
from airflow_provider_kling.sensors.kling import KlingTaskSensor
from airflow_provider_kling.submission import submit
from tests.unit.inputs.samples import image_file
from tests.unit.operators.conftest import (
    PATH,
    LogLines,
    Store,
    TaskInstance,
    context_of,
    fire,
    image_to_video,
    posts,
    run,
)

Make = Callable[..., KlingImageToVideoOperator]


@pytest.fixture(scope="session")
def second_server() -> Iterator[Emulator]:
    with Emulator(speed=SPEED) as emulator:
        yield emulator


@pytest.fixture
def second(second_server: Emulator, kling_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The second account, which the connection ``second`` leads to."""
    second_server.reset()
    monkeypatch.setenv("AIRFLOW_CONN_SECOND", second_server.connection_json())
    return second_server


@pytest.fixture
def film(make: Make, second: Emulator) -> Make:
    """Make a task with two accounts; each test runs with both ways of waiting."""
    return lambda **arguments: make(**{"fallback_conn_ids": ["second"], **arguments})


def accounts(**arguments: Any) -> KlingImageToVideoOperator:
    """A task with two accounts that waits in place."""
    return image_to_video(**{"fallback_conn_ids": ["second"], **arguments})


def no_credit(*emulators: Emulator) -> None:
    for emulator in emulators:
        emulator.faults.set({"no_credit": True})


@pytest.mark.parametrize("defect", ["no_credit", "not_permitted"])
def test_the_next_account_makes_the_job_when_the_first_has_no_credit(
    ti: TaskInstance, kling_emulator: Emulator, second: Emulator, tmp_path: Path, defect: str
) -> None:
    kling_emulator.faults.set({defect: True})
    result = run(accounts(output_path=str(tmp_path)), ti)
    assert (len(kling_emulator.jobs), len(second.jobs)) == (0, 1)
    assert kling_emulator.count("GET", f"{PATH}/{{id}}") == 1, "a look-up proves that there is no job"
    assert result["kling_conn_id"] == ti.xcoms["request"]["kling_conn_id"] == "second"
    manifest = json.loads(next(tmp_path.rglob("manifest.json")).read_text())
    assert manifest["request"]["kling_conn_id"] == "second"
    assert Path(result["videos"][0]["path"].removeprefix("file://")).exists()


def test_the_first_account_with_credit_makes_the_job(
    ti: TaskInstance, kling_emulator: Emulator, second: Emulator
) -> None:
    result = run(accounts(), ti)
    assert (len(kling_emulator.jobs), len(second.jobs)) == (1, 0)
    assert result["kling_conn_id"] == "kling_default"
    assert not second.requests


def test_a_task_with_one_account_does_not_report_it(
    make: Make, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    result = run(make(fallback_conn_ids=[]), ti)
    assert "kling_conn_id" not in result
    assert "kling_conn_id" not in ti.xcoms["request"]


def test_the_trigger_and_the_next_worker_use_the_account_that_has_the_job(
    second: Emulator, kling_emulator: Emulator, ti: TaskInstance
) -> None:
    """Airflow makes the operator again after the deferral, and nothing of the first worker is left."""
    no_credit(kling_emulator)
    with pytest.raises(TaskDeferred) as deferred:
        image_to_video(deferrable=True, fallback_conn_ids=["second"]).execute(context_of(ti))
    assert deferred.value.trigger.serialize()[1]["kling_conn_id"] == "second"
    again = image_to_video(deferrable=True, fallback_conn_ids=["second"])
    result = again.execute_complete(context_of(ti), event=fire(deferred.value))
    assert result["task_id"] == second.jobs[0].task_id
    assert result["kling_conn_id"] == "second"


@pytest.mark.parametrize("arguments_of_the_deferral", [True, False])
def test_without_xcoms_the_next_worker_still_finds_the_account(
    second: Emulator, kling_emulator: Emulator, ti: TaskInstance, arguments_of_the_deferral: bool
) -> None:
    no_credit(kling_emulator)
    arguments = {"deferrable": True, "fallback_conn_ids": ["second"], "do_xcom_push": False}
    with pytest.raises(TaskDeferred) as deferred:
        image_to_video(**arguments).execute(context_of(ti))
    more = deferred.value.kwargs if arguments_of_the_deferral else {}
    again = image_to_video(**arguments)
    result = again.complete_with_facts(context_of(ti), event=fire(deferred.value), **more)
    assert result["kling_conn_id"] == "second"


@pytest.mark.parametrize("stored", [False, True])
def test_a_retry_attaches_to_the_job_at_the_account_that_has_it(
    film: Make, ti: TaskInstance, kling_emulator: Emulator, second: Emulator, stored: bool
) -> None:
    """Also when the first account has credit again."""
    no_credit(kling_emulator)
    more = {"task_state_store": Store()} if stored else {}
    first = run(film(wait_for_completion=False), ti, **more)
    kling_emulator.faults.clear()
    before = kling_emulator.count("GET", f"{PATH}/{{id}}")
    result = run(film(), ti.retried(), **more)
    assert result["task_id"] == first["task_id"]
    assert (len(kling_emulator.jobs), len(second.jobs)) == (0, 1)
    requested = kling_emulator.count("GET", f"{PATH}/{{id}}") - before
    assert requested == (0 if stored else 1), "the account that has the job is asked first, where it is known"


def test_a_retry_whose_input_is_missing_finds_the_job_at_the_other_account(
    ti: TaskInstance, kling_emulator: Emulator, second: Emulator, tmp_path: Path
) -> None:
    store, image = Store(), tmp_path / "a.jpg"
    image.write_bytes(image_file())
    no_credit(kling_emulator)
    first = run(accounts(image=str(image), wait_for_completion=False), ti, task_state_store=store)
    image.unlink()
    result = run(accounts(image=str(image)), ti.retried(), task_state_store=store)
    assert result["task_id"] == first["task_id"]
    assert result["kling_conn_id"] == "second"


def test_a_job_that_failed_at_the_second_account_is_made_again_in_order(
    ti: TaskInstance, kling_emulator: Emulator, second: Emulator
) -> None:
    no_credit(kling_emulator)
    second.faults.set({"failed_job": 1, "fail_reason": "no face"})
    with pytest.raises(KlingTaskFailed):
        run(accounts(), ti)
    kling_emulator.faults.clear()
    assert run(accounts(), ti.retried())["kling_conn_id"] == "kling_default"


def test_when_all_accounts_refuse_the_error_names_them(
    ti: TaskInstance, kling_emulator: Emulator, second: Emulator
) -> None:
    no_credit(kling_emulator, second)
    with pytest.raises(KlingAccountError) as refused:
        run(accounts(), ti)
    assert str(refused.value).startswith(
        "Top up an account: all reject the job, 'kling_default' (code 1102), 'second' (code 1102)."
    )
    assert refused.value.job is JobState.NOT_CREATED
    assert not kling_emulator.jobs
    assert not second.jobs


def test_an_outcome_that_is_unknown_goes_to_no_other_account(
    ti: TaskInstance, kling_emulator: Emulator, second: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call is lost, and the next one is refused: a job may still appear. A retry asks again first."""
    monkeypatch.setattr(submit, "LOOKUP_DELAYS", (0.01, 0.01, 0.01))
    kling_emulator.faults.set({"lost_request": 2, "no_credit": True})
    with pytest.raises(KlingAccountError):
        run(image_to_video(), TaskInstance(task_id="before"))
    with pytest.raises(
        KlingWaitInterrupted, match=r"^Retry once the account of 'kling_default' answers"
    ) as report:
        run(accounts(), ti)
    assert report.value.job is JobState.MAY_EXIST
    assert not second.requests
    kling_emulator.faults.set({"lost_request": 0})
    assert run(accounts(), ti.retried())["kling_conn_id"] == "second"


@pytest.mark.parametrize(
    ("defects", "error"),
    [({"bad_credentials": 9}, "KlingAuthError"), ({"refused_word": "waves"}, "KlingContentRefused")],
)
def test_other_refusals_go_to_no_other_account(
    ti: TaskInstance,
    kling_emulator: Emulator,
    second: Emulator,
    defects: dict[str, Any],
    error: str,
) -> None:
    kling_emulator.faults.set(defects)
    with pytest.raises(Exception, match="Kling refused") as refused:
        run(accounts(prompt="waves"), ti)
    assert type(refused.value).__name__ == error
    assert not second.requests


def test_a_host_without_look_up_proves_nothing(
    ti: TaskInstance, kling_emulator: Emulator, second: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway that passes Kling's own refusal on."""
    connection = json.loads(kling_emulator.connection_json())
    connection["extra"] = {"dialect": "gateway", "base_path": "/"}
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(connection))
    no_credit(kling_emulator)
    with pytest.raises(KlingAccountError, match=r"^Top up the account of 'kling_default': nothing can prove"):
        run(image_to_video(fallback_conn_ids=["second"]), ti)
    assert not second.requests


def test_a_request_that_names_what_one_account_has_stays_there(
    ti: TaskInstance, kling_emulator: Emulator, second: Emulator
) -> None:
    no_credit(kling_emulator)
    task = KlingTextToVideoOperator(
        task_id="film",
        prompt="waves",
        fallback_conn_ids=["second"],
        extra_body={"element_list": [{"element_id": 7}]},
    )
    with pytest.raises(KlingAccountError) as refused:
        run(task, ti)
    assert str(refused.value).startswith(
        "Top up the account of 'kling_default': only it has what element_list names, so no other is tried."
    )
    assert not second.requests
    report = task.dry_run(context_of(ti))
    assert report["accounts"] == ["kling_default"]
    assert report["account_bound"] == ["element_list"]


def test_which_fields_belong_to_an_account() -> None:
    values = {
        "voice_list": [{"voice_id": "829"}],
        "element_list": [{"element_id": 1}],
        "video_id": "8",
        "audio_id": "",
        "voice_id": "genshin_vindi2",
        "prompt": "video_id",
        "image_list": [{"image": "https://a.example/b.png"}],
    }
    assert account_bound_fields(values) == ["voice_list", "element_list", "video_id"]


def test_an_endpoint_that_responds_at_once_continues_after_a_clear_refusal(
    ti: TaskInstance, kling_emulator: Emulator, second: Emulator
) -> None:
    def speech() -> KlingTextToSpeechOperator:
        return KlingTextToSpeechOperator(
            task_id="film",
            text="Hello",
            voice_id="oversea_male1",
            voice_language="en",
            retries=3,
            fallback_conn_ids=["second"],
        )

    no_credit(kling_emulator)
    assert run(speech(), ti)["kling_conn_id"] == "second"
    with pytest.raises(KlingAccountError, match="nothing can prove"):
        run(speech(), ti.retried())


def test_slots_are_waited_for_at_the_account_that_has_none(
    second: Emulator, kling_emulator: Emulator, ti: TaskInstance
) -> None:
    """The first account has refused for good in this try and is not asked again; the second one is busy."""
    no_credit(kling_emulator)
    second.faults.set({"slots_taken": 1})
    with pytest.raises(TaskDeferred) as deferred:
        image_to_video(deferrable=True, fallback_conn_ids=["second"]).execute(context_of(ti))
    assert deferred.value.trigger.serialize()[1]["kling_conn_id"] == "second"
    event = fire(deferred.value)
    assert event["kling_conn_id"] == "second"
    before = posts(kling_emulator)
    again = image_to_video(fallback_conn_ids=["second"])
    result = again.resume_submission(context_of(ti), event=event)
    assert result["kling_conn_id"] == "second"
    assert posts(kling_emulator) == before


def test_a_shared_request_is_looked_for_at_every_account(
    film: Make, ti: TaskInstance, kling_emulator: Emulator, second: Emulator
) -> None:
    """The job of yesterday is at the second account, so it is not made at the first one today."""
    no_credit(kling_emulator)
    first = run(film(idempotency_scope="inputs"), ti)
    kling_emulator.faults.clear()
    other = TaskInstance(dag_id="other", run_id="tomorrow")
    again = run(film(idempotency_scope="inputs"), other)
    assert again["task_id"] == first["task_id"]
    assert (again["units"], again["kling_conn_id"]) == ("0", "second")
    assert (len(kling_emulator.jobs), len(second.jobs)) == (0, 1)


def test_a_stored_result_of_another_account_is_used(
    ti: TaskInstance, kling_emulator: Emulator, second: Emulator, tmp_path: Path
) -> None:
    no_credit(kling_emulator)
    first = run(accounts(idempotency_scope="inputs", output_path=str(tmp_path)), ti)
    second.reset()
    other = TaskInstance(dag_id="other", run_id="tomorrow")
    again = run(accounts(idempotency_scope="inputs", output_path=str(tmp_path)), other)
    assert again["videos"][0]["sha256"] == first["videos"][0]["sha256"]
    assert again["kling_conn_id"] == "second"
    assert not second.jobs


def test_a_shared_budget_holds_one_reservation(
    ti: TaskInstance, kling_emulator: Emulator, second: Emulator, tmp_path: Path
) -> None:
    no_credit(kling_emulator)
    budget = KlingBudget("films", max_units=10, path=str(tmp_path))
    result = run(accounts(budget=budget), ti)
    assert str(budget.spent(dag_id=ti.dag_id, run_id=ti.run_id)) == result["units"]


def test_sensor_and_fetch_use_the_account_that_the_result_names(
    ti: TaskInstance, kling_emulator: Emulator, second: Emulator, tmp_path: Path
) -> None:
    no_credit(kling_emulator)
    submitted = run(accounts(wait_for_completion=False), ti)
    about = {"endpoint": "videos/image2video", "kling_task_id": submitted}
    sensor = KlingTaskSensor(task_id="wait", poke_interval=0.2, **about)
    assert sensor.execute(context_of(TaskInstance(task_id="wait")))["task_id"] == submitted["task_id"]
    fetch = KlingFetchResultOperator(task_id="fetch", output_path=str(tmp_path), **about)
    assert fetch.execute(context_of(TaskInstance(task_id="fetch")))["videos"][0]["path"]


@pytest.mark.parametrize(
    "value", [["kling_default"], ["a", "a"], 7, [7], ["a", None, "a"], {"a": 1}], ids=str
)
def test_a_list_that_cannot_be_fails_when_the_dag_is_parsed(value: Any) -> None:
    with pytest.raises(KlingRequestInvalid) as refused:
        image_to_video(fallback_conn_ids=value)
    assert str(refused.value).startswith(
        f"Invalid value for 'fallback_conn_ids': {value!r}; expected a list of "
    )


@pytest.mark.parametrize(
    "value", [("second",), "second", "['second']", '["second"]', " second , ", ["second", "None", ""]]
)
def test_a_list_may_be_text(value: Any, ti: TaskInstance, kling_emulator: Emulator, second: Emulator) -> None:
    no_credit(kling_emulator)
    assert run(image_to_video(fallback_conn_ids=value), ti)["kling_conn_id"] == "second"


def test_the_log_gives_the_reason_for_going_on(
    ti: TaskInstance, kling_emulator: Emulator, second: Emulator, log_lines: LogLines
) -> None:
    no_credit(kling_emulator)
    run(accounts(), ti)
    assert len(log_lines("refuses the job and does not have it; trying 'second'")) == 1


def test_a_connection_that_is_missing_does_not_matter_while_the_first_account_has_credit(
    make: Make, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    for scope in ("run", "inputs"):
        result = run(make(fallback_conn_ids=["nowhere"], idempotency_scope=scope), ti)
        assert result["kling_conn_id"] == "kling_default"

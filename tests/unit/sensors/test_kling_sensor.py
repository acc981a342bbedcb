# SPDX-License-Identifier: Apache-2.0
"""The sensor means the same in every mode."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import runpy
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    PokeReturnValue,
    TaskDeferred,
)

from airflow_provider_kling.api import ENDPOINTS
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import (
    KlingAwaitedTaskFailed,
    KlingContentRefused,
    KlingRequestInvalid,
    KlingResultNotKept,
    KlingWaitInterrupted,
)
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.sensors.kling import KlingTaskSensor
from scripts.local_airflow import EXAMPLES

SLUG = "videos/image2video"
BODY = {"model_name": "kling-v3", "image": "https://example.com/a.png", "duration": "5"}
REASON = "no luck today"


def sensor(**kwargs: Any) -> KlingTaskSensor:
    return KlingTaskSensor(
        **{"task_id": "wait", "endpoint": SLUG, "kling_task_id": "x", "poll_interval": 0.2, **kwargs}
    )


def context() -> Any:
    return {"ti": SimpleNamespace(start_date=datetime.now(UTC))}


def made(emulator: Emulator, **body: Any) -> str:
    return KlingHook().submit(SLUG, {**BODY, **body}).task_id


def ended(emulator: Emulator, **body: Any) -> str:
    task_id = made(emulator, **body)
    emulator.advance(3600)
    return task_id


def complete(each: KlingTaskSensor, event: dict[str, Any]) -> Any:
    """Resume as Airflow does after a deferral."""
    return each.resume_execution("execute_complete", {"event": event}, context())


def event_of(deferral: TaskDeferred) -> Any:
    async def first() -> Any:
        return (await anext(deferral.trigger.run())).payload

    return asyncio.run(first())


class TestArguments:
    def test_unknown_endpoints_are_import_errors_that_name_the_choices(self) -> None:
        with pytest.raises(KlingRequestInvalid, match=r"'videos/nothing'.*videos/image2video.*'wait'"):
            sensor(endpoint="videos/nothing")

    def test_an_endpoint_that_responds_at_once_is_refused(self) -> None:
        with pytest.raises(KlingRequestInvalid, match="answers at once"):
            sensor(endpoint="audio/tts")

    def test_templates_are_checked_when_they_are_rendered(self) -> None:
        each = sensor(endpoint="{{ params.endpoint }}", kling_task_id="{{ params.id }}")
        each.render_template_fields({"params": {"endpoint": "videos/nothing", "id": "7"}})
        assert each.kling_task_id == "7"
        with pytest.raises(KlingRequestInvalid, match="videos/nothing"):
            each.poke(context())

    def test_an_endpoint_may_be_an_object(self) -> None:
        assert sensor(endpoint=ENDPOINTS[SLUG]).endpoint == SLUG

    def test_an_empty_id_is_refused(self, kling_emulator: Emulator) -> None:
        with pytest.raises(KlingRequestInvalid, match="kling_task_id"):
            sensor(kling_task_id="").poke(context())

    def test_poll_interval_and_poke_interval_are_one(self) -> None:
        assert sensor().poke_interval == 0.2
        with DAG("d", schedule=None, default_args={"poke_interval": 42}):
            assert KlingTaskSensor(task_id="t", endpoint=SLUG, kling_task_id="x").poke_interval == 42
        assert KlingTaskSensor(task_id="t", endpoint=SLUG, kling_task_id="x").poke_interval == 5

    def test_every_connection_id_and_id_is_templated(self) -> None:
        assert {"endpoint", "kling_task_id", "kling_conn_id"} <= set(KlingTaskSensor.template_fields)

    def test_ending_from_the_trigger_needs_deferral(self) -> None:
        with pytest.raises(KlingRequestInvalid, match="deferrable"):
            sensor(end_from_trigger=True)

    def test_ending_from_the_trigger_needs_airflow_3(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("airflow.__version__", "2.11.0")
        with pytest.raises(KlingRequestInvalid, match=r"Airflow 3.*2\.11\.0"):
            sensor(end_from_trigger=True, deferrable=True)


class TestJobThatRuns:
    @pytest.fixture
    def kling_emulator_options(self) -> dict[str, Any]:
        # The first poll of a busy machine may be seconds after the submission.
        return {"speed": 1.0}

    def test_it_continues_until_the_job_has_ended(self, kling_emulator: Emulator) -> None:
        each = sensor(kling_task_id=made(kling_emulator))
        assert not each.poke(context())
        kling_emulator.advance(3600)
        done = each.poke(context())
        assert isinstance(done, PokeReturnValue)
        assert done.is_done
        assert done.xcom_value["endpoint"] == SLUG
        assert done.xcom_value["videos"][0]["url"]
        assert json.loads(json.dumps(done.xcom_value)) == done.xcom_value

    def test_it_waits_in_the_trigger_and_reads_again(self, kling_emulator: Emulator) -> None:
        each = sensor(kling_task_id=made(kling_emulator), deferrable=True)
        with pytest.raises(TaskDeferred) as deferral:
            each.execute(context())
        assert deferral.value.method_name == "execute_complete"
        kling_emulator.advance(3600)
        event = event_of(deferral.value)
        result = complete(each, event)
        assert result["task_id"] == event["task_id"] == each.kling_task_id
        assert result["videos"][0]["url"]
        assert "url" not in json.dumps(event)

    def test_the_deadline_is_absolute_and_airflows_own_comes_later(self, kling_emulator: Emulator) -> None:
        each = sensor(kling_task_id=made(kling_emulator), deferrable=True, timeout=500)
        with pytest.raises(TaskDeferred) as deferral:
            each.execute(context())
        _, arguments = deferral.value.trigger.serialize()
        assert arguments["deadline"] == pytest.approx(time.time() + 500, abs=5)
        assert deferral.value.timeout is not None
        assert deferral.value.timeout.total_seconds() > 505
        assert arguments["since"] == pytest.approx(time.time(), abs=5)
        assert arguments["poll_interval"] == 0.2


class TestPoke:
    def test_external_ids_are_understood(self, kling_emulator: Emulator) -> None:
        task_id = ended(kling_emulator, external_task_id="mine-1")
        assert sensor(kling_task_id="mine-1").execute(context())["task_id"] == task_id

    def test_a_job_that_is_not_there_yet_is_waited_for(self, kling_emulator: Emulator) -> None:
        each = sensor(kling_task_id="mine-2")
        assert not each.poke(context())
        ended(kling_emulator, external_task_id="mine-2")
        assert each.poke(context())

    def test_failed_polls_do_not_end_the_wait(
        self, kling_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("airflow_provider_kling.hooks.flows.READ_ATTEMPTS", 1)
        each = sensor(kling_task_id=ended(kling_emulator))
        kling_emulator.faults.set({"server_error": 1})
        assert not each.poke(context())
        kling_emulator.faults.set({"server_error": 0})
        assert each.poke(context())

    @pytest.mark.parametrize("status", [302, 400, 403, 404, 451])
    def test_a_page_of_a_proxy_ends_nothing(self, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
        from airflow_provider_kling.api.errors import ApiError
        from airflow_provider_kling.api.http import parse_response
        from airflow_provider_kling.exceptions import error_from_api

        response = parse_response(status, {"Content-Type": "text/html"}, b"<html>no</html>")
        assert isinstance(response, ApiError)
        page = error_from_api(response, "a read")

        def refused(*_: Any) -> None:
            raise page

        each = sensor()
        monkeypatch.setattr(type(each.hook), "get_task_with_auth_retry", refused)
        assert not each.poke(context())

    def test_a_failed_job_fails_without_a_retry(self, kling_emulator: Emulator) -> None:
        kling_emulator.faults.set({"failed_job": 1, "fail_reason": REASON})
        with pytest.raises(KlingAwaitedTaskFailed, match=REASON) as caught:
            sensor(kling_task_id=ended(kling_emulator)).execute(context())
        assert isinstance(caught.value, AirflowFailException)

    def test_a_failed_job_fails_even_when_errors_are_to_be_silent(self, kling_emulator: Emulator) -> None:
        kling_emulator.faults.set({"failed_job": 1, "fail_reason": REASON})
        with pytest.raises(KlingAwaitedTaskFailed):
            sensor(kling_task_id=ended(kling_emulator), silent_fail=True, timeout=5).execute(context())

    def test_refused_content_stays_that(self, kling_emulator: Emulator) -> None:
        kling_emulator.faults.set({"failed_job": 1})
        with pytest.raises(KlingContentRefused):
            sensor(kling_task_id=ended(kling_emulator)).execute(context())

    def test_refused_credentials_fail(self, kling_emulator: Emulator) -> None:
        each = sensor(kling_task_id=ended(kling_emulator))
        kling_emulator.faults.set({"bad_credentials": 5})
        with pytest.raises(KlingWaitInterrupted) as failed:
            each.poke(context())
        assert failed.value.task_id == each.kling_task_id
        assert not isinstance(failed.value, AirflowFailException)

    def test_a_passing_refusal_fails_nothing(self, kling_emulator: Emulator) -> None:
        each = sensor(kling_task_id=ended(kling_emulator))
        kling_emulator.faults.set({"bad_credentials": 2})
        assert each.poke(context())

    def test_an_id_that_a_native_template_made_a_number_of_is_an_id(self, kling_emulator: Emulator) -> None:
        task_id = ended(kling_emulator)
        assert sensor(kling_task_id=int(task_id)).execute(context())["task_id"] == task_id

    def test_the_end_of_the_time_reports_that_the_job_continues(self, kling_emulator: Emulator) -> None:
        task_id = made(kling_emulator)
        with pytest.raises(AirflowSensorTimeout, match=rf"{task_id}.*continues"):
            sensor(kling_task_id=task_id, timeout=0.1).execute(context())

    def test_killing_it_reports_that_the_job_continues(
        self, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(KlingTaskSensor, "log", logging.getLogger("sensor"))
        sensor(kling_task_id="job-9").on_kill()
        assert "job-9" in caplog.text
        assert "charged" in caplog.text


class TestDeferral:
    def test_a_finished_job_is_returned_without_deferring(self, kling_emulator: Emulator) -> None:
        task_id = ended(kling_emulator)
        assert sensor(kling_task_id=task_id, deferrable=True).execute(context())["task_id"] == task_id

    def test_a_job_that_lists_call_finished_too_early_is_waited_for(self, kling_emulator: Emulator) -> None:
        each = sensor(kling_task_id=made(kling_emulator), deferrable=True)
        event = {"status": "succeed", "task_id": each.kling_task_id, "message": ""}
        assert complete(each, event)["status"] == "succeed"

    def test_reading_an_ended_job_is_retried(self, kling_emulator: Emulator) -> None:
        event = {"status": "succeed", "task_id": ended(kling_emulator), "message": ""}
        kling_emulator.faults.set({"bad_credentials": 2})
        assert complete(sensor(deferrable=True), event)["status"] == "succeed"

    def test_execution_timeout_is_honoured(self, kling_emulator: Emulator) -> None:
        # A job that does not exist yet has not ended, however slow the machine is.
        each = sensor(kling_task_id="mine-4", deferrable=True, execution_timeout=timedelta(seconds=60))
        with pytest.raises(TaskDeferred) as deferral:
            each.execute(context())
        assert deferral.value.trigger.deadline < time.time() + 60

    def test_a_job_that_cannot_be_read_yet_is_waited_for(self, kling_emulator: Emulator) -> None:
        with pytest.raises(TaskDeferred) as deferral:
            sensor(kling_task_id="mine-3", deferrable=True).execute(context())
        assert deferral.value.trigger.since is None

    @pytest.mark.parametrize(
        ("event", "error"),
        [
            ({"status": "failed", "task_id": "7", "message": REASON}, KlingAwaitedTaskFailed),
            ({"status": "failed", "task_id": "7", "message": "risk control"}, KlingContentRefused),
            (
                {"status": "timeout", "task_id": "7", "message": "last status: processing"},
                AirflowSensorTimeout,
            ),
            ({"status": "error", "task_id": "7", "message": "refused"}, KlingWaitInterrupted),
        ],
        ids=["failed", "refused", "timeout", "error"],
    )
    def test_other_events_raise_their_error(self, event: dict[str, str], error: type[Exception]) -> None:
        with pytest.raises(error, match="7"):
            complete(sensor(deferrable=True), event)


class TestSkipping:
    """``soft_fail`` and ``never_fail`` skip in both modes, where Airflow's versions differ."""

    @pytest.fixture(params=["soft_fail", "never_fail"])
    def lenient(self, request: pytest.FixtureRequest) -> dict[str, bool]:
        return {request.param: True}

    @pytest.mark.parametrize("deferrable", [False, True])
    def test_a_failed_job(self, kling_emulator: Emulator, lenient: dict[str, bool], deferrable: bool) -> None:
        kling_emulator.faults.set({"failed_job": 1, "fail_reason": REASON})
        with pytest.raises(AirflowSkipException, match=REASON):
            sensor(kling_task_id=ended(kling_emulator), deferrable=deferrable, **lenient).execute(context())

    @pytest.mark.parametrize("deferrable", [False, True])
    def test_refused_credentials(
        self, kling_emulator: Emulator, lenient: dict[str, bool], deferrable: bool
    ) -> None:
        each = sensor(kling_task_id=ended(kling_emulator), deferrable=deferrable, **lenient)
        kling_emulator.faults.set({"bad_credentials": 5})
        with pytest.raises(AirflowSkipException):
            each.execute(context())

    @pytest.mark.parametrize("status", ["failed", "timeout", "error"])
    def test_soft_fail_skips_after_a_deferral(self, lenient: dict[str, bool], status: str) -> None:
        with pytest.raises(AirflowSkipException):
            complete(sensor(deferrable=True, **lenient), {"status": status, "task_id": "7", "message": "m"})

    def test_soft_fail_skips_after_the_timeout(self, kling_emulator: Emulator) -> None:
        each = sensor(kling_task_id=made(kling_emulator), timeout=0, soft_fail=True)
        with pytest.raises(AirflowSkipException):
            each.execute(context())

    @pytest.mark.parametrize("deferrable", [False, True])
    def test_a_paid_result_that_cannot_be_stored_is_retried(
        self, kling_emulator: Emulator, deferrable: bool, tmp_path: Path
    ) -> None:
        folder = tmp_path / "file"
        folder.write_text("no folder")
        task_id, event = ended(kling_emulator), {"status": "succeed", "message": ""}
        each = sensor(kling_task_id=task_id, deferrable=deferrable, soft_fail=True, output_path=str(folder))
        with pytest.raises(KlingResultNotKept):
            each.execute(context())
        with pytest.raises(KlingResultNotKept):
            complete(each, {**event, "task_id": task_id})

    def test_a_silent_failure_to_store_does_not_say_that_the_job_goes_on(
        self, kling_emulator: Emulator, tmp_path: Path
    ) -> None:
        folder = tmp_path / "file"
        folder.write_text("no folder")
        each = sensor(
            kling_task_id=ended(kling_emulator), silent_fail=True, output_path=str(folder), timeout=0.5
        )
        with pytest.raises(AirflowSensorTimeout, match="has succeeded and is charged: KlingFetchResult"):
            each.execute(context())

    def test_deferring_is_no_failure(self, kling_emulator: Emulator, lenient: dict[str, bool]) -> None:
        with pytest.raises(TaskDeferred):
            # A job that does not exist yet has not ended, however slow the machine is.
            sensor(kling_task_id="mine-5", deferrable=True, **lenient).execute(context())


@pytest.mark.airflow
@pytest.mark.usefixtures("airflow_database")
class TestInAirflow:
    """Real task runs of an example; ``end_from_trigger`` falls back to a worker where no triggerer runs."""

    @pytest.mark.parametrize(
        "settings",
        [
            {"deferrable": False, "mode": "reschedule", "poke_interval": 1.0},
            {"deferrable": True, "end_from_trigger": True},
        ],
        ids=["reschedule", "end_from_trigger"],
    )
    def test_it_returns_the_job(self, kling_emulator: Emulator, settings: dict[str, Any]) -> None:
        wait = run_example(settings)
        assert wait.state == "success"
        result = wait.xcom_pull(task_ids="wait")
        assert result["task_id"] == kling_emulator.jobs[0].task_id
        assert result["videos"]

    @pytest.mark.parametrize("deferrable", [False, True])
    def test_soft_fail_skips_the_task(self, kling_emulator: Emulator, deferrable: bool) -> None:
        kling_emulator.faults.set({"failed_job": 1})
        assert run_example({"deferrable": deferrable, "soft_fail": True}).state == "skipped"


def run_example(settings: dict[str, Any]) -> Any:
    """Run the example that waits with the sensor; return the sensor's task instance."""
    names = runpy.run_path(str(EXAMPLES / "example_kling_submit_then_wait.py"))
    for name, value in {"poke_interval": 0.2, **settings}.items():
        setattr(names["wait"], name, value)
    instances = names["dag"].test().get_task_instances()
    return next(instance for instance in instances if instance.task_id == "wait")


@pytest.mark.parametrize("values", [{"task_id": "8", "videos": []}, "8 \n", " 8", 8, {"task_id": 8}])
def test_an_id_is_accepted_as_people_have_it(values: Any) -> None:
    assert sensor()._read_job_id(values) == "8"


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize(
    "values", [["8"], ("8",), iter(["8"]), [], 8.0, 8.7e17, True, {}, {"task_id": None}, [{"task_id": "8"}]]
)
def test_what_is_not_one_id_is_refused_at_once(values: Any, deferrable: bool) -> None:
    with pytest.raises(KlingRequestInvalid, match=r"'kling_task_id'.*\.expand\("):
        sensor(kling_task_id=values, deferrable=deferrable).execute(context())


def test_it_has_a_timeout_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sensor().timeout == 6 * 3600
    assert sensor(timeout="90").timeout == 90
    assert sensor(default_args={"timeout": 120}).timeout == 120
    monkeypatch.setenv("AIRFLOW__SENSORS__DEFAULT_TIMEOUT", "7200")
    assert sensor().timeout == 7200


@pytest.mark.parametrize("values", [604800, timedelta(days=7), "604800"])
def test_seven_days_are_warned_of_at_parse(values: Any) -> None:
    with pytest.warns(UserWarning, match="Airflow's default of seven days.*Leave it out"):
        assert sensor(timeout=values).timeout == 604800


@pytest.mark.usefixtures("kling_emulator")
class TestNeverFound:
    def test_the_end_of_the_time_does_not_report_that_a_job_continues(self) -> None:
        with pytest.raises(
            AirflowSensorTimeout, match="Job ghost was never found: check kling_task_id"
        ) as end:
            sensor(kling_task_id="ghost", timeout=0.1).execute(context())
        assert "continues" not in str(end.value)
        assert "charged" not in str(end.value)

    def test_an_unknown_job_in_the_triggerer_times_out(self) -> None:
        each = sensor(kling_task_id="ghost", deferrable=True, timeout=0.3)
        with pytest.raises(TaskDeferred) as deferral:
            each.execute(context())
        assert deferral.value.kwargs == {"known": False}
        event = event_of(deferral.value)
        assert event["status"] == "timeout"
        with pytest.raises(AirflowSensorTimeout, match="Job ghost was never found") as end:
            sensor(kling_task_id="ghost").execute_complete(context(), event, known=False)
        assert "continues" not in str(end.value)


LAZY = """
from datetime import datetime
from pathlib import Path
from airflow_provider_kling.sensors.kling import KlingTaskSensor
from airflow.decorators import task
from airflow_provider_kling.version_compat import DAG

class SensorOfNumbers(KlingTaskSensor):
    def execute(self, context):
        try:
            return super().execute(context)
        except Exception as error:
            Path(__file__).with_suffix(".txt").write_text(str(error))
            raise

with DAG("lazy", schedule=None, start_date=datetime(2026, 1, 1)) as dag:

    @task
    def ids(number):
        return str(number)

    SensorOfNumbers(task_id="wait", endpoint="videos/text2video", kling_task_id=ids.expand(number=[1, 2]))
"""


@pytest.mark.airflow
def test_an_xcom_of_a_mapped_task_names_expand(kling_emulator: Emulator, dags_folder: Path) -> None:
    file = dags_folder / "lazy.py"
    file.write_text(LAZY, "utf-8")
    assert runpy.run_path(str(file))["dag"].test().state == "failed"
    text = file.with_suffix(".txt").read_text("utf-8")
    expected_text = r"Invalid value for 'kling_task_id': Lazy\w+; map the task: \.partial\(\.\.\.\)\.expand\("
    assert re.match(expected_text, text), text
    assert kling_emulator.requests == {}


@pytest.mark.parametrize(
    "value",
    [None, "", " ", "None", "nan", "null", "\u200b", 1.5, ["1"], {"task_id": None}, {}, True],
    ids=repr,
)
def test_a_literal_that_is_no_id_is_refused_at_parse(value: Any) -> None:
    with pytest.raises(KlingRequestInvalid, match="kling_task_id"):
        KlingTaskSensor(task_id="wait", endpoint="videos/text2video", kling_task_id=value)


@pytest.mark.parametrize("value", ["", " ", "None", 0, False, [], "films"], ids=repr)
def test_a_literal_that_is_no_folder_is_refused_at_parse(value: Any) -> None:
    with pytest.raises(KlingRequestInvalid, match="output_path"):
        KlingTaskSensor(task_id="wait", endpoint="videos/text2video", kling_task_id="1", output_path=value)

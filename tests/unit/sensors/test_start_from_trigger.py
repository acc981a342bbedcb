# SPDX-License-Identifier: Apache-2.0
"""A sensor that starts in the triggerer: what the scheduler is given, and what the trigger makes of it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import airflow
import pytest
from packaging.version import Version

from airflow_provider_kling.exceptions import KlingRequestInvalid
from airflow_provider_kling.operators import _in_triggerer
from airflow_provider_kling.sensors.kling import KlingTaskSensor
from airflow_provider_kling.triggers.start_from_trigger import MARGIN_SECONDS, KlingTaskStartTrigger
from tests.unit.sensors.test_kling_sensor import SLUG, context, ended, made, sensor

NEW = Version(airflow.__version__) >= Version("3.3")
only_new = pytest.mark.skipif(not NEW, reason="needs Airflow 3.3")


def starting(**arguments: Any) -> KlingTaskSensor:
    return sensor(**{"deferrable": True, "start_from_trigger": True, **arguments})


def trigger(**arguments: Any) -> KlingTaskStartTrigger:
    values = {"endpoint": SLUG, "kling_task_id": "x", "kling_conn_id": "kling_default"}
    return KlingTaskStartTrigger(**{**values, "poll_interval": 0.2, "timeout": 20.0, **arguments})


async def event_of(one: KlingTaskStartTrigger) -> Any:
    async with asyncio.timeout(60):
        async for event in one.run():
            return event.payload
    raise AssertionError("no event")


@only_new
def test_the_scheduler_gets_what_the_wait_needs() -> None:
    args = starting(kling_task_id="{{ params.job }}", timeout=600).start_trigger_args
    assert args.timeout == timedelta(seconds=600 + MARGIN_SECONDS)
    assert (args.next_method, args.next_kwargs) == ("execute_complete", {"known": False})
    assert args.trigger_kwargs["kling_task_id"] == "{{ params.job }}"
    module, _, name = args.trigger_cls.rpartition(".")
    made_again = getattr(import_module(module), name)(**json.loads(json.dumps(args.trigger_kwargs)))
    assert made_again.serialize() == (args.trigger_cls, args.trigger_kwargs)


@only_new
def test_the_earlier_of_both_timeouts_holds() -> None:
    args = starting(timeout=600, execution_timeout=timedelta(seconds=60)).start_trigger_args
    assert args.trigger_kwargs["timeout"] == 60


@only_new
@pytest.mark.parametrize(
    ("arguments", "expected_text"),
    [({"deferrable": False}, "deferrable=True"), ({"start_from_trigger": "x"}, "start_from")],
)
def test_what_cannot_start_there_is_refused(arguments: dict[str, Any], expected_text: str) -> None:
    with pytest.raises(KlingRequestInvalid, match=expected_text):
        starting(**arguments)


@only_new
def test_an_xcom_is_to_be_written_as_text() -> None:
    from airflow_provider_kling.version_compat import DAG

    with DAG("a_dag"):
        upstream = sensor(task_id="before")
        with pytest.raises(KlingRequestInvalid, match="XComs are written as templates"):
            starting(kling_task_id=upstream.output)


def test_older_versions_report_what_they_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_in_triggerer, "airflow_version", lambda: (3, 2, 2))
    with pytest.raises(KlingRequestInvalid, match=r"False before Airflow 3\.3; this is Airflow 3\.2\.2"):
        starting()
    assert not sensor().start_from_trigger


def test_the_deadline_is_the_one_that_the_scheduler_has_stored() -> None:
    one = trigger()
    one.timeout_after = datetime(2026, 1, 1, tzinfo=UTC)
    assert one._absolute_deadline() == one.timeout_after.timestamp() - MARGIN_SECONDS


@pytest.mark.parametrize("values", ["", "None", None, "{}", "{broken", {"task_id": None}, [1], True])
async def test_a_template_that_lost_the_id_ends_the_wait_at_once(values: Any) -> None:
    event = await event_of(trigger(kling_task_id=values))
    assert event["status"] == "error"
    assert "Invalid value for 'kling_task_id'" in event["message"]


@pytest.mark.parametrize("form", ["id", "result", "text of a result"])
def test_the_trigger_waits_by_what_the_template_rendered_to(kling_emulator: Any, form: str) -> None:
    ident = ended(kling_emulator)
    result = {"task_id": ident, "external_task_id": None}
    values = {"id": ident, "result": result, "text of a result": json.dumps(result)}[form]
    event = asyncio.run(event_of(trigger(kling_task_id=values)))
    assert (event["status"], event["task_id"]) == ("succeed", ident)


@only_new
def test_the_worker_that_comes_last_returns_the_job(kling_emulator: Any) -> None:
    ident = made(kling_emulator)
    one = starting(kling_task_id=ident)
    event = asyncio.run(event_of(KlingTaskStartTrigger(**one.start_trigger_args.trigger_kwargs)))
    assert one.execute_complete(context(), event, **one.start_trigger_args.next_kwargs)["task_id"] == ident


@only_new
@pytest.mark.airflow
def test_start_trigger_args_are_serialized_with_the_dag(airflow_database: Any) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    from airflow_provider_kling.version_compat import DAG

    with DAG("a_dag_that_starts_so", schedule=None) as dag:
        starting(kling_task_id="{{ params.job }}")
    task = DagSerialization.from_dict(DagSerialization.to_dict(dag)).get_task("wait")
    assert task.start_from_trigger is True
    assert task.start_trigger_args.trigger_cls.endswith("KlingTaskStartTrigger")

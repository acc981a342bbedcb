# SPDX-License-Identifier: Apache-2.0
"""A retry that cannot make its request again does not give the paid job up: it attaches, or says how to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import (
    JobState,
    KlingError,
    KlingRequestInvalid,
    KlingServerError,
    KlingSubmissionUnknown,
)
from airflow_provider_kling.operators.video import KlingImageToVideoOperator
from airflow_provider_kling.submission.idempotency import (
    RequestRecord,
    load_request,
    save_request,
    task_instance_key,
)
from tests.unit.inputs.samples import image_file
from tests.unit.operators.conftest import (
    LogLines,
    Store,
    TaskInstance,
    context_of,
    image_to_video,
    posts,
    run,
)

Make = Callable[..., KlingImageToVideoOperator]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An image on this worker, which may be deleted."""
    path = tmp_path / "in.jpg"
    path.write_bytes(image_file())
    return path


def submit(source: Path, ti: TaskInstance, **more: Any) -> TaskInstance:
    """Let a first try submit the job and stop waiting; the image is deleted before the next try."""
    stored = {"task_state_store": more.pop("store")} if "store" in more else {}
    run(image_to_video(image=str(source), wait_for_completion=False, **more), ti, **stored)
    source.unlink()
    return ti.retried()


def test_with_airflows_state_store_it_attaches(
    make: Make, source: Path, ti: TaskInstance, kling_emulator: Emulator, log_lines: LogLines
) -> None:
    store = Store()
    second = submit(source, ti, prompt="waves", store=store)
    result = run(make(image=str(source), prompt="waves"), second, task_state_store=store)
    (job,) = kling_emulator.jobs
    assert (result["task_id"], result["status"]) == (job.task_id, "succeed")
    assert second.xcoms["external_task_id"] == job.external_task_id
    assert second.xcoms["request"]["prompt"] == "waves", "the manifest still knows what was asked for"
    assert log_lines("No such file on this worker")


def test_an_external_task_id_of_the_user_needs_no_stored_state(
    make: Make, source: Path, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    second = submit(source, ti, external_task_id="order-17")
    result = run(make(image=str(source), external_task_id="order-17"), second)
    assert result["external_task_id"] == "order-17"
    assert posts(kling_emulator) == 1


def test_without_a_stored_state_the_error_is_retried(
    make: Make, source: Path, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    second = submit(source, ti)
    with pytest.raises(KlingError, match="No such file on this worker") as missing:
        run(make(image=str(source)), second)
    assert not isinstance(missing.value, AirflowFailException)
    assert missing.value.job is JobState.MAY_EXIST
    text = str(missing.value)
    assert "No job was made" not in text
    assert "An earlier try may have made a job" in text
    assert "KlingResultSweepOperator" in text
    # The image is restored.
    source.write_bytes(image_file())
    result = run(make(image=str(source)), second.retried())
    assert result["task_id"] == kling_emulator.jobs[0].task_id
    assert posts(kling_emulator) == 1


def test_a_job_of_other_parameters_is_not_mistaken_for_this_one(
    source: Path, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    store = Store()
    second = submit(source, ti, prompt="waves", store=store)
    with pytest.raises(KlingError, match="An earlier try may have made a job") as missing:
        run(image_to_video(image=str(source), prompt="clouds"), second, task_state_store=store)
    assert not isinstance(missing.value, AirflowFailException)
    assert f"kling_task_id {kling_emulator.jobs[0].external_task_id}" in str(missing.value)


@pytest.mark.parametrize("store_state", [True, False], ids=["remembered", "own name"])
def test_where_kling_knows_of_no_job_none_was_made(
    source: Path, ti: TaskInstance, kling_emulator: Emulator, store_state: bool
) -> None:
    store = Store()
    own = {} if store_state else {"external_task_id": "order-17"}
    kling_emulator.faults.set({"refused_word": "weapon"})
    with pytest.raises(KlingError):
        run(image_to_video(image=str(source), prompt="a weapon", **own), ti, task_state_store=store)
    source.unlink()
    with pytest.raises(KlingRequestInvalid, match="No job was made and nothing is charged"):
        run(image_to_video(image=str(source), prompt="a weapon", **own), ti.retried(), task_state_store=store)
    assert len(kling_emulator.jobs) == 0


def test_after_a_clear_nothing_earlier_counts(
    source: Path, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    store = Store()
    submit(source, ti, store=store)
    with pytest.raises(KlingRequestInvalid, match="No job was made and nothing is charged"):
        run(image_to_video(image=str(source)), ti.cleared(), task_state_store=store)


def test_on_a_first_try_the_error_is_what_it_was(
    source: Path, ti: TaskInstance, kling_emulator: Emulator
) -> None:
    source.unlink()
    with pytest.raises(KlingRequestInvalid, match="No job was made and nothing is charged"):
        run(image_to_video(image=str(source)), ti, task_state_store=Store())
    assert kling_emulator.requests == {}


def test_a_failed_look_up_is_retried(
    source: Path, ti: TaskInstance, kling_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store()
    second = submit(source, ti, store=store)
    fields = {**kling_emulator.connection(), "host": "http://127.0.0.1:9"}
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(fields))
    with pytest.raises(KlingServerError, match="A job may have been made") as failed:
        run(image_to_video(image=str(source)), second, task_state_store=store)
    assert "A retry of this task looks for it" in str(failed.value)


def test_a_connection_that_was_broken_meanwhile_is_no_reason_to_give_up(
    ti: TaskInstance, kling_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store()
    run(image_to_video(wait_for_completion=False), ti, task_state_store=store)
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", '{"conn_type": "kling", "extra": {"what": 1}}')
    with pytest.raises(KlingError, match="An earlier try may have made a job") as missing:
        run(image_to_video(), ti.retried(), task_state_store=store)
    assert not isinstance(missing.value, AirflowFailException)
    assert missing.value.external_task_id == kling_emulator.jobs[0].external_task_id


@pytest.fixture
def gateway(kling_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """A host that cannot be asked by external id."""
    fields = {**kling_emulator.connection(), "extra": {"dialect": "gateway", "base_path": "/"}}
    monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(fields))
    kling_emulator.faults.set({"no_external_id": True})
    return kling_emulator


def test_at_a_gateway_the_jobs_own_id_is_remembered(
    source: Path, ti: TaskInstance, gateway: Emulator
) -> None:
    store = Store()
    second = submit(source, ti, store=store)
    result = run(image_to_video(image=str(source)), second, task_state_store=store)
    assert result["task_id"] == gateway.jobs[0].task_id


def test_at_a_gateway_a_lost_response_stays_unknown(
    source: Path, ti: TaskInstance, gateway: Emulator
) -> None:
    store = Store()
    gateway.faults.set({"lost_response": 1})
    with pytest.raises(KlingSubmissionUnknown):
        run(image_to_video(image=str(source)), ti, task_state_store=store)
    source.unlink()
    with pytest.raises(KlingSubmissionUnknown, match="an earlier try ended before the answer came"):
        run(image_to_video(image=str(source)), ti.retried(), task_state_store=store)


def test_a_broken_state_store_fails_no_job(ti: TaskInstance, kling_emulator: Emulator) -> None:
    class Broken(Store):
        def set(self, key: str, value: Any) -> None:
            raise RuntimeError("the database is away")

    assert run(image_to_video(), ti, task_state_store=Broken())["status"] == "succeed"


@pytest.mark.parametrize("rubbish", [None, "text", 5, ["a"], {}, {"generation": 0}])
def test_invalid_data_in_the_store_is_no_record(ti: TaskInstance, rubbish: Any) -> None:
    store = Store()
    store.values["kling_order"] = rubbish
    note = load_request(context_of(ti, task_state_store=store), task_instance_key(context_of(ti), 3))
    assert note is None or note.params_fingerprint not in ("", "asked")


def test_a_saved_request_is_loaded(ti: TaskInstance) -> None:
    store = Store()
    context = context_of(ti, task_state_store=store)
    key = task_instance_key(context, 3)
    note = RequestRecord(key, "asked", {"prompt": "waves"})
    save_request(context, note)
    assert load_request(context, key) == note
    assert json.loads(json.dumps(store.values)) == store.values

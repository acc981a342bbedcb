# SPDX-License-Identifier: Apache-2.0
"""A job that ended as succeed without its files is read again, and is never a success."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.api.endpoint import get_endpoint
from airflow_provider_kling.api.task import KlingTask, TaskStatus
from airflow_provider_kling.batch import monitor
from airflow_provider_kling.exceptions import JobState, KlingResultMissing
from airflow_provider_kling.operators.audio import KlingTextToSpeechOperator
from airflow_provider_kling.operators.batch import KlingBatchOperator
from airflow_provider_kling.operators.library import KlingCustomVoiceOperator
from airflow_provider_kling.operators.results import KlingFetchResultOperator
from airflow_provider_kling.results import build_result
from airflow_provider_kling.results.expected_files import holds_its_files
from airflow_provider_kling.sensors.kling import KlingTaskSensor
from airflow_provider_kling.triggers.kling import KlingTaskTrigger
from tests.unit.hooks.scripted_server import Reply, ScriptedServer
from tests.unit.operators.conftest import PATH, TaskInstance, context_of, image_to_video, run

SLUG = "videos/image2video"
WHOLE = {"videos": [{"id": "1", "url": "https://files.example/a.mp4", "duration": "5"}]}
WITHOUT = {
    "nothing": {},
    "empty list": {"videos": []},
    "null list": {"videos": None},
    "no url": {"videos": [{"id": "1", "duration": "5"}]},
    "null url": {"videos": [{"id": "1", "url": None}]},
    "blank url": {"videos": [{"id": "1", "url": "  "}]},
    "another kind": {"images": [{"index": 0, "url": "https://files.example/a.png"}]},
    "a cover alone": {"videos": [{"id": "1", "cover_url": "https://files.example/a.png"}]},
}


def ended(result: Any, task_id: str = "8") -> Reply:
    data = {"task_id": task_id, "task_status": "succeed", "task_result": result}
    return Reply(200, {"code": 0, "message": "SUCCEED", "data": data})


SUBMITTED = Reply(200, {"code": 0, "data": {"task_id": "8", "task_status": "submitted"}})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (build_result, monitor):
        monkeypatch.setattr(module, "MISSING_RESULT_SECONDS", 0.6)
        monkeypatch.setattr(module, "FIRST_MISSING_DELAY", 0.05)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        fields = {"conn_type": "kling", "host": running.url, "password": "sk-test-key"}
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(fields))
        yield running


def check(error: KlingResultMissing) -> None:
    assert not isinstance(error, AirflowFailException)
    assert error.job is JobState.ENDED
    assert error.task_id == "8"
    assert "ended as succeed but holds no file" in str(error)[:90]


@pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferrable"])
@pytest.mark.parametrize("result", WITHOUT.values(), ids=list(WITHOUT))
def test_the_operator_fails_and_pays_once(
    ti: TaskInstance, server: ScriptedServer, result: Any, deferrable: bool
) -> None:
    server.replies, server.always = [SUBMITTED], ended(result)
    with pytest.raises(KlingResultMissing) as missing:
        run(image_to_video(deferrable=deferrable), ti)
    check(missing.value)
    assert [call for call in server.calls if call.startswith("POST")] == [f"POST {PATH}"]
    assert server.calls.count(f"GET {PATH}/8") > 2


@pytest.mark.parametrize(
    "result",
    [{}, {"voices": []}, {"voices": [{"voice_name": "x"}]}, {"voices": [{"voice_id": None}]}],
    ids=["nothing", "empty list", "no id", "null id"],
)
def test_a_voice_without_its_id_is_no_success(
    ti: TaskInstance, server: ScriptedServer, result: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = KlingCustomVoiceOperator(task_id="voice", voice_name="Anna", video_id="5", poll_interval=0.2)
    server.replies, server.always = [SUBMITTED], ended(result)
    with pytest.raises(KlingResultMissing) as missing:
        run(voice, ti)
    assert "ended as succeed but holds no voice_id; retry to read it again" in str(missing.value)[:90]
    assert [call for call in server.calls if call.startswith("POST")] == ["POST /v1/general/custom-voices"]
    server.always = ended({"voices": [{"voice_id": 7}]})
    ti.try_number = 2
    assert run(voice, ti)["voices"] == [{"voice_id": 7}]
    assert len([call for call in server.calls if call.startswith("POST")]) == 1


def test_a_file_that_comes_late_is_a_success(ti: TaskInstance, server: ScriptedServer) -> None:
    server.replies, server.always = [SUBMITTED, ended({}), ended({})], ended(WHOLE)
    assert run(image_to_video(), ti)["videos"] == WHOLE["videos"]


def test_a_kill_ends_reading_again(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_result, "MISSING_RESULT_SECONDS", 60)
    stop = threading.Event()
    stop.set()
    task = KlingTask("8", TaskStatus.SUCCEED, "succeed")
    with pytest.raises(KlingResultMissing):
        build_result.build_result(None, get_endpoint(SLUG), task, None, {}, stop=stop)  # type: ignore[arg-type]


@pytest.mark.parametrize("result", WITHOUT.values(), ids=list(WITHOUT))
def test_the_sensor_and_the_fetch_fail(ti: TaskInstance, server: ScriptedServer, result: Any) -> None:
    server.always = ended(result)
    common = {"endpoint": SLUG, "kling_task_id": "8"}
    for task in (
        KlingTaskSensor(task_id="film", poll_interval=0.2, **common),
        KlingTaskSensor(task_id="film", poll_interval=0.2, deferrable=True, **common),
        KlingFetchResultOperator(task_id="film", output_path="/tmp/never-written", **common),
    ):
        with pytest.raises(KlingResultMissing) as missing:
            task.execute(context_of(ti))
        check(missing.value)


@pytest.mark.parametrize(("result", "ends"), [({}, False), (WHOLE, True)], ids=["nothing", "whole"])
def test_the_triggerer_ends_only_what_holds_files(result: Any, ends: bool) -> None:
    trigger = KlingTaskTrigger(SLUG, "8", "kling_default", 1.0, 0.0, end_from_trigger=True)
    trigger.trigger_id = 1
    task = KlingTask("8", TaskStatus.SUCCEED, "succeed", result=result)
    event = {"status": "succeed", "task_id": "8", "message": ""}
    fired = trigger._ended(SimpleNamespace(event=event, task=task))  # type: ignore[arg-type]
    assert (type(fired).__name__ == "TaskSuccessEvent") is ends


def test_a_batch_row_is_never_done(ti: TaskInstance, server: ScriptedServer, tmp_path: Any) -> None:
    server.replies, server.always = [SUBMITTED], ended({"images": []})
    for _ in range(2):
        batch = KlingBatchOperator(
            task_id="film",
            endpoint="images/generations",
            requests=[{"prompt": "A boat"}],
            output_path=str(tmp_path),
            poll_interval=0.2,
            contact_sheet=False,
            retries=3,
        )
        with pytest.raises(Exception, match="0 of 1 rows are done"):
            batch.execute(context_of(ti))
        ti = ti.retried()
    assert sum(call.startswith("POST") for call in server.calls) == 1
    assert not list(tmp_path.rglob("*.png"))


def test_speech_without_a_file_is_not_paid_for_again(ti: TaskInstance, server: ScriptedServer) -> None:
    server.always = ended({"audios": []})
    speech = KlingTextToSpeechOperator(
        task_id="film", retries=3, text="Good morning.", voice_id="oversea_male1", voice_language="en"
    )
    with pytest.raises(KlingResultMissing) as missing:
        run(speech, ti)
    assert isinstance(missing.value, AirflowFailException), "a retry would pay again"
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("slug", "result", "holds"),
    [
        ("general/custom-voices", {}, False),
        ("general/custom-voices", {"voices": [{"voice_id": "8"}]}, True),
        ("general/advanced-custom-elements", {"elements": [{"element_name": "x"}]}, False),
        ("general/advanced-custom-elements", {"elements": [{"element_id": 8}]}, True),
        ("videos/identify-face", {"faces": []}, True),
        (SLUG, {"product_videos": [{"url": "https://a.example/1"}]}, True),
        ("images/generations", {"series_images": [{"url": "https://a.example/1.png"}]}, True),
        ("images/generations", {"videos": [{"url": "https://a.example/1.png"}]}, True),
        ("images/generations", {"videos": [{"url": "https://a.example/1.mp4"}]}, False),
        ("audio/text-to-audio", {"audios": [{"url_mp3": "https://a.example/1.mp3"}]}, True),
        ("audio/video-to-audio", {"videos": [{"url": "https://a.example/1.mp4"}]}, True),
        (SLUG, {"videos": [{"url": "null"}]}, False),
    ],
)
def test_what_counts_as_a_result(slug: str, result: Any, holds: bool) -> None:
    task = KlingTask("8", TaskStatus.SUCCEED, "succeed", result=result)
    assert holds_its_files(get_endpoint(slug), task) is holds

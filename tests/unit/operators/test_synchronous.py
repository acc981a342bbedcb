# SPDX-License-Identifier: Apache-2.0
"""Endpoints that answer at once: there is no job to wait for, and none to come back to."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingSubmissionUnknown
from airflow_provider_kling.operators.audio import KlingTextToSpeechOperator
from airflow_provider_kling.operators.avatar import KlingIdentifyFaceOperator
from tests.unit.hooks.scripted_server import Reply, ScriptedServer
from tests.unit.operators.conftest import Store, TaskInstance, run

TTS = "/v1/audio/tts"


def speech() -> KlingTextToSpeechOperator:
    return KlingTextToSpeechOperator(
        task_id="film", retries=3, text="Good morning.", voice_id="oversea_male1", voice_language="en"
    )


def test_the_response_is_the_result(ti: TaskInstance, kling_emulator: Emulator) -> None:
    result = run(speech(), ti)
    assert result["status"] == "succeed"
    assert result["audios"][0]["url"].startswith(kling_emulator.url)
    assert result["external_task_id"] is None
    assert kling_emulator.requests == {("POST", TTS, 200): 1}


def test_a_lost_response_is_not_paid_for_again(ti: TaskInstance, kling_emulator: Emulator) -> None:
    kling_emulator.faults.set({"lost_response": 1})
    store = Store()
    with pytest.raises(KlingSubmissionUnknown, match="if there is none, clear the task") as unknown:
        run(speech(), ti, task_state_store=store)
    assert isinstance(unknown.value, AirflowFailException)
    with pytest.raises(KlingSubmissionUnknown):
        run(speech(), ti.retried(), task_state_store=store)
    assert kling_emulator.count("POST", TTS) == 1


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """A server of our own words, which the connection leads to."""
    with ScriptedServer() as running:
        fields = {"conn_type": "kling", "host": running.url, "password": "sk-test-key"}
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", json.dumps(fields))
        yield running


def test_a_response_without_a_result_is_no_success(ti: TaskInstance, server: ScriptedServer) -> None:
    server.always = Reply(200, {"code": 0, "data": {"task_id": "8", "task_status": "submitted"}})
    with pytest.raises(KlingSubmissionUnknown, match=r"^No result .* its status is 'submitted'") as unknown:
        run(speech(), ti)
    assert unknown.value.task_id == "8"
    assert server.calls == [f"POST {TTS}"]


def test_a_video_without_faces(ti: TaskInstance, server: ScriptedServer) -> None:
    server.always = Reply(200, {"code": 0, "data": {"session_id": "s-1", "face_data": []}})
    operator = KlingIdentifyFaceOperator(task_id="film", video_url="https://videos.example/a.mp4")
    result = run(operator, ti)
    assert (result["session_id"], result["faces"]) == ("s-1", [])

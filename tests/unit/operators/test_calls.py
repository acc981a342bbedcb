# SPDX-License-Identifier: Apache-2.0
"""Operators of calls that make no job: deleting, and marking elements; and those that answer at once."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, BaseOperator

from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingRequestInvalid
from airflow_provider_kling.hooks.kling import KlingHook
from airflow_provider_kling.operators.library import KlingDeleteElementOperator, KlingDeleteVoiceOperator
from airflow_provider_kling.operators.video import KlingMultiElementsSelectionOperator
from scripts.local_airflow import EXAMPLES
from tests.support.dag_runs import run

__all__ = ["run"]

Run = Callable[[str], tuple[dict[str, str], dict[str, Any]]]

IMAGE_URL = str(EXAMPLES / "assets" / "city.jpg")
FRAMES = [{"frame_index": 0, "points": [{"x": 0.5, "y": 0.5}, {"x": 0.1, "y": 0.9}]}]


def task(operator: type[BaseOperator], **values: Any) -> Any:
    with DAG("d", schedule=None):
        return operator(task_id="it", **values)


@pytest.fixture
def video_id(kling_emulator: Emulator) -> str:
    hook = KlingHook()
    created = hook.submit("videos/text2video", {"model_name": "kling-v3", "prompt": "a harbour"})
    return str(hook.wait("videos/text2video", created.task_id, 0.2, timeout=20).result["videos"][0]["id"])


@pytest.mark.airflow
def test_a_voice_is_created_and_deleted_in_a_dag(run: Run, kling_emulator: Emulator) -> None:
    states, values = run(
        """
        speak = KlingTextToSpeechOperator(
            task_id="speak",
            text="A text that is long enough. " * 8,
            voice_id="oversea_male1",
            voice_language="en",
        )
        clone = KlingCustomVoiceOperator(
            task_id="clone",
            voice_name="Anna",
            voice_url="{{ ti.xcom_pull(task_ids='speak')['audios'][0]['url'] }}",
            poll_interval=0.2,
        )
        delete = KlingDeleteVoiceOperator(
            task_id="delete", voice_id="{{ ti.xcom_pull(task_ids='clone')['voices'][0]['voice_id'] }}"
        )
        again = KlingDeleteVoiceOperator(
            task_id="again", voice_id="{{ ti.xcom_pull(task_ids='delete')['voice_id'] }}"
        )
        speak >> clone >> delete >> again
        """
    )
    assert set(states.values()) == {"success"}
    voice_id = values["clone"]["voices"][0]["voice_id"]
    assert values["delete"] == {"voice_id": voice_id, "deleted": True}
    assert values["again"] == {"voice_id": voice_id, "deleted": False}


@pytest.mark.airflow
def test_what_responds_at_once_is_returned_at_once(run: Run, kling_emulator: Emulator) -> None:
    states, values = run(
        f"""
        speak = KlingTextToSpeechOperator(
            task_id="speak", text="Hello there", voice_id="oversea_male1", voice_language="en"
        )
        cut_out = KlingImageRecognizeOperator(task_id="cut_out", image={IMAGE_URL!r})
        film = KlingTextToVideoOperator(task_id="film", prompt="a woman speaks", poll_interval=0.2)
        faces = KlingIdentifyFaceOperator(
            task_id="faces", video_id="{{{{ ti.xcom_pull(task_ids='film')['videos'][0]['id'] }}}}"
        )
        film >> faces
        """
    )
    assert set(states.values()) == {"success"}

    speech = values["speak"]
    assert (speech["status"], speech["units"]) == ("succeed", "0.05")
    assert set(speech["audios"][0]) >= {"id", "url", "duration"}

    parts = values["cut_out"]
    assert parts["status"] == "succeed"
    assert [part["type"] for part in parts["images"]] == ["object_seg", "head_seg", "face_seg", "cloth_seg"]

    found = values["faces"]
    assert found["status"] == "succeed"
    assert found["session_id"]
    assert set(found["faces"][0]) == {"face_id", "face_image", "start_time", "end_time"}
    assert found["external_task_id"] is None


def test_marking_returns_what_editing_needs(video_id: str, kling_emulator: Emulator) -> None:
    mark = task(KlingMultiElementsSelectionOperator, video_id=video_id, frames=FRAMES, preview=True)
    report = mark.execute({})
    assert report["session_id"]
    assert report["duration"] == "5"
    assert report["frames"] == [{"frame_index": 0, "objects": [0, 1]}]
    assert set(report["preview"]) == {"video", "video_cover", "tracking_output"}
    # Masks are images of many kilobytes.
    assert len(json.dumps(report)) < 3000

    edited = KlingHook().submit(
        "videos/multi-elements",
        {
            "session_id": report["session_id"],
            "edit_mode": "removal",
            "prompt": "Delete the boat from <<<video_1>>>",
            "duration": report["duration"],
        },
    )
    assert KlingHook().wait("videos/multi-elements", edited.task_id, 0.2, timeout=20).result["videos"]


def test_to_add_something_nothing_need_be_marked(video_id: str) -> None:
    report = task(KlingMultiElementsSelectionOperator, video_id=video_id).execute({})
    assert report["frames"] == []
    assert "preview" not in report


def test_nothing_at_the_points_is_an_error_before_anything_is_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    mark = task(KlingMultiElementsSelectionOperator, video_id="1", frames=FRAMES)

    class Blind:
        """A vendor that recognizes nothing, which the emulator always does."""

        def init(self, **_: Any) -> dict[str, Any]:
            return {"session_id": "5"}

        def add(self, *_: Any, **__: Any) -> dict[str, Any]:
            return {"frame_index": 0, "rle_mask_list": []}

    monkeypatch.setattr(KlingHook, "selection", Blind())
    with pytest.raises(KlingRequestInvalid, match=r"nothing at the points of frame 0.*nothing is charged"):
        mark.execute({})


@pytest.mark.parametrize(
    ("operator", "values", "named"),
    [
        (KlingDeleteVoiceOperator, {"voice_id": ""}, "voice_id"),
        (KlingDeleteElementOperator, {"element_id": "anna"}, "element_id must be a whole number"),
        (KlingMultiElementsSelectionOperator, {}, "exactly one of video_id or video_url"),
        (
            KlingMultiElementsSelectionOperator,
            {"video_id": "1", "frames": [{"frame_index": 0, "points": [{"x": 1.5, "y": 0}]}]},
            r"frames\[0\].points\[0\].x': 1.5",
        ),
        (
            KlingMultiElementsSelectionOperator,
            {"video_id": "1", "frames": FRAMES * 11},
            "'frames': .* at most 10 items",
        ),
    ],
)
def test_a_wrong_literal_is_found_when_the_dag_is_parsed(
    operator: type[BaseOperator], values: dict[str, Any], named: str
) -> None:
    with pytest.raises(KlingRequestInvalid, match=f"{named}.*Task 'it'"):
        task(operator, **values)


def test_a_misspelled_parameter_is_refused_by_airflow() -> None:
    with pytest.raises(Exception, match="voiceid"):
        task(KlingDeleteVoiceOperator, voice_id="1", voiceid="1")


def test_a_path_on_this_machine_is_refused_before_a_session_is_opened(
    kling_emulator: Emulator, tmp_path: Path
) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"")
    with pytest.raises(KlingRequestInvalid, match="video_url"):
        task(KlingMultiElementsSelectionOperator, video_url=video).execute({})
    assert kling_emulator.requests == {}


def test_signed_urls_are_not_shown_in_rendered_fields() -> None:
    mark = task(KlingMultiElementsSelectionOperator, video_url="https://x.test/a.mp4?Signature=secret")
    mark.render_template_fields({})
    assert "secret" not in mark.video_url
    assert mark.request_values()["video_url"].endswith("Signature=secret")


@pytest.mark.parametrize("value", [None, "", "None", " ", "nan"], ids=repr)
def test_an_id_that_came_to_nothing_deletes_nothing(value: Any, kling_emulator: Emulator) -> None:
    call = task(KlingDeleteVoiceOperator, voice_id="{{ value }}")
    call.render_template_fields({"value": value})
    with pytest.raises(KlingRequestInvalid, match="voice_id"):
        call.execute({})
    assert kling_emulator.requests == {}


@pytest.mark.parametrize("value", [{"a"}, timedelta(1), 1.79e17, True, {"task_id": "1"}, ["1"]], ids=repr)
def test_what_is_no_id_deletes_nothing(value: Any, kling_emulator: Emulator) -> None:
    call = task(KlingDeleteVoiceOperator, voice_id="{{ value }}")
    # As native rendering leaves it.
    call.voice_id = value
    with pytest.raises(KlingRequestInvalid, match="voice_id"):
        call.execute({})
    assert kling_emulator.requests == {}


def test_deleting_reports_what_it_did(kling_emulator: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        report = task(KlingDeleteElementOperator, element_id=4711).execute({})
    assert report == {"element_id": 4711, "deleted": False}
    assert "There is no element 4711" in caplog.text

# SPDX-License-Identifier: Apache-2.0
"""A request that is submitted by hand goes out as its host documents it."""

from __future__ import annotations

import pytest

from airflow_provider_kling.api.requests.avatar import AdvancedLipSync, FaceChoice
from airflow_provider_kling.emulator.server import Emulator
from airflow_provider_kling.exceptions import KlingRequestInvalid
from airflow_provider_kling.hooks.kling import KlingHook


def test_times_that_are_text_reach_kling_as_numbers(hook: KlingHook, kling_emulator: Emulator) -> None:
    found = hook.submit("videos/identify-face", {"video_url": "https://example.com/clip.mp4"})
    face = FaceChoice(
        face_id=found.result["faces"][0]["face_id"],
        sound_file="https://example.com/speech.mp3",
        sound_start_time="0",
        sound_end_time="2000",
        sound_insert_time="0",
    )
    hook.submit("videos/advanced-lip-sync", AdvancedLipSync(session_id=found.session_id, face_choose=[face]))
    (sent,) = kling_emulator.jobs[-1].body["face_choose"]
    assert [sent[f"sound_{name}_time"] for name in ("start", "end", "insert")] == [0, 2000, 0]


def test_a_model_that_stands_in_the_path_is_needed(hook: KlingHook, kling_emulator: Emulator) -> None:
    expected_text = r"text-to-video: model_name is not given.* No job was made and nothing is charged"
    with pytest.raises(KlingRequestInvalid, match=expected_text):
        hook.submit("text-to-video", {"prompt": "a boat"})
    task = hook.submit("text-to-video", {"prompt": "a boat", "model_name": "kling-3.0-turbo"})
    assert [job.task_id for job in kling_emulator.jobs] == [task.task_id]

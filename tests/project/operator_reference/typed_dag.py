# SPDX-License-Identifier: Apache-2.0
"""A DAG for type checkers: they must object to the lines that say so, and to no other. It is never run."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, ObjectStoragePath, task

from airflow_provider_kling.operators.account import KlingAccountOperator
from airflow_provider_kling.operators.audio import KlingTextToAudioOperator, KlingTextToSpeechOperator
from airflow_provider_kling.operators.avatar import KlingAdvancedLipSyncOperator
from airflow_provider_kling.operators.image import KlingImageGenerationOperator, KlingOmniImageOperator
from airflow_provider_kling.operators.library import KlingDeleteElementOperator, KlingDeleteVoiceOperator
from airflow_provider_kling.operators.video import (
    KlingImageToVideoOperator,
    KlingMotionControlOperator,
    KlingMultiElementsSelectionOperator,
    KlingTextToVideoOperator,
)


@task
def words() -> str:
    return "a boat"


shots = [{"index": 1, "prompt": "a boat", "duration": "5"}]
anything: Any = object()

with DAG("typed", schedule=None):
    film = KlingImageToVideoOperator(
        task_id="film",
        image=Path("boat.jpg"),
        image_tail=ObjectStoragePath("s3://media/boat.jpg"),
        prompt=words(),
        duration="5",
        mode="pro",
        cfg_scale="{{ params.scale }}",
        multi_shot=True,
        shot_type="customize",
        multi_prompt=shots,
        element_list=[{"element_id": 5}],
        watermark_info={"enabled": True},
        output_path=ObjectStoragePath("s3://media/films"),
        deferrable=True,
        retries=2,
        retry_delay=timedelta(minutes=1),
        pool="kling",
    )
    move = KlingMotionControlOperator(
        task_id="move",
        image_url="https://media.test/anna.jpg",
        video_url=film.output,
        character_orientation="image",
        mode="std",
        kling_conn_id="{{ var.value.kling }}",
    )
    film >> move
    KlingTextToVideoOperator.partial(task_id="many", duration="5").expand(prompt=["a", "b"])
    KlingOmniImageOperator(task_id="series", prompt="a boat", result_type="series", series_amount="auto")
    KlingOmniImageOperator(task_id="three", prompt="a boat", result_type="series", series_amount=3)
    KlingAdvancedLipSyncOperator(task_id="lips", session_id=film.output, face_choose=anything)
    KlingAccountOperator(task_id="enough", threshold_units=5, on_low=["call"])
    KlingDeleteVoiceOperator(task_id="tidy_up", voice_id=film.output, trigger_rule="all_done")

    KlingTextToVideoOperator(
        task_id="c", prompt="a boat", mode="{{ params.mode }}", duration="{{ params.s }}"
    )
    KlingTextToVideoOperator(task_id="d", prompt="a boat", mode=film.output, sound="on")

    KlingTextToVideoOperator(task_id="a", promt="a boat")  # wrong
    KlingTextToVideoOperator(task_id="b", prompt="a boat", mode=5)  # wrong
    KlingTextToVideoOperator(task_id="d", prompt="a boat", duration=["5"])  # wrong
    KlingTextToVideoOperator(task_id="e", prompt="a boat", retires=3)  # wrong
    KlingTextToVideoOperator(prompt="a boat")  # wrong
    KlingTextToVideoOperator(task_id="f", prompt=["a boat"])  # wrong
    KlingImageGenerationOperator(task_id="g")  # wrong
    KlingTextToSpeechOperator(task_id="h", text="Hi", voice_id="x", voice_language=5)  # wrong
    KlingTextToAudioOperator(task_id="i", prompt="rain", duration=None)  # wrong
    KlingMultiElementsSelectionOperator(task_id="j", video_id="1", frames="0")  # wrong
    KlingDeleteElementOperator(task_id="k", voice_id="1")  # wrong
    KlingAccountOperator(task_id="l", threshold_units=5, on_low="stop")  # wrong
    KlingAccountOperator(task_id="m", threshold_units=5, package_type="sound")  # wrong
    path = film.endpoint.paht  # wrong

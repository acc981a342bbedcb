# SPDX-License-Identifier: Apache-2.0
"""
### A talking head with audio

A chain of jobs: generate speech from text, animate a portrait with it, synchronize the lips of a person in
another video with it, and add background audio to that video.

Tasks pass ids and URLs through XCom. The tasks download nothing, because Kling reads its own results.
When a task fails, a retry or a clear of it uses the results of its upstream tasks; these are not charged
again.

A run costs about 6 video units and 8 image units, 0.87 US dollars at the list price of September 2026.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.audio import KlingTextToSpeechOperator, KlingVideoToAudioOperator
from airflow_provider_kling.operators.avatar import (
    KlingAdvancedLipSyncOperator,
    KlingAvatarImageToVideoOperator,
    KlingIdentifyFaceOperator,
)
from airflow_provider_kling.operators.image import KlingImageGenerationOperator
from airflow_provider_kling.operators.video import KlingTextToVideoOperator

SPEECH_ID = "{{ ti.xcom_pull(task_ids='speak')['audios'][0]['id'] }}"
SPEECH_MILLISECONDS = "{{ (ti.xcom_pull(task_ids='speak')['audios'][0]['duration'] | float * 1000) | int }}"

with DAG(
    dag_id="example_kling_talking_head_with_audio",
    dag_display_name="Kling: a talking head with audio",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1), "deferrable": True},
    params={
        "text": "Good evening. The harbour opens again tomorrow, after the storm.",
        "presenter": "Portrait of a newsreader at a desk, facing the camera, photograph",
    },
    tags=["example", "kling", "avatar"],
    doc_md=__doc__,
) as dag:
    # Synchronous. The audio id can be used for 30 days.
    speak = KlingTextToSpeechOperator(
        task_id="speak",
        text="{{ params.text }}",
        voice_id="oversea_male1",
        voice_language="en",
    )
    draw = KlingImageGenerationOperator(
        task_id="draw",
        prompt="{{ params.presenter }}",
        aspect_ratio="16:9",
    )
    present = KlingAvatarImageToVideoOperator(
        task_id="present",
        image="{{ ti.xcom_pull(task_ids='draw')['images'][0]['url'] }}",
        audio_id=SPEECH_ID,
        prompt="Calm and friendly, small gestures",
    )

    # Another video: find the face in it, then synchronize its lips with the same speech.
    film = KlingTextToVideoOperator(
        task_id="film",
        prompt="A fisherman on a pier looks into the camera and speaks, head and shoulders, no other people",
        duration="5",
    )
    find_face = KlingIdentifyFaceOperator(
        task_id="find_face",
        video_id="{{ ti.xcom_pull(task_ids='film')['videos'][0]['id'] }}",
    )
    lip_sync = KlingAdvancedLipSyncOperator(
        task_id="lip_sync",
        session_id="{{ ti.xcom_pull(task_ids='find_face')['session_id'] }}",
        face_choose=[
            {
                "face_id": "{{ ti.xcom_pull(task_ids='find_face')['faces'][0]['face_id'] }}",
                "audio_id": SPEECH_ID,
                "sound_start_time": 0,
                "sound_end_time": SPEECH_MILLISECONDS,
                "sound_insert_time": 0,
                "original_audio_volume": 0,
            }
        ],
    )
    add_noises = KlingVideoToAudioOperator(
        task_id="add_noises",
        video_id="{{ ti.xcom_pull(task_ids='lip_sync')['videos'][0]['id'] }}",
        sound_effect_prompt="Waves against a pier, gulls in the distance",
        bgm_prompt="Quiet accordion",
    )

    [speak, draw] >> present
    film >> find_face
    [speak, find_face] >> lip_sync >> add_noises

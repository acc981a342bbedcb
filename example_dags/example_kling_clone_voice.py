# SPDX-License-Identifier: Apache-2.0
"""
### Clone a voice

Generates speech, creates a custom voice from it, uses that voice in a video, and deletes the voice.
Replace the first task with the URL of your own recording of 5 to 30 seconds.

Needs a connection `kling_default` of type *Kling AI*.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.audio import KlingTextToSpeechOperator
from airflow_provider_kling.operators.library import KlingCustomVoiceOperator, KlingDeleteVoiceOperator
from airflow_provider_kling.operators.video2 import KlingImageToVideo2Operator

ASSETS = Path(__file__).parent / "assets"

VOICE_ID = "{{ ti.xcom_pull(task_ids='clone')['voices'][0]['voice_id'] }}"

with DAG(
    dag_id="example_kling_clone_voice",
    dag_display_name="Kling: clone a voice",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1), "deferrable": True},
    params={"text": "Good morning. This is my own voice."},
    tags=["example", "kling", "audio"],
    doc_md=__doc__,
) as dag:
    record = KlingTextToSpeechOperator(
        task_id="record",
        text="A recording of one clean voice, which must last at least five seconds and at most thirty. " * 2,
        voice_id="oversea_male1",
        voice_language="en",
    )
    clone = KlingCustomVoiceOperator(
        task_id="clone",
        voice_name="Anna",
        voice_url="{{ ti.xcom_pull(task_ids='record')['audios'][0]['url'] }}",
    )
    speak = KlingImageToVideo2Operator(
        task_id="speak",
        model_name="kling-2.6",
        first_frame=str(ASSETS / "presenter.jpg"),
        prompt="She looks into the camera; @anna says: {{ params.text }}",
        audio="native",
        resolution="1080p",
        voices=[{"voice_id": VOICE_ID, "id": "anna"}],
        duration=5,
    )
    # Delete the voice even if the video failed.
    delete = KlingDeleteVoiceOperator(task_id="delete", voice_id=VOICE_ID, trigger_rule="all_done")

    record >> clone >> speak >> delete

# SPDX-License-Identifier: Apache-2.0
"""Five systems: avatars, image to video and multi-image to video on several hosts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.audio import KlingTextToSpeechOperator
from airflow_provider_kling.operators.avatar import KlingAvatarImageToVideoOperator, KlingAvatarOperator
from airflow_provider_kling.operators.video import KlingImageToVideoOperator, KlingMultiImageToVideoOperator

ASSETS = Path(__file__).parents[3] / "example_dags" / "assets"
waits: dict[str, Any] = {"deferrable": True, "poll_interval": 0.2}
face = str(ASSETS / "presenter.jpg")
with DAG(dag_id="five_systems", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
    KlingAvatarImageToVideoOperator(
        task_id="avatar", image=face, sound_file=str(ASSETS / "news.mp3"), prompt="Reads the news", **waits
    )
    speech = KlingTextToSpeechOperator(
        task_id="speech",
        text="Good morning to all of you out there",
        voice_id="oversea_male1",
        voice_language="en",
    )
    speech >> KlingAvatarImageToVideoOperator(
        task_id="avatar_of_speech",
        image=face,
        audio_id="{{ ti.xcom_pull(task_ids='speech')['audios'][0]['id'] }}",
        prompt="Speaks",
        mode="std",
        **waits,
    )
    KlingImageToVideoOperator(
        task_id="image_to_video",
        model_name="kling-v2-6",
        image=str(ASSETS / "harbour.jpg"),
        prompt="Waves",
        negative_prompt="rain",
        duration=5,
        mode="std",
        **waits,
    )
    KlingAvatarOperator(
        task_id="talking_avatar",
        image=face,
        text="Hello",
        voice_id="oversea_male1",
        aspect_ratio="16:9",
        **waits,
    )
    KlingMultiImageToVideoOperator(
        task_id="several_images",
        image_list=[{"image": str(ASSETS / f"mug_{number}.jpg")} for number in (1, 2, 3, 4)],
        prompt="The mug turns",
        **waits,
    )

# SPDX-License-Identifier: Apache-2.0
"""
### Motion control, effects and audio

Animates a portrait with API 2.0, transfers the motion of that video to other images, applies an effect, and
generates background audio.

Needs a connection `kling_default` of type *Kling AI*.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.audio import KlingTextToAudioOperator
from airflow_provider_kling.operators.video import KlingMotionControlOperator, KlingVideoEffectsOperator
from airflow_provider_kling.operators.video2 import KlingImageToVideo2Operator, KlingMotionControl2Operator

ASSETS = Path(__file__).parent / "assets"
MOTION = "{{ ti.xcom_pull(task_ids='dance')['videos'][0]['url'] }}"

with DAG(
    dag_id="example_kling_motion_and_effects",
    dag_display_name="Kling: motion control and effects",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1), "deferrable": True},
    params={"prompt": "She dances slowly, camera fixed"},
    tags=["example", "kling", "video"],
    doc_md=__doc__,
) as dag:
    dance = KlingImageToVideo2Operator(
        task_id="dance",
        first_frame=str(ASSETS / "presenter.jpg"),
        prompt="{{ params.prompt }}",
        duration=5,
    )
    transfer = KlingMotionControlOperator(
        task_id="transfer",
        image_url=str(ASSETS / "presenter.jpg"),
        video_url=MOTION,
        character_orientation="image",
        mode="std",
    )
    transfer_v2 = KlingMotionControl2Operator(
        task_id="transfer_v2",
        image=str(ASSETS / "presenter.jpg"),
        video=MOTION,
        character_orientation="image",
    )
    KlingVideoEffectsOperator(
        task_id="effect",
        effect_scene="hug_pro",
        input={"images": [str(ASSETS / "presenter.jpg"), str(ASSETS / "presenter.jpg")]},
    )
    KlingTextToAudioOperator(task_id="audio", prompt="Slow piano in a large hall", duration=5)

    dance >> [transfer, transfer_v2]

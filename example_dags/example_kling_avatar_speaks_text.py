# SPDX-License-Identifier: Apache-2.0
"""
### An avatar speaks a text

Text to speech generates the audio, and the avatar speaks it. The audio remains at Kling: the tasks pass only
its id.

Needs a connection `kling_default` of type *Kling AI*.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.audio import KlingTextToSpeechOperator
from airflow_provider_kling.operators.avatar import KlingAvatarImageToVideoOperator

ASSETS = Path(__file__).parent / "assets"

with DAG(
    dag_id="example_kling_avatar_speaks_text",
    dag_display_name="Kling: an avatar speaks a text",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    params={
        "image": str(ASSETS / "presenter.jpg"),
        "text": "Good morning. Here is the weather: sunny in the north, some showers in the south.",
    },
    tags=["example", "kling", "avatar"],
    doc_md=__doc__,
) as dag:
    speech = KlingTextToSpeechOperator(
        task_id="speak",
        text="{{ params.text }}",
        voice_id="oversea_male1",
        voice_language="en",
    )

    KlingAvatarImageToVideoOperator(
        task_id="appear",
        image="{{ params.image }}",
        audio_id="{{ ti.xcom_pull(task_ids='speak')['audios'][0]['id'] }}",
        prompt="The presenter points at a map behind him",
        deferrable=True,
    ).set_upstream(speech)

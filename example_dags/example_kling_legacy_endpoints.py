# SPDX-License-Identifier: Apache-2.0
"""
### Legacy endpoints of gateways

Extends a video, synchronizes lips, animates a portrait and dresses a person with endpoints that
Kling's own hosts have retired. Use them only with a gateway that still serves them: the environment variable
`KLING_EXAMPLE_GATEWAY` names its connection.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.avatar import KlingAvatarOperator, KlingLipSyncOperator
from airflow_provider_kling.operators.image import KlingVirtualTryOnOperator
from airflow_provider_kling.operators.video import KlingTextToVideoOperator, KlingVideoExtendOperator

ASSETS = Path(__file__).parent / "assets"
VIDEO_ID = "{{ ti.xcom_pull(task_ids='film')['videos'][0]['id'] }}"

with DAG(
    dag_id="example_kling_legacy_endpoints",
    dag_display_name="Kling: legacy endpoints",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={
        "kling_conn_id": os.environ.get("KLING_EXAMPLE_GATEWAY", "kling_default"),
        "retries": 2,
        "retry_delay": timedelta(minutes=1),
        "deferrable": True,
    },
    params={"prompt": "A woman at a desk looks into the camera and speaks"},
    tags=["example", "kling", "legacy"],
    doc_md=__doc__,
) as dag:
    film = KlingTextToVideoOperator(task_id="film", prompt="{{ params.prompt }}", duration="5")
    extend = KlingVideoExtendOperator(task_id="extend", video_id=VIDEO_ID, prompt="She smiles")
    lip_sync = KlingLipSyncOperator(
        task_id="lip_sync",
        video_id=VIDEO_ID,
        mode="text2video",
        text="Good evening. The harbour opens again tomorrow.",
        voice_id="oversea_male1",
        voice_language="en",
    )
    KlingVirtualTryOnOperator(
        task_id="try_on",
        human_image=str(ASSETS / "presenter.jpg"),
        cloth_image=str(ASSETS / "city.jpg"),
    )
    KlingAvatarOperator(
        task_id="avatar",
        image=str(ASSETS / "presenter.jpg"),
        text="Good evening. The harbour opens again tomorrow.",
        voice_id="oversea_male1",
    )

    film >> [extend, lip_sync]

# SPDX-License-Identifier: Apache-2.0
"""Videos, images and an audio file; the images stay at Kling, the rest is stored."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.audio import KlingTextToAudioOperator
from airflow_provider_kling.operators.image import KlingImageGenerationOperator
from airflow_provider_kling.operators.video import KlingImageToVideoOperator

ASSETS = Path(__file__).parent / "assets"
KEPT = os.environ.get("GALLERY_FOLDER", "/nowhere")

SHOTS = [
    ("harbour", "Boats sway at their moorings, the camera glides low over the water towards the lighthouse"),
    ("city", "Dusk falls, window after window lights up while the camera rises above the roofs"),
    ("valley", "Morning mist drifts through the valley, the first sun touches the ridge"),
    ("harbour", "A storm gathers behind the pier, gulls fly inland"),
    ("city", "Snow begins to fall; the streets grow quiet and white"),
    ("valley", "Clouds race over the hills, their shadows cross the fields <in a minute>"),
]

with DAG(dag_id="gallery", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False) as dag:
    KlingImageToVideoOperator.partial(
        task_id="animate",
        duration="5",
        output_path=KEPT,
        poll_interval=0.5,
        map_index_template="{{ task.image.split('/')[-1] }}",
    ).expand_kwargs([{"image": str(ASSETS / f"{name}.jpg"), "prompt": prompt} for name, prompt in SHOTS])
    KlingImageGenerationOperator(
        task_id="posters", prompt="A poster of a harbour town, flat colours", n=3, poll_interval=0.5
    )
    KlingTextToAudioOperator(
        task_id="score",
        prompt="Calm waves, far bells",
        duration=5.0,
        output_path=KEPT,
        poll_interval=0.5,
    )

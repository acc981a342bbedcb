# SPDX-License-Identifier: Apache-2.0
"""
### An avatar reads the news from a file

Turns an image of a presenter and an audio file into a video of the presenter speaking. The video is as long
as the audio.

Needs a connection `kling_default` of type *Kling AI*, of Kling itself or of CometAPI. The six seconds cost
2.4 video units, about 0.34 US dollars at the list price of September 2026.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.avatar import KlingAvatarImageToVideoOperator

ASSETS = Path(__file__).parent / "assets"

with DAG(
    dag_id="example_kling_avatar_reads_news",
    dag_display_name="Kling: an avatar reads the news",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    params={"image": str(ASSETS / "presenter.jpg"), "sound_file": str(ASSETS / "news.mp3")},
    tags=["example", "kling", "avatar"],
    doc_md=__doc__,
) as dag:
    KlingAvatarImageToVideoOperator(
        task_id="read_news",
        image="{{ params.image }}",
        # Checked before anything is paid: mp3, wav, m4a or aac, at most 5 MB, 2 to 300 seconds.
        sound_file="{{ params.sound_file }}",
        # CometAPI refuses avatars without a prompt; Kling itself does not need one.
        prompt="The presenter looks into the camera, calm and friendly, and nods now and then",
        mode="std",
        deferrable=True,
    )

# SPDX-License-Identifier: Apache-2.0
"""
### A video with English subtitles, and its SRT file

Generates a short video with audio, then translates its speech: the result is the video with subtitles, an
SRT and an ASS file. In a real DAG `source_video` is an episode in object storage. The connection needs an
API key.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_kling.operators.solutions import KlingDramaSubtitleOperator
from airflow_provider_kling.operators.video2 import KlingTextToVideo2Operator

with DAG(
    dag_id="example_kling_subtitle_drama",
    dag_display_name="Kling: subtitles for a drama",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1), "deferrable": True},
    params={"prompt": "A woman in an office turns around and says in Chinese: Song Tang, you are late"},
    tags=["example", "kling", "subtitles"],
    doc_md=__doc__,
) as dag:
    act = KlingTextToVideo2Operator(
        task_id="act",
        prompt="{{ params.prompt }}",
        duration=5,
    )
    translate = KlingDramaSubtitleOperator(
        task_id="translate",
        source_video="{{ ti.xcom_pull(task_ids='act')['videos'][0]['url'] }}",
        glossary=[{"source": "宋棠", "target": "Song Tang"}],
        target_cps=15,
    )

    @task
    def hand_over(result: dict) -> str:
        """Pass the SRT file on; with output_path it also has a path of your own storage."""
        return result["srts"][0].get("path") or result["srts"][0]["url"]

    act >> translate
    hand_over(translate.output)

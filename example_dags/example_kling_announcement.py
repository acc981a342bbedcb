# SPDX-License-Identifier: Apache-2.0
"""
### An announcement from one request

Some gateways have an avatar endpoint that takes a text and a voice, `videos/avatar`. Kling itself does not
document it: see `example_kling_avatar_speaks_text` for the way that works there.

Needs a connection `kling_default` of type *Kling AI* to a host that has the endpoint.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kling.operators.avatar import KlingAvatarOperator

ASSETS = Path(__file__).parent / "assets"

with DAG(
    dag_id="example_kling_announcement",
    dag_display_name="Kling: an announcement from one request",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    params={"image": str(ASSETS / "presenter.jpg"), "text": "Hello, and welcome to our channel."},
    tags=["example", "kling", "avatar"],
    doc_md=__doc__,
) as dag:
    KlingAvatarOperator(
        task_id="announce",
        image="{{ params.image }}",
        text="{{ params.text }}",
        voice_id="oversea_male1",
        aspect_ratio="16:9",
        deferrable=True,
    )

# SPDX-License-Identifier: Apache-2.0
"""A task that gives up while its job goes on, one that uses its result, and recipes of the pages."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_kling.operators.video import KlingTextToVideoOperator

with DAG("live_red", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False):
    make = KlingTextToVideoOperator(
        task_id="make",
        prompt="A lighthouse in a storm",
        external_task_id="{{ var.value.get('kling_attach', '') }}",
        deferrable=True,
        poll_interval=0.5,
        timeout=1,
    )

    @task
    def use(result: dict[str, Any]) -> str:
        """Name what was made."""
        return f"video {result['videos'][0]['id']}"

    use(make.output)

# Recipes of the pages: "page:dag_id page:dag_id".
for place in os.environ.get("LIVE_RECIPES", "").split():
    page, _, wanted = place.rpartition(":")
    sources = re.findall(r"^```python\n(.*?)^```", Path(page).read_text("utf-8"), re.M | re.S)
    exec(next(source for source in sources if f'"{wanted}"' in source), globals())

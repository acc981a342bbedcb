# SPDX-License-Identifier: Apache-2.0
"""Say whether the parser of this file, and a task, have modules of this package that it does not import."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG, task

OPERATORS = "airflow_provider_kling.operators.video"

with DAG(
    "live_preload",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    description=f"parsed with operators: {OPERATORS in sys.modules}",
):

    @task
    def look() -> bool:
        """Say whether the process of this task has the operators."""
        return OPERATORS in sys.modules

    look()

# SPDX-License-Identifier: Apache-2.0
"""What the ways that are compared have in common."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

INTERVAL = 5.0
MODEL = {"model_name": "kling-v2-6", "duration": "5"}
COMMON: dict[str, Any] = {
    "schedule": None,
    "start_date": datetime(2026, 1, 1, tzinfo=UTC),
    "catchup": False,
    "params": {"count": 1},
    "max_active_tasks": 500,
    "default_args": {"retries": 2, "retry_delay": timedelta(seconds=1)},
}

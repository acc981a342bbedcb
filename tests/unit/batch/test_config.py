# SPDX-License-Identifier: Apache-2.0
"""The external ids of the jobs of a batch."""

from __future__ import annotations

from typing import Any

from airflow_provider_kling.api.endpoint import get_endpoint
from airflow_provider_kling.batch.config import BatchConfig
from airflow_provider_kling.batch.input import RequestRow
from airflow_provider_kling.batch.ledger_entry import LedgerEntry, RowState
from airflow_provider_kling.submission.context import IdempotencyKey

ROW = RequestRow(1, "content-0", {"prompt": "p"})


def external_task_id(slug: str = "images/generations", **values: Any) -> str:
    key = IdempotencyKey("shop", "batch", "run", -1, 0, "")
    config = BatchConfig(get_endpoint(slug), key, clear_count=0, concurrency=1, poll_interval=1.0)
    return config.job_key(ROW, LedgerEntry("a", RowState.PENDING, 1, **values)).external_task_id(0)


def test_another_endpoint_or_attempt_has_another_external_id() -> None:
    assert external_task_id() != external_task_id("videos/text2video")
    assert external_task_id() != external_task_id(attempt=1)

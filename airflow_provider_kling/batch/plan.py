# SPDX-License-Identifier: Apache-2.0
"""What is asked of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..submission import JobKey

if TYPE_CHECKING:
    from ..api.endpoint import Endpoint
    from .entry import Entry
    from .rows import Row


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What is asked of a batch.

    :param endpoint: where all rows go.
    :param key: names the batch; each row's job adds the row's own key.
    :param generation: which clear of the task this is; 0 before the first.
    :param concurrency: most jobs under way at once.
    :param poll_interval: most seconds between polls of a job that may have ended.
    :param max_units: no new job is submitted that could bring the cost above this.
    :param max_failed: stop submitting when more rows than this have failed; ``None`` for never.
    :param extra_body: further JSON keys for every request.
    """

    endpoint: Endpoint
    key: JobKey
    generation: int
    concurrency: int
    poll_interval: float
    max_units: Decimal | None = None
    max_failed: int | None = None
    extra_body: Mapping[str, Any] | None = None

    def job_key(self, row: Row, entry: Entry) -> JobKey:
        """Name the next job of a row.

        The name comes from what stands in the row, not from the content of its files: so it is known
        without reading them, and two rows never share a job because their pictures look the same.
        """
        given = row.values.get("external_task_id") or None
        attempt = entry.attempt
        content = f"{row.key}~{attempt}" if attempt else row.key
        key = replace(
            self.key,
            fingerprint=f"{self.endpoint.slug}\0{content}",
            given=f"{given}-{attempt + 1}" if given and attempt else given,
        )
        # Ledgers of earlier versions hold names without the endpoint. A job that was asked for under such a
        # name may still appear, and Kling makes no second one only as long as the name stays.
        older = replace(key, fingerprint=content)
        return older if entry.external_task_id == older.external_task_id(0) else key

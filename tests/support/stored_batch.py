# SPDX-License-Identifier: Apache-2.0
"""A batch in a folder: its ledger, its files and their manifests."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow_provider_kling.batch.config import batch_name
from airflow_provider_kling.batch.ledger import Ledger
from airflow_provider_kling.batch.ledger_entry import LedgerEntry, RowState
from airflow_provider_kling.plugins.serializers import TaskInstanceRow
from airflow_provider_kling.submission.context import IdempotencyKey
from airflow_provider_kling.utils.storage import resolve_path

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
RUN = "manual__2026-11-20T10:00:00+00:00"
SLUG = "images/generations"
JOB = 178901234567800000
_numbers = itertools.count(1)


class StoredBatch:
    """A batch of a task instance as its worker stores it in a folder.

    :param root: the batch's output path.
    :param image: returns the image of a row, by its number.
    :param place: the task instance, if not a new one.
    """

    def __init__(self, root: Path, image: Callable[[int], bytes] = lambda _: PNG, **place: Any) -> None:
        self.image = image
        known: dict[str, Any] = {
            "dag_id": f"batches{next(_numbers)}",
            "run_id": RUN,
            "task_id": "make",
            "map_index": -1,
        }
        self.place: dict[str, Any] = known | place
        self.root = root
        name = batch_name(IdempotencyKey(**self.place, clear_count=0, fingerprint=""), SLUG)
        self.folder = root / "_ledger" / name
        self.overview: dict[str, Any] = {
            **{"endpoint": SLUG, "generation": 0, "rows": 10, "unit": "image", "units_estimated": "80"},
            "ledger_path": str(self.folder),
        }

    def instance(self, **more: Any) -> TaskInstanceRow:
        values = {"fields": {"output_path": str(self.root)}, "xcoms": {"kling_batch": self.overview}}
        return TaskInstanceRow(**self.place, **{"state": "running", "try_number": 1, **values, **more})

    def write(self, *entries: LedgerEntry) -> None:
        ledger = Ledger(resolve_path(str(self.folder)))
        ledger.load()
        for entry in entries:
            ledger.record(entry)
        ledger.flush()

    def done(self, number: int, **more: Any) -> LedgerEntry:
        job = str(JOB + number)
        home = self.root / job
        home.mkdir(parents=True, exist_ok=True)
        content = self.image(number)
        (home / "0-image.png").write_bytes(content)
        entry = {"key": "images[0].url", "name": "0-image.png", "type": "image/png", "bytes": len(content)}
        request = {"prompt": f"a whole prompt of row {number}", "model_name": "kling-v2-1"}
        self.manifest(home, task_id=job, request=request, files=[entry])
        values = {
            "result": {"images": [{"index": 0, "path": str(home / "0-image.png"), "bytes": len(content)}]},
            **{"units": "8", "prompt": f"product {number}", "model_name": "kling-v2-1", "task_id": job},
        }
        return self.line(number, RowState.DONE, **{**values, **more})

    def manifest(self, home: Path, **more: Any) -> None:
        whole = {"version": 1, "airflow": {**self.place, "try_number": 1, "owner": "studio"}, **more}
        (home / "manifest.json").write_text(json.dumps(whole))

    def line(self, number: int, state: RowState, **more: Any) -> LedgerEntry:
        values: dict[str, Any] = {"airflow": {**self.place, "try_number": 1}, **more}
        return LedgerEntry(f"row-{number}", state, number, **values)

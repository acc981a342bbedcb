# SPDX-License-Identifier: Apache-2.0
"""Write runs of many results, as workers store them, into an Airflow that is running.

``python -m tests.e2e.browser.stored_runs FOLDER`` runs with that Airflow's environment. The run ``mapped`` of
the DAG ``gallery`` has a mapped task of 300 results and a refused one, the run ``batch`` an image with
the verdict of a media check, and a batch of 1,000 rows. All files, manifests and the ledger are in the
folder, and ids have 18 digits.
"""

from __future__ import annotations

import io
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from airflow_provider_kling.batch.ledger_entry import RowState
from airflow_provider_kling.plugins.serializers import TaskInstanceRow
from scripts.local_airflow import EXAMPLES
from tests.support.stored_batch import JOB, SLUG, StoredBatch
from tests.unit.plugins.database import put

DAG = "gallery"
MAPPED, BATCH = "mapped", "batch"
ROWS, INSTANCES = 1000, 300
REASON = "The prompt was refused by the content safety check (code 1301)."
VERDICT = "width is 420 pixels; expected at least 1024"
_SIZES = ((300, 300), (240, 420), (420, 240))
_SCENES = ("harbour", "city", "valley")


def main() -> int:
    """Write both runs."""
    root = Path(sys.argv[1])
    poster = _poster(root / BATCH)
    put([*_mapped(root / MAPPED), poster, _check(poster), _batch(root / BATCH)])
    return 0


@cache
def _picture(kind: int) -> bytes:
    file = io.BytesIO()
    with Image.open(EXAMPLES / "assets" / f"{_SCENES[kind // 3]}.jpg") as image:
        ImageOps.fit(image, _SIZES[kind % 3]).quantize(64).save(file, "PNG")
    return file.getvalue()


def image_of(number: int) -> bytes:
    """Return one of nine images: square, portrait or wide."""
    return _picture(number % 9)


def _result(root: Path, number: int, place: dict[str, Any]) -> dict[str, Any]:
    """Store an image with its manifest; return the task's result."""
    job = str(JOB + number)
    file = root / job / "0-image.png"
    file.parent.mkdir(parents=True)
    file.write_bytes(content := image_of(number))
    manifest = {
        "version": 1,
        "task_id": job,
        "airflow": place,
        "request": {"prompt": f"product {number}"},
        "files": [{"key": "images[0].url", "name": file.name, "type": "image/png", "bytes": len(content)}],
    }
    file.with_name("manifest.json").write_text(json.dumps(manifest))
    images = [{"index": 0, "url": None, "path": str(file), "bytes": len(content)}]
    known = {"task_id": job, "external_task_id": f"af-{number}", "endpoint": SLUG, "status": "succeed"}
    return {**known, "units": "8", "charges": [], "images": images}


def _instance(root: Path, number: int, model: str = "kling-v2-1", **place: Any) -> TaskInstanceRow:
    fields = {"prompt": f"product {number}", "model_name": model, "output_path": str(root)}
    result = _result(root, number, place)
    return TaskInstanceRow(
        **place, state="success", try_number=1, xcoms={"return_value": result}, fields=fields
    )


def _mapped(root: Path) -> list[TaskInstanceRow]:
    place = {"dag_id": DAG, "run_id": MAPPED, "task_id": "film"}
    refusal = {
        **{"status": "refused", "reason": REASON, "prompt": "a forbidden product", "endpoint": SLUG},
        **{"task_id": None, "external_task_id": "af-0", "units": None, "charges": [], "request": {}},
    }
    refused = TaskInstanceRow(
        **{**place, "task_id": "refused", "map_index": -1},
        state="success",
        try_number=1,
        xcoms={"return_value": refusal},
        fields={"prompt": refusal["prompt"], "model_name": "kling-v2-1"},
    )
    return [refused, *(_instance(root, at, **place, map_index=at) for at in range(INSTANCES))]


def _poster(root: Path) -> TaskInstanceRow:
    place = {"dag_id": DAG, "run_id": BATCH, "task_id": "poster", "map_index": -1}
    return _instance(root / "poster", ROWS + 1, "kling-v3", **place)


def _check(poster: TaskInstanceRow) -> TaskInstanceRow:
    """Return the media check of an image, as ``KlingMediaCheckOperator`` returns its verdict."""
    path = poster.xcoms["return_value"]["images"][0]["path"]
    file = {"path": path, "passed": False, "failures": [VERDICT], "facts": {"width": 420, "height": 240}}
    verdict = {"passed": False, "checked": 1, "rules": {"min_width": 1024}, "files": [file]}
    return TaskInstanceRow(
        DAG, BATCH, "check", -1, state="success", try_number=1, xcoms={"return_value": verdict}
    )


def _batch(root: Path) -> TaskInstanceRow:
    place = {"dag_id": DAG, "run_id": BATCH, "task_id": "shoot", "map_index": -1}
    batch = StoredBatch(root, image_of, **place)
    batch.overview |= {"rows": ROWS, "units_estimated": "8000"}
    lines = []
    for number in range(1, ROWS + 1):
        job = {"task_id": str(JOB + number), "prompt": f"product {number}", "model_name": "kling-v2-1"}
        if number % 100 == 7:
            lines.append(batch.line(number, RowState.REFUSED, error=REASON, **job))
        elif number % 100 == 9:
            lines.append(batch.line(number, RowState.FAILED, error="Kling found no face.", **job))
        else:
            lines.append(batch.done(number))
    batch.write(*lines)
    return batch.instance(state="running")


if __name__ == "__main__":
    sys.exit(main())

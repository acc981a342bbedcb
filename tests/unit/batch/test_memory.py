# SPDX-License-Identifier: Apache-2.0
"""However many rows a batch has, and however large their images, few are in memory at once.

The full measurement (5,000 rows with images in S3) is the benchmark's: ``python -m benchmarks.bench_batch``.
"""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_kling.emulator.server import Emulator

MEGABYTE = 1 << 20

# A process of its own: the peak of this one has been elsewhere already.
PROGRAM = r"""
import json, re, sys
from airflow_provider_kling.operators.batch import KlingBatchOperator
from tests.unit.operators.conftest import TaskInstance, context_of

def peak():
    return int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1]) * 1024

def run(requests, output):
    operator = KlingBatchOperator(
        task_id="batch", endpoint="videos/image2video", requests=requests, output_path=output,
        concurrency=30, poll_interval=0.2,
    )
    return operator.execute(context_of(TaskInstance(run_id=output)))["done"]

warm_up, *sources = sys.argv[1:]
output = sources.pop()
run(warm_up, output + "/warm-up")
peaks, done = [peak()], []
for number, source in enumerate(sources):
    done.append(run(source, f"{output}/{number}"))
    peaks.append(peak())
print(json.dumps([done, [later - peaks[0] for later in peaks[1:]]]))
"""


def image_file(size: int) -> bytes:
    """A JPEG of about this many bytes: what follows its end is passed over by all who read it."""
    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (640, 480), "green").save(stream, "JPEG")
    return stream.getvalue() + os.urandom(size)


@pytest.mark.slow
def test_only_a_few_large_images_are_in_memory_at_once(
    start: Callable[..., Emulator], s3: Any, tmp_path: Path
) -> None:
    start(slots=0, job_seconds=1.0)
    count, size = 40, 2 * MEGABYTE
    for number in range(6):
        s3.put(f"in/{number}.jpg", image_file(size))
    small = s3.put("in/small.jpg", image_file(1000))
    url_rows = [{"image": s3.uri(f"in/{number % 6}.jpg"), "prompt": str(number)} for number in range(count)]
    warm_up = s3.put("in/warm-up.jsonl", json.dumps({"image": small}).encode())
    by_url = s3.put("in/rows.jsonl", "\n".join(map(json.dumps, url_rows)).encode())
    with (tmp_path / "inline.jsonl").open("w") as file:
        for number in range(count):
            row = {"image": base64.b64encode(image_file(size)).decode(), "prompt": f"inline {number}"}
            file.write(f"{json.dumps(row)}\n")
    arguments = [warm_up, by_url, str(tmp_path / "inline.jsonl"), str(tmp_path / "out")]
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, timeout=240, check=False
    )
    assert run.returncode == 0, run.stderr[-3000:]
    done, more = json.loads(run.stdout.splitlines()[-1])
    assert done == [count, count]
    # All rows of either list together hold 107 MB of base64, three times over on their way to Kling.
    assert max(more) < 150 * MEGABYTE, f"{[round(value / MEGABYTE) for value in more]} MB more"

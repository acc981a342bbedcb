# SPDX-License-Identifier: Apache-2.0
"""A large result passes through the worker without staying in its memory."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.unit.results.conftest import MP4, box, movie, video_task
from tests.unit.results.web import endless, whole

MEGABYTE = 1 << 20

# A process of its own: the peak of this one has been elsewhere already.
PROGRAM = r"""
import json, re, sys
from airflow_provider_kling.results.download import DownloadOptions
from airflow_provider_kling.results.store import store_result

def peak_kilobytes():
    return int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1])

small, large, output = json.loads(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
rules = DownloadOptions(allow_private=True, attempts=1)
store_result(small, output, options=rules)
before = peak_kilobytes()
size = store_result(large, output, options=rules)["videos"][0]["bytes"]
print(json.dumps([size, peak_kilobytes() - before]))
"""


def test_500_mb_within_32_mb_of_memory(web, tmp_path):
    head = MP4[:-8] + box(b"mdat", size=500 * MEGABYTE - len(MP4) + 8)
    small = video_task(web.serve("/small", whole(movie(bytes(300_000)))), task_id="small")
    large = video_task(web.serve("/large", endless(500 * MEGABYTE, head)), task_id="large")
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(small), json.dumps(large), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    size, more = json.loads(run.stdout.splitlines()[-1])
    (tmp_path / "large" / "0-video.mp4").unlink()
    assert size == 500 * MEGABYTE
    assert more < 32 * 1024, f"{more} kB more"

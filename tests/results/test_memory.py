# SPDX-License-Identifier: Apache-2.0
"""A large result passes through the worker without staying in its memory."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.results.conftest import MP4, video_task
from tests.results.web import endless, whole

MEGABYTE = 1 << 20

# A process of its own: the peak of this one has been elsewhere already.
PROGRAM = r"""
import json, re, sys
from airflow_provider_kling.results import DownloadRules, land

def peak_kilobytes():
    return int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1])

small, large, output = json.loads(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
rules = DownloadRules(allow_private=True, attempts=1)
land(small, output, rules=rules)
before = peak_kilobytes()
size = land(large, output, rules=rules)["videos"][0]["bytes"]
print(json.dumps([size, peak_kilobytes() - before]))
"""


def test_500_mb_within_32_mb_of_memory(web, tmp_path):
    small = video_task(web.serve("/small", whole(MP4 + bytes(300_000))), task_id="small")
    large = video_task(web.serve("/large", endless(500 * MEGABYTE, MP4)), task_id="large")
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

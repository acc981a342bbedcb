# SPDX-License-Identifier: Apache-2.0
"""One batch in a process of its own, and what it took: ``python -m benchmarks.batch_alone ARGUMENTS``.

``ARGUMENTS`` are those of the operator, as JSON; the last line of the output is what was measured.
"""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow_provider_kling.operators.batch import KlingBatchOperator

_SAMPLE = 0.05
_LOADED_ANYHOW = (
    "airflow_provider_kling.batch.runner",
    "airflow_provider_kling.hooks.async_client",
    "airflow_provider_kling.results.download",
    "s3fs",
    "av",
    "PIL.Image",
)


class Memory:
    """Watches what this process keeps in memory."""

    def __init__(self) -> None:
        self.before = self.peak = _resident()
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def stop(self) -> float:
        """Stop watching; return how many megabytes more were in use at the peak than before."""
        self._ended.set()
        self._watcher.join()
        return (self.peak - self.before) / 1e6

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLE):
            self.peak = max(self.peak, _resident())


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def main() -> None:
    """Run the batch and print what it took."""
    arguments: dict[str, Any] = json.loads(sys.argv[1])
    for name in _LOADED_ANYHOW:
        import_module(name)
    instance = SimpleNamespace(
        dag_id="bench", task_id="batch", run_id="once", map_index=-1, max_tries=0, try_number=1
    )
    instance.xcom_push = lambda **_: None
    operator = KlingBatchOperator(task_id="batch", **arguments)
    context: Any = {"ti": instance}
    # The first look at a storage loads what the storage needs, whatever is done with it.
    operator.hook.settings  # noqa: B018
    memory, began, worked, began_at = Memory(), time.monotonic(), time.process_time(), time.time()
    summary = operator.execute(context)
    measured = {
        "began_at": began_at,
        "seconds": time.monotonic() - began,
        "cpu": time.process_time() - worked,
        "megabytes": memory.stop(),
        "summary": summary,
    }
    sys.stdout.write(f"\n{json.dumps(measured)}\n")


if __name__ == "__main__":
    main()

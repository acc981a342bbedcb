# SPDX-License-Identifier: Apache-2.0
"""What a DAG file pays for importing the operators, over what Airflow itself has loaded already.

Airflow imports each DAG file again and again, so this is paid all day.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.local_airflow import environment

BUDGET_MS = 50.0
ROUNDS = 9

_MODULES = (
    "airflow_provider_kling.operators.video",
    "airflow_provider_kling.operators.image",
    "airflow_provider_kling.sensors.kling",
)
# Airflow freezes its own objects before it forks the processes that parse; else a collection of all of them,
# which takes 80 ms, may or may not fall into the import.
_CODE = """
import gc, sys, time
from airflow.providers.common.compat.sdk import DAG, BaseOperator, BaseSensorOperator, conf, task
before = set(sys.modules)
gc.freeze()
start = time.process_time()
import {module}
print((time.process_time() - start) * 1000, len(set(sys.modules) - before))
"""


def main() -> None:
    """Measure and print a table."""
    print(f"CPU time of imports over a loaded Airflow, median of {ROUNDS} (budget {BUDGET_MS:.0f} ms)")
    with tempfile.TemporaryDirectory(prefix="kling-bench-") as folder:
        env = environment(Path(folder))
        for module in _MODULES:
            samples = [_measure(module, env) for _ in range(ROUNDS)]
            median = statistics.median(milliseconds for milliseconds, _ in samples)
            print(f"  {module:<42} {median:6.1f} ms  {samples[0][1]:4d} modules")


def _measure(module: str, env: dict[str, str]) -> tuple[float, int]:
    code = _CODE.format(module=module)
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    milliseconds, modules = done.stdout.split()[-2:]
    return float(milliseconds), int(modules)


if __name__ == "__main__":
    main()

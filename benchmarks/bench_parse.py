# SPDX-License-Identifier: Apache-2.0
"""What the DAG processor pays for a DAG file with 500 tasks: ``python -m benchmarks.bench_parse``.

The same file with this provider's operators and with stock ``HttpOperator``, one after the other in one run.
Each parse is Airflow's own, in a process forked for it as the DAG processor does: import of the file, checks
of the DAG, and serialization. The output is Markdown for ``docs/benchmarks.md``. Needs Airflow 3.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from scripts.local_airflow import ROOT, environment

GOAL = 1.2
ROUNDS = 11
DAGS = Path(__file__).parent / "parse_dags"
WAYS = {"HttpOperator": "with_stock_parts.py", "this provider": "with_kling.py"}
STOCK, OWN = WAYS
WITHOUT = "this provider, `[kling] preload = False`"


def measure(rounds: int, *, preload: bool) -> dict[str, list[dict[str, float]]]:
    """Parse both files in turn; give processor time by step, in milliseconds."""
    import structlog
    from airflow.dag_processing.processor import _pre_import_airflow_modules

    log = structlog.get_logger("bench")
    # The DAG processor imports in advance what a file imports of Airflow, its providers included: once, not
    # in each parse. It does not import other packages; the plugin of this one does so itself.
    for name in WAYS.values():
        _pre_import_airflow_modules(str(DAGS / name), log)
    if preload:
        from airflow_provider_kling.plugins.preview import KlingPlugin

        sys.argv = ["airflow", "dag-processor"]
        KlingPlugin.on_load()
    gc.collect()
    gc.freeze()
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, name in WAYS.items():
            found[way].append(_forked(lambda name=name: _parse(DAGS / name)))  # type: ignore[misc]
    return found


def _parse(file: Path) -> dict[str, float]:
    import structlog
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.dag_processing.processor import _serialize_dags

    began = time.process_time()
    bag = BundleDagBag(dag_folder=file, bundle_path=file.parent, bundle_name="bench", load_op_links=False)
    parsed = time.process_time()
    dags, errors = _serialize_dags(bag, structlog.get_logger("bench"))
    done = time.process_time()
    if errors or bag.import_errors:
        raise RuntimeError(f"{file.name} cannot be parsed: {errors or bag.import_errors}")
    (dag,) = dags
    return {
        "parse": (parsed - began) * 1000,
        "serialize": (done - parsed) * 1000,
        "total": (done - began) * 1000,
        "bytes": len(json.dumps(dag.data)),
        "tasks": len(dag.data["dag"]["tasks"]),
    }


def _forked(step: Callable[[], dict[str, float]]) -> dict[str, float]:
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        code = 1
        try:
            os.close(reader)
            with os.fdopen(writer, "w") as answer:
                json.dump(step(), answer)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    os.waitpid(pid, 0)
    return dict(json.loads(text))


def _in_own_process(rounds: int, *, preload: bool) -> dict[str, list[dict[str, float]]]:
    command = [sys.executable, "-m", "benchmarks.bench_parse", "--measure", "--rounds", str(rounds)]
    command += ["--preload"] if preload else []
    with tempfile.TemporaryDirectory(prefix="kling-bench-") as folder:
        done = subprocess.run(
            command,
            env=environment(Path(folder), DAGS),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def table(found: dict[str, list[dict[str, float]]]) -> list[str]:
    """Write the medians as a table, with the ratios of this provider to the stock operator."""

    def median(way: str, what: str) -> float:
        return statistics.median(sample[what] for sample in found[way])

    def row(way: str) -> str:
        parse, serialize, total = (median(way, what) for what in ("parse", "serialize", "total"))
        size = median(way, "bytes") / 1000
        return f"| {way} | {parse:.0f} ms | {serialize:.0f} ms | {total:.0f} ms | {size:.0f} kB |"

    def ratio(way: str) -> str:
        parts = (
            f"{median(way, what) / median(STOCK, what):.2f}"
            for what in ("parse", "serialize", "total", "bytes")
        )
        return f"| ratio of {way} (goal {GOAL}) | {' | '.join(parts)} |"

    return [
        "| 500 tasks | Import of the file | Serialization | Both | Serialized DAG |",
        "|---|--:|--:|--:|--:|",
        *map(row, found),
        *(ratio(way) for way in found if way != STOCK),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--preload", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        found = measure(arguments.rounds, preload=arguments.preload)
        sys.stdout.write(f"{json.dumps(found)}\n")
        return
    # The stock operators without the imports of this provider, which they would use, too.
    plain = _in_own_process(arguments.rounds, preload=False)
    own = _in_own_process(arguments.rounds, preload=True)[OWN]
    print("\n".join(table({STOCK: plain[STOCK], WITHOUT: plain[OWN], OWN: own})))


if __name__ == "__main__":
    main()

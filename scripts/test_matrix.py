# SPDX-License-Identifier: Apache-2.0
"""Run the tests on every supported Airflow, and write down what came of it.

``python -m scripts.test_matrix`` runs all tests that depend on Airflow or on what it brings along;
``--quick`` runs those that touch Airflow most; ``--only 3.0.6`` runs one release. Each environment is that of
a user: the release and its own libraries first, then the wheel under these. Environments and results are
below ``.work/matrix``; ``docs/compatibility.md`` is written from all results there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts.compatibility_table import write_table
from scripts.local_airflow import ROOT
from scripts.release_environment import (
    RELEASES,
    Release,
    build_wheel,
    find_python,
    install_release,
    install_wheel,
    python_of,
    versions,
)

WORK = ROOT / ".work" / "matrix"
RESULTS = WORK / "results"


_COMPLETE = (0, 1)
"""What pytest ends with after it has run all tests. An interrupted run writes a report, too."""

_TOOLS = (
    "apache-airflow-providers-standard",
    "hypothesis",
    "moto[server]",
    "pytest",
    "pytest-asyncio",
    "pytest-timeout",
    "pytest-xdist",
    "time-machine",
)

# Tests of the source text (types, layers, stubs, documents) and of this repository's own programs say nothing
# about a release of Airflow; those with a browser or with real processes have targets of their own.
_NOT_HERE = (
    "tests/project/operator_reference",
    "tests/project/packaging",
    "tests/project/scripts",
    "tests/project/test_layers.py",
    "tests/project/test_snippets.py",
)
_PATHS: dict[str, dict[str, tuple[str, ...]]] = {
    "unit": {
        "full": ("tests", "--ignore=tests/unit/emulator", *(f"--ignore={path}" for path in _NOT_HERE)),
        "quick": (
            "tests/unit/operators/test_construct.py",
            "tests/unit/operators/test_execute.py",
            "tests/unit/operators/test_templates.py",
            "tests/unit/hooks/test_connection.py",
            "tests/unit/hooks/test_kling.py",
            "tests/unit/sensors",
            "tests/unit/triggers/test_kling.py",
            "tests/unit/test_get_provider_info.py",
        ),
    },
    "emulator": {
        "full": ("tests/unit/emulator",),
        "quick": ("tests/unit/emulator/test_endpoints.py",),
    },
    "dag.test()": {
        "full": ("tests", *(f"--ignore={path}" for path in _NOT_HERE)),
        "quick": ("tests/airflow/test_example_dags.py", "tests/airflow/test_authoring.py"),
    },
}


def main() -> int:
    """Run what the command line asks for; return the exit code."""
    command = argparse.ArgumentParser(prog="python -m scripts.test_matrix", description=__doc__)
    add = command.add_argument
    add("--quick", action="store_true", help="only the tests that touch Airflow most")
    add("--only", action="append", default=[], metavar="VERSION", help="only this Airflow, or airflow/python")
    add("--suite", action="append", choices=_PATHS, help="only this suite; earlier results of others stay")
    add("--workers", default="2", help="processes of pytest-xdist (%(default)s)")
    arguments = command.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    wanted = [
        release
        for release in RELEASES
        if not arguments.only or {release.airflow, f"{release.airflow}/{release.python}"} & {*arguments.only}
    ]
    good = bool(wanted)
    for release in wanted:
        file = RESULTS / f"{release.name}.json"
        selection = "quick" if arguments.quick else "full"
        result = run_release(release, selection, arguments.workers, arguments.suite or list(_PATHS))
        if (
            arguments.suite
            and file.exists()
            and (old := json.loads(file.read_text()))["selection"] == selection
        ):
            result["suites"] = old["suites"] | result["suites"]
        file.write_text(json.dumps(result, indent=2))
        failed = any(suite["failed"] for suite in result["suites"].values())
        good &= release.may_fail or not (failed or result["missing"])
    known = [RESULTS / f"{release.name}.json" for release in RELEASES]
    print(write_table([json.loads(file.read_text()) for file in known if file.exists()]))
    return 0 if good else 1


def run_release(release: Release, selection: str, workers: str, suites: Sequence[str]) -> dict[str, Any]:
    """Run suites on one release; return its row of the table."""
    row: dict[str, Any] = {
        **asdict(release),
        "selection": selection,
        "missing": "",
        "suites": {},
        "libraries": "",
    }
    row["date"] = f"{datetime.now(UTC):%Y-%m-%d}"
    interpreter = find_python(release.python)
    if interpreter is None:
        row["missing"] = "not tested"
        print(f"{release.name}: no Python {release.python} on this machine", flush=True)
        return row
    folder, row["libraries"] = install(release, interpreter)
    row["packages"] = versions(folder)
    for suite in suites:
        row["suites"][suite] = run_suite(python_of(folder), suite, _PATHS[suite][selection], release, workers)
        print(f"{release.name}: {suite}: {row['suites'][suite]}", flush=True)
    return row


def install(release: Release, interpreter: str) -> tuple[Path, str]:
    """Make the release's environment; return its folder and where its libraries are from."""
    folder = WORK / release.name
    pins = install_release(release, interpreter, folder, extras=("amazon", "s3fs", "standard"))
    install_wheel(folder, pins, build_wheel(WORK / "dist"), extras=("emulator", "s3"), others=_TOOLS)
    return folder, pins.source


def run_suite(
    python: Path, suite: str, paths: Sequence[str], release: Release, workers: str
) -> dict[str, Any]:
    """Run one suite; return how many tests ended how.

    :raises RuntimeError: pytest did not run all tests; the text holds its last lines.
    """
    report = WORK / f"{release.name}-{suite.strip('()')}.xml"
    report.unlink(missing_ok=True)
    marks = "not slow and not live and not browser"
    marks += " and airflow" if suite == "dag.test()" else " and not airflow"
    options = ["-q", "-n", workers, "--dist", "loadgroup", "-p", "no:cacheprovider", "-m", marks]
    started = time.monotonic()
    with report.with_suffix(".log").open("w") as log:
        done = subprocess.run(
            [python, "-m", "pytest", *paths, *options, f"--junitxml={report}"],
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode not in _COMPLETE or not report.exists():
        output = report.with_suffix(".log").read_text()[-3000:]
        raise RuntimeError(f"pytest ended with {done.returncode}, before all tests had run:\n{output}")
    return {**count(report), "seconds": round(time.monotonic() - started)}


def count(report: Path) -> dict[str, Any]:
    """Return how many tests of a JUnit report ended how, and which failed."""
    cases = list(ET.parse(report).getroot().iter("testcase"))  # noqa: S314 - pytest has just written it
    bad = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = sum(case.find("skipped") is not None for case in cases)
    return {
        "passed": len(cases) - len(bad) - skipped,
        "failed": len(bad),
        "skipped": skipped,
        "failures": [f"{case.get('classname')}::{case.get('name')}" for case in bad],
    }


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""Writes ``docs/compatibility.md`` from the results of the matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scripts.local_airflow import ROOT
from scripts.readme_tables import README, with_table

PAGE = ROOT / "docs" / "compatibility.md"

_SUITES = {"unit": "Unit", "emulator": "Emulator", "dag.test()": "`dag.test()`"}
"""Suites of the results, and the heads of their columns."""
_SHOWN = ("apache-airflow-providers-common-compat", "apache-airflow-providers-http", "pydantic", "sqlalchemy")
_HEAD = """\
# Compatibility

Needs Airflow 2.11 or newer and Python 3.11 or newer.

`make test-matrix` writes this page; do not edit it. Each row is a separate environment. The cells show how
many tests passed, failed and were skipped: *unit* tests of the package, tests of the *emulator*, and tests
that run whole DAGs, including the examples, with *dag.test()* in a real Airflow. The matrix does not run
tests of the source text, nor tests that need a browser or real Airflow processes; these run on the newest
Airflow, with their own commands.

"""
_LIBRARIES = """
Each Airflow release was installed with the libraries that its constraints file pins, and then this package's
wheel, which changed none of them. *As of* with a date means that the constraints file could not be
downloaded; the libraries are then those of the day on which the release appeared. Other versions were not
tested.
"""
_QUICK = """
*quick* ran only the tests that depend most on Airflow: construction, rendering and execution of operators,
connection and hook, sensor, triggers, provider info, the emulator's endpoints, and all example DAGs. *full*
ran all tests.
"""


def write_table(rows: Sequence[dict[str, Any]]) -> str:
    """Write the page, and into the README its table; return the table.

    :param rows: results, in the order of the table.
    """
    head = ["Airflow", "Python", "Libraries", *_SUITES.values(), "Selection", "Date"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += [_line(row) for row in rows]
    table = "\n".join(lines) + "\n"
    PAGE.write_text(_HEAD + table + _notes(rows))
    README.write_text(with_table(README.read_text("utf-8"), "compatibility", table), encoding="utf-8")
    return table


def _line(row: dict[str, Any]) -> str:
    cells = [row["airflow"], row["python"], row["libraries"]]
    cells += [row["missing"] or _cell(row["suites"].get(suite)) for suite in _SUITES]
    return "| " + " | ".join([*cells, row["selection"], row["date"]]) + " |"


def _cell(suite: dict[str, Any] | None) -> str:
    if suite is None:
        return "not run"
    parts = [f"{suite['passed']} passed"]
    parts += [f"{suite[kind]} {kind}" for kind in ("failed", "skipped") if suite[kind]]
    return ", ".join(parts)


def _notes(rows: Sequence[dict[str, Any]]) -> str:
    text = (
        "\n## With which libraries\n\n| Airflow | Python | "
        + " | ".join(f"`{name}`" for name in _SHOWN)
        + " |\n"
    )
    text += "|" + "---|" * (len(_SHOWN) + 2) + "\n"
    for row in rows:
        packages = row.get("packages", {})
        shown = [packages.get(name, "") for name in _SHOWN]
        text += "| " + " | ".join([row["airflow"], row["python"], *shown]) + " |\n"
    text += _LIBRARIES
    if any(row["selection"] == "quick" for row in rows):
        text += _QUICK
    failures = [
        f"* {row['airflow']} on Python {row['python']}: `{name}`"
        for row in rows
        for suite in row["suites"].values()
        for name in suite["failures"]
    ]
    if failures:
        text += "\n## What failed\n\n" + "\n".join(failures) + "\n"
    return text

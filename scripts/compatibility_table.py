# SPDX-License-Identifier: Apache-2.0
"""Writes ``docs/compatibility.md`` from the results of the matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scripts.local_airflow import ROOT
from scripts.readme_tables import README, with_table

PAGE = ROOT / "docs" / "compatibility.md"

_SUITES = ("unit", "emulator", "dag.test()")
_SHOWN = ("apache-airflow-providers-common-compat", "apache-airflow-providers-http", "pydantic", "sqlalchemy")
_HEAD = """\
# Compatibility

Needs Airflow 2.11 or newer and Python 3.11 or newer.

Written by `make test-matrix`; do not edit. Each row is an environment of its own. Cells say how many tests
passed, failed and were skipped. *Unit* are the tests of the package itself, *emulator* those of the emulator,
and *dag.test()* runs whole DAGs, the examples among them, in a real Airflow. Left out are tests with a
browser, with real Airflow processes and of the source text, which have targets of their own and run on the
newest Airflow.

"""
_LIBRARIES = """
Each release was installed first, with the libraries that its own constraints file pins, and then this
package's wheel, which changed none of them. *Of* a date: the constraints file could not be downloaded, and
the libraries are those of the day on which the release appeared. Others were not tried.
"""
_QUICK = """
*quick* ran only what touches Airflow most: construction, rendering and execution of operators, connection and
hook, sensor, triggers, provider info, the emulator's endpoints, and all example DAGs. *full* ran all.
"""


def write_table(rows: Sequence[dict[str, Any]]) -> str:
    """Write the page, and into the README its table; return the table.

    :param rows: results, in the order of the table.
    """
    head = ["Airflow", "Python", "libraries", *_SUITES, "selection", "date"]
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
    text = "\n## With which libraries\n\n| Airflow | Python | " + " | ".join(_SHOWN) + " |\n"
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

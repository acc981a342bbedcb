# SPDX-License-Identifier: Apache-2.0
"""The table of a new user's mistakes in the documentation."""

from __future__ import annotations

import re

from scripts.local_airflow import ROOT

PAGE = ROOT / "docs" / "troubleshooting.md"
SHOWN = 90
"""Characters of an exception that Airflow's UI shows in a line of a log."""


def documented_lines() -> dict[str, re.Pattern[str]]:
    """Return what the first line of each mistake's error looks like.

    :return: pattern of the beginning of the error's text, by the name of the mistake.
    """
    section = PAGE.read_text("utf-8").partition("## The first hour")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|`]+) \| `([^`]+)` \|", section, re.MULTILINE)
    return {
        mistake.strip(): re.compile(".+?".join(re.escape(part) for part in line.split("...")))
        for mistake, line in rows
    }

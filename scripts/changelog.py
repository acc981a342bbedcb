# SPDX-License-Identifier: Apache-2.0
"""Read the changelog's fragments; ``python -m scripts.changelog`` prints the next release's section."""

from __future__ import annotations

import re
import tomllib
from typing import NamedTuple

from .local_airflow import ROOT

FOLDER = ROOT / "changelog.d"
TITLES: dict[str, str] = {
    each["directory"]: each["name"]
    for each in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["towncrier"]["type"]
}
"""Types of fragments, in the order of the changelog, with the headings that towncrier writes."""

_NAME = re.compile(r"(?P<issue>\d+|\+[a-z0-9-]+)\.(?P<type>[a-z]+)(?:\.\d+)?\.md")
_MAX_CHARACTERS = 400


class Fragment(NamedTuple):
    """One change.

    :param issue: number of the issue, or empty.
    :param type: a key of :data:`TITLES`.
    :param text: what changed, in one paragraph.
    """

    issue: str
    type: str
    text: str


def fragments() -> list[Fragment]:
    """Return all fragments, sorted by type and name.

    :raises ValueError: a file has another name or form than ``changelog.d/README.md`` describes.
    """
    found = []
    for file in sorted(FOLDER.iterdir()):
        if file.name in ("README.md", ".gitignore"):
            continue
        name = _NAME.fullmatch(file.name)
        if name is None or name["type"] not in TITLES:
            expected = f"ISSUE.TYPE.md or +WORD.TYPE.md with one of {', '.join(TITLES)}"
            raise ValueError(f"Invalid name of a changelog fragment: {file.name!r}; expected {expected}")
        text = " ".join(file.read_text("utf-8").split())
        if not 0 < len(text) <= _MAX_CHARACTERS or text.startswith(("#", "*", "-")):
            raise ValueError(
                f"Invalid text in {file.name!r}; expected a paragraph of at most {_MAX_CHARACTERS} characters"
            )
        found.append(Fragment(name["issue"] if name["issue"].isdecimal() else "", name["type"], text))
    return sorted(found, key=lambda each: list(TITLES).index(each.type))


def unreleased() -> str:
    """Return the section of the next release, as Markdown without its heading.

    :return: a heading and a list for each type that has fragments; empty without fragments.
    """
    parts = []
    for kind, title in TITLES.items():
        entries = [
            f"- {each.text}{f' (#{each.issue})' if each.issue else ''}"
            for each in fragments()
            if each.type == kind
        ]
        if entries:
            parts.append("\n".join([f"### {title}", "", *entries]))
    return "\n\n".join(parts)


if __name__ == "__main__":
    print(unreleased())
